"""Mail, by SMTP."""

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime

from ..clock import utc_now
from ..models import Order, WaitlistEntry
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
        body = self._render("mail/confirmation.txt", order=order)
        self._send(order.email, subject, body, order.mail_id("confirmation_sent_at"))

    def remind(self, order: Order) -> None:
        subject = f"Soon: {order.event.title}"
        body = self._render("mail/reminder.txt", order=order)
        self._send(order.email, subject, body, order.mail_id("reminder_sent_at"))

    def tell_of_refund(self, order: Order) -> None:
        subject = f"Your money back for {order.event.title}"
        body = self._render("mail/refund.txt", order=order)
        self._send(order.email, subject, body, order.mail_id("refund_notice_sent_at"))

    def offer(self, entry: WaitlistEntry) -> None:
        subject = f"Seats for {entry.event.title}"
        body = self._render("mail/offer.txt", entry=entry)
        self._send(entry.email, subject, body, entry.mail_id("offer_sent_at"))

    def _send(self, to: str, subject: str, body: str, mail_id: str) -> None:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(utc_now())
        domain = self._sender.rpartition("@")[2]
        message["Message-ID"] = f"<{mail_id}@{domain}>"
        message.set_content(body)
        try:
            # Without a name to greet with, smtplib looks one up, which takes seconds on some
            # machines.
            with smtplib.SMTP(self._host, self._port, local_hostname=domain, timeout=5) as server:
                server.send_message(message)
        except OSError as error:  # every SMTP error is one
            raise MailNotSent(str(error)) from error
