"""What an order costs. Came out of the middle of `views/checkout.py`."""

from dataclasses import dataclass
from datetime import datetime

from ..models import Event, Voucher
from ..support.money import percent_of

GROUP_FROM = 6
GROUP_PERCENT = 10


@dataclass(frozen=True)
class Price:
    """In cents, VAT included. `voucher` is the one that applies, which may be none."""

    total_cents: int
    discount_cents: int
    voucher: Voucher | None


def price_order(event: Event, quantity: int, voucher: Voucher | None, *, now: datetime) -> Price:
    """Return what so many seats cost at this instant.

    Group rate and voucher do not add up: the one that saves more applies. Where they save the
    same, the buyer keeps the voucher.
    """
    gross_cents = event.unit_price(now) * quantity
    group_cents = percent_of(gross_cents, GROUP_PERCENT) if quantity >= GROUP_FROM else 0
    voucher_cents = voucher.discount(gross_cents) if voucher is not None else 0
    discount_cents = max(group_cents, voucher_cents)
    return Price(
        total_cents=gross_cents - discount_cents,
        discount_cents=discount_cents,
        voucher=voucher if voucher_cents > group_cents else None,
    )
