"""Buying tickets. Came out of `views/checkout.py`: rules, database, money and mail."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..models import (
    REFERENCE_LENGTH,
    REFERENCE_LETTERS,
    Event,
    Order,
    OrderStatus,
    Voucher,
    WaitlistEntry,
    WaitlistStatus,
)
from .base import Service
from .catalogue import require_open
from .errors import (
    AlreadyPlaced,
    CardDeclined,
    CardMissing,
    CheckoutIdUsed,
    DomainError,
    OfferNotFound,
    OfferRefused,
    PaymentPending,
    QuantityRefused,
    SoldOut,
    VoucherRefused,
    VoucherUnknown,
)
from .interfaces import Clock, PaymentOutcomeUnknown, Payments
from .pricing import price_order
from .settlement import Settlement
from .waiting_list import offer_for_event

log = logging.getLogger(__name__)

# A setting above it is a mistake: in minutes it is a week.
LARGEST_SETTING = 10_000


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What a buyer wants. The entry point has checked that each field is well formed."""

    checkout_id: str
    name: str
    email: str
    quantity: int
    voucher_code: str = ""
    card_token: str = ""
    offer_token: str = ""


@dataclass(frozen=True, kw_only=True)
class Availability:
    """What an event offers at an instant: seats, a place on the waiting list, or neither."""

    now: datetime
    seats_left: int
    can_buy: bool
    can_join_waiting_list: bool


