"""Mail, by SMTP."""

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime

from ..clock import utc_now
from ..models import Order
from ..services.interfaces import MailNotSent


class SmtpMailer:
    """Implements `services.interfaces.Mailer`; `render` fills a template by its name."""

    def __init__(self, *, host: str, port: int, sender: str, render: Callable[..., str]) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._render = render

    def confirm(self, order: Order) -> None:
        subject = f"Your tickets for {order.event.title}"
        self._send(order.email, subject, self._render("mail/confirmation.txt", order=order))

    def _send(self, to: str, subject: str, body: str) -> None:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(utc_now())
        message.set_content(body)
        # Without a name to greet with, smtplib looks one up, which takes some machines seconds.
        greet_as = self._sender.rpartition("@")[2]
        try:
            with smtplib.SMTP(
                self._host, self._port, local_hostname=greet_as, timeout=5
            ) as server:
                server.send_message(message)
        except OSError as error:  # every SMTP error is one
            raise MailNotSent(str(error)) from error
