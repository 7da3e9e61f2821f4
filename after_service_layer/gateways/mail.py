"""Mail, by SMTP."""

import smtplib
from collections.abc import Callable
from contextlib import suppress

from ..models import MailColumn, Order, WaitlistEntry
from ..services.interfaces import MailNotSent
from ..support.logs import mask
from ..support.messages import compose


class SmtpMailer:
    """Implements `services.interfaces.Mailer`; `render` fills a template by its name."""

    def __init__(self, *, host: str, port: int, sender: str, render: Callable[..., str]) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._render = render

    def send_confirmation(self, order: Order) -> None:
        subject = "Your tickets for"
        self._send(
            order, Order.confirmation_sent_at, subject, "mail/confirmation.txt", order=order
        )

    def send_reminder(self, order: Order) -> None:
        self._send(order, Order.reminder_sent_at, "Soon:", "mail/reminder.txt", order=order)

    def send_refund_notice(self, order: Order) -> None:
        subject = "Your money back for"
        self._send(order, Order.refund_notice_sent_at, subject, "mail/refund.txt", order=order)

    def send_offer(self, entry: WaitlistEntry) -> None:
        self._send(entry, WaitlistEntry.offer_sent_at, "Seats for", "mail/offer.txt", entry=entry)

    def _send(
        self,
        row: Order | WaitlistEntry,
        sent_at: MailColumn,
        subject: str,
        template: str,
        **facts: object,
    ) -> None:
        try:
            message = compose(
                sender=self._sender,
                to=row.email,
                subject=f"{subject} {row.event.title}",
                body=self._render(template, **facts),
                mail_id=row.mail_id(sent_at),
            )
            # Without a name to greet with, smtplib looks one up, which takes seconds on some
            # machines.
            domain = self._sender.rpartition("@")[2]
            server = smtplib.SMTP(self._host, self._port, local_hostname=domain, timeout=5)
            try:
                server.send_message(message, self._sender, [row.email])
                # The server has the mail now, however it takes the goodbye.
                with suppress(OSError):
                    server.quit()
            finally:
                server.close()
        # Not only what SMTP raises: a mail that cannot be written stops nothing else.
        except Exception as error:
            raise MailNotSent(mask(f"{type(error).__name__}: {error}")) from error
