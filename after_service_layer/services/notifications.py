"""Mails about orders and offers, each sent once. Came out of `mail.py`."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from ..models import MailColumn, Order, WaitlistEntry
from .base import Service
from .interfaces import Clock, Mailer, MailNotSent

log = logging.getLogger(__name__)

Row = TypeVar("Row", Order, WaitlistEntry)


class Notifications(Service):
    """Sends mails that were not sent yet. Each method returns whether the mail was sent now.

    Commits before and after each mail. One that cannot be sent is not lost: its column stays
    empty, and the next job tries again.
    """

    def __init__(self, session: Session, *, mailer: Mailer, clock: Clock) -> None:
        self._session = session
        self._mailer = mailer
        self._clock = clock

    def send_confirmation(self, order: Order, *, claimed_at: datetime | None = None) -> bool:
        """Send the tickets; `claimed_at` is when `Order.pay` has claimed the mail, if it has."""
        sent_at = Order.confirmation_sent_at
        if claimed_at is None:
            return self._send_once(order, sent_at, self._mailer.send_confirmation)
        return self._send_claimed(order, sent_at, self._mailer.send_confirmation, claimed_at)

    def send_reminder(self, order: Order) -> bool:
        return self._send_once(order, Order.reminder_sent_at, self._mailer.send_reminder)

    def send_refund_notice(self, order: Order) -> bool:
        return self._send_once(order, Order.refund_notice_sent_at, self._mailer.send_refund_notice)

    def send_offer(self, entry: WaitlistEntry) -> bool:
        return self._send_once(entry, WaitlistEntry.offer_sent_at, self._mailer.send_offer)

    def _send_once(self, row: Row, sent_at: MailColumn, send: Callable[[Row], None]) -> bool:
        now = self._clock()
        is_claimed = row.claim_mail(sent_at, now)
        self._session.commit()
        return is_claimed and self._send_claimed(row, sent_at, send, now)

    def _send_claimed(
        self, row: Row, sent_at: MailColumn, send: Callable[[Row], None], now: datetime
    ) -> bool:
        try:
            send(row)
        except MailNotSent as error:
            self._session.rollback()
            log.error("No mail to %s %s: %s", type(row).__name__, row.id, error)
            row.finish_mail(sent_at, None)
            self._session.commit()
            return False
        row.finish_mail(sent_at, now)
        self._session.commit()
        return True
