"""Waiting for seats, and being offered some. Came out of `views/waitlist.py`."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from ..models import Event, WaitlistEntry, WaitlistStatus
from .base import Service
from .batches import for_each_row
from .catalogue import require_open
from .errors import DomainError, OfferNotFound, OfferRefused, SeatsAvailable
from .interfaces import Clock
from .notifications import Notifications

OFFER_HOLDS = timedelta(hours=48)


def find_offer(session: Session, token: str, *, now: datetime) -> WaitlistEntry:
    """Return an offer that stands; raise OfferNotFound, or OfferRefused for one that did."""
    entry = session.scalar(select(WaitlistEntry).where(WaitlistEntry.token == token))
    if entry is None or entry.status == WaitlistStatus.WAITING or not entry.event.published:
        raise OfferNotFound()
    refusal = entry.refusal(entry.email, now)
    if refusal is not None:
        raise OfferRefused(refusal)
    return entry


def offer_for_event(session: Session, event: Event, token: str) -> WaitlistEntry | None:
    """Return what this token was given for, if it is for this event; None otherwise."""
    return session.scalar(
        select(WaitlistEntry).where(
            WaitlistEntry.token == token, WaitlistEntry.event_id == event.id
        )
    )


class WaitingList(Service):
    """The queues of all events. `new_secret` makes an unguessable text."""

    def __init__(
        self,
        session: Session,
        *,
        notifications: Notifications,
        clock: Clock,
        new_secret: Callable[[], str],
    ) -> None:
        self._session = session
        self._notifications = notifications
        self._clock = clock
        self._new_secret = new_secret

    def begin(self, event: Event) -> None:
        """Raise SalesClosed where it is too late to join.

        An entry point asks before it looks at anything else, and waits for no lock.
        """
        require_open(event, now=self._clock())

    def join(self, event: Event, email: str, quantity: int) -> bool:
        """Put an entry at the end of the queue; return False for one that is in it already.

        Commits. Raises SalesClosed, or SeatsAvailable, with nothing stored.
        """
        # A second click waits here, and then finds the entry of the first.
        event.lock()
        try:
            now = self._clock()
            require_open(event, now=now)
            if self._is_waiting(event, email, now):
                self._session.rollback()
                return False
            seats_left = event.seats_left(now)
            if seats_left >= quantity:
                raise SeatsAvailable(seats_left)
        except DomainError:
            self._session.rollback()
            raise
        self._session.add(
            WaitlistEntry(
                event=event,
                email=email,
                quantity=quantity,
                created_at=now,
                token=self._new_secret(),
            )
        )
        self._session.commit()
        return True

    def serve(self, event: Event) -> None:
        """Offer the seats that have come free to the queue, and mail the offers. Commits."""
        event.lock()
        self.offer_seats(event, self._clock())
        self._session.commit()
        self.mail_offers(event)

    def offer_seats(self, event: Event, now: datetime) -> int:
        """Offer free seats strictly in the order of joining; return how many entries got some.

        The caller has locked the event, has read the clock after that, and commits.
        """
        if event.has_started(now) or not event.published:
            return 0
        seats_left = event.seats_left(now)
        offers = 0
        for entry in self._queue(event, at_most=seats_left):
            # An entry that does not fit stops the queue: none is overtaken.
            if entry.quantity > seats_left:
                break
            seats_left -= entry.quantity
            entry.status = WaitlistStatus.OFFERED
            entry.offered_until = now + OFFER_HOLDS
            offers += 1
        return offers

    def mail_offers(self, event: Event | None = None) -> tuple[int, int]:
        """Mail the offers that were not mailed yet, of this event or of all.

        Commits for each of them. Returns how many were sent, and how many were not.
        """
        not_mailed = (
            select(WaitlistEntry)
            .where(
                WaitlistEntry.status == WaitlistStatus.OFFERED,
                WaitlistEntry.offered_until >= self._clock(),
                WaitlistEntry.offer_sent_at.is_(None),
            )
            .order_by(WaitlistEntry.id)
        )
        if event is not None:
            not_mailed = not_mailed.where(WaitlistEntry.event_id == event.id)
        entries = self._session.scalars(not_mailed).all()
        sent = for_each_row(self._session, entries, self._notifications.send_offer, failed=False)
        return sent.count(True), sent.count(False)

    def _is_waiting(self, event: Event, email: str, now: datetime) -> bool:
        offered = and_(
            WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until >= now
        )
        known = self._session.scalar(
            select(WaitlistEntry.id).where(
                WaitlistEntry.event_id == event.id,
                func.lower(WaitlistEntry.email) == email.lower(),
                or_(WaitlistEntry.status == WaitlistStatus.WAITING, offered),
            )
        )
        return known is not None

    def _queue(self, event: Event, *, at_most: int) -> Sequence[WaitlistEntry]:
        return self._session.scalars(
            select(WaitlistEntry)
            .where(
                WaitlistEntry.event_id == event.id,
                WaitlistEntry.status == WaitlistStatus.WAITING,
            )
            .order_by(WaitlistEntry.id)
            .limit(at_most)
        ).all()
