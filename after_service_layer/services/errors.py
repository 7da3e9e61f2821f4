"""Why a service refuses: one class for each rule, with a stable code and the facts.

The sentence is made from the facts. What an error means to a browser or to another program, such
as a status code, is decided by the entry point, in one table for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from ..models import OfferRefusal, Order, OrderStatus, VoucherRefusal
from ..support.clock import utc_text


class DomainError(Exception):
    """A rule said no. The text is a sentence for the person who asked.

    `code` is stable: a program may rely on it. `sentence` is filled in with the facts.
    """

    code: str
    sentence: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the error was raised with, by name: plain values, for any entry point."""
        if not is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)


class EventNotFound(DomainError):
    code = "event_not_found"
    sentence = "There is no such event."


class OrderNotFound(DomainError):
    """No order has this reference and this secret; which of the two is wrong is not said."""

    code = "order_not_found"
    sentence = "There is no such order."


@dataclass(eq=False)
class InvalidQuery(DomainError):
    """A search that cannot be run: which value it was, and what is accepted."""

    code = "invalid_query"
    field: str
    value: object
    accepted: str | Sequence[object]

    def __str__(self) -> str:
        accepted = self.accepted
        if not isinstance(accepted, str):
            accepted = f"choose one of {', '.join(str(each) for each in accepted)}"
        return f"{self.field} cannot be '{self.value}': {accepted}."


class SalesClosed(DomainError):
    code = "sales_closed"
    sentence = "Sales are closed: the event has started."


class CheckoutIdUsed(DomainError):
    """The id has made an order already, for another event or another e-mail address."""

    code = "checkout_id_used"
    sentence = "This checkout id was used for another purchase."


@dataclass(eq=False)
class QuantityRefused(DomainError):
    """One order may not have so many seats, or so few."""

    code = "quantity_refused"
    sentence = "Choose 1 to {most} seats."
    most: int


@dataclass(eq=False)
class VoucherUnknown(DomainError):
    code = "voucher_unknown"
    sentence = "There is no voucher {voucher}."
    voucher: str


@dataclass(eq=False)
class VoucherRefused(DomainError):
    """The voucher cannot be used for this event at this instant; the reason is the code."""

    reason: VoucherRefusal
    voucher: str

    def __post_init__(self) -> None:
        self.code = self.reason
        self.sentence = {
            VoucherRefusal.NOT_YET_VALID: "The voucher {voucher} is not valid yet.",
            VoucherRefusal.LAPSED: "The voucher {voucher} is no longer valid.",
            VoucherRefusal.OTHER_EVENT: "The voucher {voucher} is for another event.",
            VoucherRefusal.USED_UP: "The voucher {voucher} is used up.",
        }[self.reason]


class OfferNotFound(DomainError):
    code = "offer_not_found"
    sentence = "There is no such offer."


@dataclass(eq=False)
class OfferRefused(DomainError):
    """The offer cannot be used any more, or not by this buyer; the reason is the code."""

    reason: OfferRefusal

    def __post_init__(self) -> None:
        self.code = self.reason
        self.sentence = {
            OfferRefusal.USED: "The offer was used already.",
            OfferRefusal.LAPSED: "The offer has lapsed.",
            OfferRefusal.OTHER_EMAIL: "The offer is for another e-mail address.",
        }[self.reason]


@dataclass(eq=False)
class SoldOut(DomainError):
    """Fewer seats are left than wanted; `offer` is why an offer, if given, did not count."""

    code = "sold_out"
    seats_left: int
    offer: OfferNotFound | OfferRefused | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return {"seats_left": self.seats_left, "offer": self.offer and self.offer.code}

    def __str__(self) -> str:
        sentence = f"Not enough seats: {_left(self.seats_left)}."
        return f"{sentence} {self.offer}" if self.offer else sentence


@dataclass(eq=False)
class SeatsAvailable(DomainError):
    """There is no waiting for seats that can be bought."""

    code = "seats_available"
    seats_left: int

    def __str__(self) -> str:
        return f"There are seats: {_left(self.seats_left)}."


