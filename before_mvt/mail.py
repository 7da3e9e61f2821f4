"""Mail, by SMTP."""

import smtplib
from email.message import EmailMessage
from email.utils import format_datetime

from flask import current_app

from .clock import utc_now


def send_mail(to: str, subject: str, body: str) -> None:
    """Send one mail; raise OSError (every SMTP error is one) when it cannot be sent."""
    sender = current_app.config["MAIL_SENDER"]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message.set_content(body)
    host, port = current_app.config["MAIL_HOST"], current_app.config["MAIL_PORT"]
    # Without a name to greet with, smtplib looks one up, which takes some machines seconds.
    greet_as = sender.rpartition("@")[2]
    with smtplib.SMTP(host, port, local_hostname=greet_as, timeout=5) as server:
        server.send_message(message)
