"""Why a service says no. Each refusal carries the facts that an entry point needs.

None of them knows a status code: what a refusal means to a browser, or to another program, is
for the entry point to say.
"""

from collections.abc import Sequence

from ..models import Order, OrderStatus


class DomainError(Exception):
    """A rule said no. The text is a sentence for the person who asked."""


class EventNotFound(DomainError):
    def __init__(self) -> None:
        super().__init__("There is no such event.")


class OrderNotFound(DomainError):
    def __init__(self) -> None:
        super().__init__("There is no such order.")


class InvalidQuery(DomainError):
    """A search that cannot be run: which value it was, and what would be accepted."""

    @classmethod
    def not_one_of(cls, key: str, value: str, accepted: Sequence[str]) -> "InvalidQuery":
        return cls(f"{key} cannot be {value!r}: choose one of {', '.join(accepted)}.")


class SalesClosed(DomainError):
    def __init__(self) -> None:
        super().__init__("Sales are closed: the event has started.")


class CheckoutIdUsed(DomainError):
    """The id has made an order already, for another event or another e-mail address."""

    def __init__(self) -> None:
        super().__init__("This was sent before: check what you typed, and send it again.")


class QuantityRefused(DomainError):
    """One order may not have so many seats, or so few."""

    def __init__(self, most: int) -> None:
        super().__init__(f"Choose 1 to {most} seats.")
        self.most = most


class VoucherRefused(DomainError):
    """Unknown, or not to be used for this event at this instant; the text says which."""


class SoldOut(DomainError):
    """Fewer seats are left than wanted; `no_offer` says why an offer did not count."""

    def __init__(self, seats_left: int, no_offer: str | None = None) -> None:
        sentence = f"Not enough seats: {_left(seats_left)}."
        super().__init__(f"{sentence} {no_offer}" if no_offer else sentence)
        self.seats_left = seats_left


class ThereAreSeats(DomainError):
    """Nobody has to wait for seats that can be bought."""

    def __init__(self, seats_left: int) -> None:
        super().__init__(f"There are seats: {_left(seats_left)}.")
        self.seats_left = seats_left


class OfferNotFound(DomainError):
    def __init__(self) -> None:
        super().__init__("There is no such offer.")


class OfferGone(DomainError):
    """The offer has lapsed or was used; the text says which."""


class CardMissing(DomainError):
    def __init__(self) -> None:
        super().__init__("Give a card: there is something to pay.")


class CardDeclined(DomainError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The card was declined: {reason}")
        self.reason = reason


class PaymentPending(DomainError):
    """Whether the card was charged is not known yet; the order keeps its seats until it is."""

    def __init__(self, order: Order) -> None:
        super().__init__("Your seats are held. We will confirm by e-mail.")
        self.order = order


class CannotCancel(DomainError):
    """The order is not paid, or it is too late; the text says which."""


class TicketNotFound(DomainError):
    def __init__(self) -> None:
        super().__init__("There is no such ticket for this event.")


class CannotCheckIn(DomainError):
    """The ticket was used, or its order is not paid; the text says when and why."""


class CapacityTooSmall(DomainError):
    def __init__(self, seats_taken: int) -> None:
        super().__init__(f"{seats_taken} seats are taken: give at least {seats_taken}.")
        self.seats_taken = seats_taken


class SlugTaken(DomainError):
    def __init__(self, slug: str) -> None:
        super().__init__(f"There is an event {slug} already: give another short name.")


class CodeTaken(DomainError):
    def __init__(self, code: str) -> None:
        super().__init__(f"There is a voucher {code} already.")


class VoucherEventUnknown(DomainError):
    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no event {slug}.")


class CannotShare(DomainError):
    def __init__(self, status: OrderStatus) -> None:
        super().__init__(f"Only a paid order can be shared; this one is {status}.")


class NotConnected(DomainError):
    def __init__(self) -> None:
        super().__init__("Connect your account first.")


class InvalidCallback(DomainError):
    """Somebody comes from a provider to whom we have sent nobody, or somebody else."""

    def __init__(self) -> None:
        super().__init__("This answer belongs to no connection that was begun here: begin again.")


class NotAllowed(DomainError):
    def __init__(self) -> None:
        super().__init__("You did not allow the shop to post in your name.")


class NetworkRefused(DomainError):
    """The provider says no; the text says what can be done."""


class NetworkUnclear(DomainError):
    """The provider does not answer, or not as OAuth 1 has it; the text says what can be done."""


def _left(seats: int) -> str:
    return "1 seat is left" if seats == 1 else f"{seats} seats are left"