@dataclass(eq=False)
class CardMissing(DomainError):
    code = "card_missing"
    sentence = "Give a card: there is something to pay."
    total_cents: int


@dataclass(eq=False)
class CardDeclined(DomainError):
    code = "card_declined"
    sentence = "The card was declined: {reason}"
    reason: str


@dataclass(eq=False)
class PaymentPending(DomainError):
    """Whether the card was charged is not known yet; the order keeps its seats until it is."""

    code = "payment_pending"
    sentence = "The payment of the order {reference} is not known yet."
    order: Order

    @property
    def facts(self) -> dict[str, Any]:
        return {"reference": self.order.reference, "hold_until": self.order.hold_until}


@dataclass(eq=False)
class OrderNotPaid(DomainError):
    """Only a paid order can be cancelled, or shared."""

    code = "order_not_paid"
    sentence = "Only a paid order can be {action}; this one is {status}."
    status: OrderStatus
    action: str


class EventStarted(DomainError):
    code = "event_started"
    sentence = "The event has started: the order can no longer be cancelled."


class TicketUsed(DomainError):
    """The order can no longer be cancelled."""

    code = "ticket_used"
    sentence = "A ticket of this order is checked in already: it can no longer be cancelled."


class TicketNotFound(DomainError):
    code = "ticket_not_found"
    sentence = "There is no such ticket for this event."


@dataclass(eq=False)
class TicketNotPaid(DomainError):
    code = "ticket_not_paid"
    sentence = "The order {reference} is {status}."
    reference: str
    status: OrderStatus


@dataclass(eq=False)
class AlreadyCheckedIn(DomainError):
    code = "already_checked_in"
    checked_in_at: datetime

    def __str__(self) -> str:
        return f"This ticket was checked in at {utc_text(self.checked_in_at)}."


@dataclass(eq=False)
class CapacityTooSmall(DomainError):
    code = "capacity_too_small"
    sentence = "{seats_taken} seats are taken: give at least {seats_taken}."
    seats_taken: int


@dataclass(eq=False)
class SlugTaken(DomainError):
    code = "slug_taken"
    sentence = "There is an event {slug} already: give another short name."
    slug: str


@dataclass(eq=False)
class VoucherCodeTaken(DomainError):
    code = "voucher_code_taken"
    sentence = "There is a voucher {voucher} already."
    voucher: str


@dataclass(eq=False)
class VoucherEventUnknown(DomainError):
    """The voucher is to be for an event that does not exist."""

    code = "voucher_event_unknown"
    sentence = "There is no event {slug}."
    slug: str


class NotConnected(DomainError):
    """There is no account of the user at the network to post with."""

    code = "network_not_connected"
    sentence = "Connect your account first."


class InvalidCallback(DomainError):
    """The user comes back with a token that was not given out for them."""

    code = "network_invalid_callback"
    sentence = "This answer belongs to no connection that was begun here: begin again."


class NotAllowed(DomainError):
    """The user did not allow it at the network."""

    code = "network_not_allowed"
    sentence = "You did not allow the shop to post in your name."


class NetworkRefused(DomainError):
    """The network refuses to connect the account."""

    code = "network_refused"
    sentence = "The network has refused: begin again."


class NetworkUnclear(DomainError):
    """The network gives no answer, or one that cannot be used; nothing is connected."""

    code = "network_unclear"
    sentence = "The network gives no clear answer: try again later."


class ConnectionRevoked(DomainError):
    """The network no longer accepts what it gave out for this user."""

    code = "network_connection_revoked"
    sentence = "The network no longer accepts the connection: connect your account again."


class PostRefused(DomainError):
    code = "network_post_refused"
    sentence = "The network has refused this post."


class PostUnclear(DomainError):
    """The post may be out or not."""

    code = "network_post_unclear"
    sentence = "The network gives no clear answer: look there before you post again."


class AlreadyPlaced(Exception):
    """This checkout id has made this order already. Not a refusal: it leads to the order."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"The order {order.reference} was placed before.")
        self.order = order


def _left(seats: int) -> str:
    return "1 seat is left" if seats == 1 else f"{seats} seats are left"
