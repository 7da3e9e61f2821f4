"""Mails about orders and offers, each sent once. Came out of `mail.py`."""

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from ..models import Order, WaitlistEntry
from .base import Service
from .interfaces import Clock, Mailer, MailNotSent

log = logging.getLogger(__name__)

Row = TypeVar("Row", Order, WaitlistEntry)


class Notifications(Service):
    """Sends mails that were not sent yet. Each returns whether it was sent now.

    Commits before and after each mail. One that cannot be sent is not lost: its column stays
    empty, and the next job tries again.
    """

    def __init__(self, session: Session, *, mailer: Mailer, clock: Clock) -> None:
        self._session = session
        self._mailer = mailer
        self._clock = clock

    def send_confirmation(self, order: Order) -> bool:
        return self._send_once(order, "confirmation_sent_at", self._mailer.send_confirmation)

    def send_reminder(self, order: Order) -> bool:
        return self._send_once(order, "reminder_sent_at", self._mailer.send_reminder)

    def send_refund_notice(self, order: Order) -> bool:
        return self._send_once(order, "refund_notice_sent_at", self._mailer.send_refund_notice)

    def send_offer(self, entry: WaitlistEntry) -> bool:
        return self._send_once(entry, "offer_sent_at", self._mailer.send_offer)

    def _send_once(self, row: Row, sent_at: str, send: Callable[[Row], None]) -> bool:
        now = self._clock()
        claimed = row.claim_mail(sent_at, now)
        self._session.commit()
        if not claimed:
            return False
        try:
            send(row)
        except MailNotSent as error:
            self._session.rollback()
            log.error("No mail to %s %s: %s", type(row).__name__, row.id, error)
            sent = False
        else:
            setattr(row, sent_at, now)
            sent = True
        row.mail_claimed_until = None
        self._session.commit()
        return sent