class Checkout(Service):
    """Turns a purchase into an order: hold the seats, take the money, settle.

    `new_secret` makes an unguessable text, `choose` draws one letter of a text. The seats of an
    order are held for `hold_minutes`; `max_per_order` stands instead of the event's own limit.
    """

    def __init__(
        self,
        session: Session,
        *,
        payments: Payments,
        settlement: Settlement,
        clock: Clock,
        new_secret: Callable[[], str],
        choose: Callable[[str], str],
        hold_minutes: int = 30,
        max_per_order: int | None = None,
    ) -> None:
        require_whole("hold_minutes", hold_minutes)
        if max_per_order is not None:
            require_whole("max_per_order", max_per_order)
        self._session = session
        self._payments = payments
        self._settlement = settlement
        self._clock = clock
        self._new_secret = new_secret
        self._choose = choose
        self._hold_time = timedelta(minutes=hold_minutes)
        self._max_per_order = max_per_order

    def max_quantity(self, event: Event) -> int:
        """Return how many seats one order may have, as long as there are so many."""
        return self._max_per_order or event.max_per_order

    def max_waitlist_quantity(self, event: Event) -> int:
        """Return how many seats one may wait for: not more than one order may then have."""
        return min(event.max_waitlist_quantity, self.max_quantity(event))

    def availability(
        self, event: Event, *, wanted: int = 1, offer: WaitlistEntry | None = None
    ) -> Availability:
        """Return what can be bought now, by a buyer who wants so many seats or has an offer."""
        now = self._clock()
        seats_left = event.seats_left(now)
        is_open = not event.has_started(now)
        fits = seats_left >= min(wanted, self.max_waitlist_quantity(event))
        return Availability(
            now=now,
            seats_left=seats_left,
            can_buy=is_open and (seats_left > 0 or offer is not None),
            can_join_waiting_list=is_open and offer is None and not fits,
        )

    def begin(self, event: Event, checkout_id: str | None, email: str) -> None:
        """Raise AlreadyPlaced, CheckoutIdUsed or SalesClosed where there is nothing to buy.

        An entry point asks before it looks at anything else, and waits for no lock.
        """
        order = self._order_of(event, checkout_id, email)
        if order is not None:
            raise AlreadyPlaced(order)
        require_open(event, now=self._clock())

    def place(self, event: Event, purchase: Purchase) -> Order:
        """Return the paid order, or the one that this checkout id has made already.

        Commits the pending order, with its seats held, before any money moves; then what became
        of it, and that its mail is sent. Raises CheckoutIdUsed, SalesClosed, QuantityRefused,
        VoucherUnknown, VoucherRefused, SoldOut and CardMissing with nothing stored, CardDeclined
        with a declined order, PaymentPending with a pending one.
        """
        try:
            order = self._hold(event, purchase)
        except AlreadyPlaced as earlier:
            return earlier.order
        self._pay(order, purchase.card_token)
        return order

    def _hold(self, event: Event, purchase: Purchase) -> Order:
        """Return the pending order, committed; raise AlreadyPlaced."""
        # The limit that was shown, should an organiser change it during the wait.
        most = self.max_quantity(event)
        try:
            # From here to the commit, nothing else decides about this event's seats, and a second
            # click waits for the first. All that follows goes by the instant at which the wait
            # is over.
            event.lock()
            now = self._clock()
            existing_order = self._order_of(event, purchase.checkout_id, purchase.email)
            if existing_order is not None:
                raise AlreadyPlaced(existing_order)
            require_open(event, now=now)
            if not 1 <= purchase.quantity <= most:
                raise QuantityRefused(most)
            order = self._pending_order(event, purchase, now)
            self._session.add(order)
            self._session.commit()
        except (DomainError, AlreadyPlaced):
            self._session.rollback()
            raise
        except IntegrityError:
            # The same form, sent for another event at the same moment.
            self._session.rollback()
            existing_order = self._order_of(event, purchase.checkout_id, purchase.email)
            if existing_order is None:
                raise
            raise AlreadyPlaced(existing_order) from None
        return order

    def _order_of(self, event: Event, checkout_id: str | None, email: str) -> Order | None:
        """Return the order of this checkout id; raise CheckoutIdUsed where it is another's.

        The id is no secret: another buyer who has it learns nothing of that order.
        """
        order = self._session.scalar(select(Order).where(Order.checkout_id == checkout_id))
        if order is None:
            return None
        if order.event_id != event.id or order.email.lower() != email.lower():
            raise CheckoutIdUsed()
        return order

    def _pending_order(self, event: Event, purchase: Purchase, now: datetime) -> Order:
        voucher = self._voucher(event, purchase.voucher_code, now)
        offer = self._require_seats(event, purchase, now)
        price = price_order(event, purchase.quantity, voucher, now=now)
        if price.total_cents > 0 and not purchase.card_token:
            raise CardMissing(price.total_cents)
        if offer is not None:
            offer.status = WaitlistStatus.TAKEN
        return Order(
            reference=self._new_reference(),
            secret=self._new_secret(),
            checkout_id=purchase.checkout_id,
            event=event,
            name=purchase.name,
            email=purchase.email,
            quantity=purchase.quantity,
            total_cents=price.total_cents,
            discount_cents=price.discount_cents,
            voucher=price.voucher,
            offer=offer,
            status=OrderStatus.PENDING,
            created_at=now,
            hold_until=now + self._hold_time,
        )

    def _voucher(self, event: Event, typed_code: str, now: datetime) -> Voucher | None:
        """Return the voucher, locked until the commit; None where none was given."""
        code = typed_code.upper()
        if not code:
            return None
        voucher = self._session.scalar(select(Voucher).where(Voucher.code == code))
        if voucher is None:
            raise VoucherUnknown(code)
        voucher.lock()
        reason = voucher.refusal(event, now)
        if reason is not None:
            raise VoucherRefused(reason, code)
        return voucher

    def _new_reference(self) -> str:
        """Return a reference that no order has yet."""
        while True:
            letters = (self._choose(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH))
            reference = "".join(letters)
            known = self._session.scalar(select(Order.id).where(Order.reference == reference))
            if known is None:
                return reference

    def _require_seats(
        self, event: Event, purchase: Purchase, now: datetime
    ) -> WaitlistEntry | None:
        """Return the offer whose seats the purchase takes, if it has one; raise SoldOut."""
        offer = refusal = None
        if purchase.offer_token:
            offer = offer_for_event(self._session, event, purchase.offer_token)
            refusal = _offer_refusal(offer, purchase.email, now)
        seats_left = event.seats_left(now)
        if offer is not None and refusal is None:
            seats_left += offer.quantity
        if purchase.quantity > seats_left:
            raise SoldOut(seats_left, refusal)
        return offer if refusal is None else None

    def _pay(self, order: Order, card_token: str) -> None:
        try:
            charge_id = self._charge(order, card_token)
        except CardDeclined:
            self._settlement.mark_failed(order)
            # Where the webhook has said otherwise meanwhile, the order is paid.
            self._session.refresh(order)
            if order.status == OrderStatus.DECLINED:
                raise
        else:
            self._settlement.mark_succeeded(order, charge_id)

    def _charge(self, order: Order, card_token: str) -> str | None:
        """Return the charge's id; None where there is nothing to pay."""
        if order.total_cents == 0:
            return None
        try:
            return self._payments.charge(
                amount_cents=order.total_cents,
                source=card_token,
                reference=order.reference,
                key=f"{order.reference}-1",
            )
        except PaymentOutcomeUnknown as error:
            # The charge may stand or not. The order keeps its seats until that is known.
            log.error("No answer on %s: %s", order.reference, error)
            raise PaymentPending(order) from error


def _offer_refusal(
    offer: WaitlistEntry | None, email: str, now: datetime
) -> OfferNotFound | OfferRefused | None:
    """Return why an offer does not count for this buyer; None where it does."""
    if offer is None:
        return OfferNotFound()
    reason = offer.refusal(email, now)
    return None if reason is None else OfferRefused(reason)


def require_whole(name: str, number: object) -> None:
    """Raise ValueError for a setting that is no whole number in its limits."""
    # type() and not isinstance(): to Python, True is a whole number too.
    if type(number) is not int or not 1 <= number <= LARGEST_SETTING:
        raise ValueError(f"{name} is {number!r}: give a whole number from 1 to {LARGEST_SETTING}.")
