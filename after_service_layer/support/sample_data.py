"""Sample data for an empty shop, with dates relative to the day it is made.

The events are in sample_data.csv: `day` counts from today, `hour` is UTC, `sold` is seats. They
are fictional, and so is every buyer.
"""

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ..forms import slug_of
from ..models import (
    REFERENCE_LENGTH,
    REFERENCE_LETTERS,
    Event,
    Order,
    OrderStatus,
    Ticket,
    Voucher,
    VoucherKind,
    WaitlistEntry,
)

EVENTS_FILE = Path(__file__).with_name("sample_data.csv")
BUYERS = (
    "Ada Okafor",
    "Bruno Keller",
    "Chiara Rossi",
    "Dilnaz Umarova",
    "Emil Sørensen",
    "Fatou Diallo",
    "Greta Novák",
    "Hiro Tanaka",
)


class SampleData(NamedTuple):
    """Rows that are not stored yet."""

    events: list[Event]
    vouchers: list[Voucher]
    orders: list[Order]
    waiting: list[WaitlistEntry]


def plan_sample_data(now: datetime, new_secret: Callable[[], str]) -> SampleData:
    """Return the rows of a shop in use: sold, held and refunded seats, and a waiting list.

    `now` is aware, in UTC; `new_secret` makes an unguessable text at each call.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with EVENTS_FILE.open(encoding="utf-8", newline="") as lines:
        events_planned = list(csv.DictReader(lines))
    events = [_event(plan, midnight) for plan in events_planned]
    orders: list[Order] = []
    for event, plan in zip(events, events_planned, strict=True):
        bought_at = min(now, event.starts_at) - timedelta(days=3)
        seats_to_sell = int(plan["sold"])
        while seats_to_sell:
            quantity = min(seats_to_sell, 1 + len(orders) % 4)
            orders.append(_paid_order(len(orders), event, quantity, bought_at, new_secret))
            seats_to_sell -= quantity
    fado = next(event for event in events if event.title == "Fado by the River")
    _leave_undone([order for order in orders if order.event is fado], now)
    return SampleData(events, _vouchers(events, now), orders, _queue(fado, now, new_secret))


def _event(plan: dict[str, str], midnight: datetime) -> Event:
    starts_at = midnight + timedelta(days=int(plan["day"]), hours=int(plan["hour"]), minutes=30)
    early_bird = plan["early_bird_euros"]
    return Event(
        slug=slug_of(plan["title"]),
        title=plan["title"],
        summary=plan["summary"],
        venue=plan["venue"],
        category=plan["category"],
        starts_at=starts_at,
        capacity=int(plan["capacity"]),
        price_cents=int(plan["euros"]) * 100,
        early_bird_price_cents=int(early_bird) * 100 if early_bird else None,
        early_bird_until=starts_at - timedelta(days=14) if early_bird else None,
        max_per_order=10,
        published=True,
    )


def _paid_order(
    number: int, event: Event, quantity: int, bought_at: datetime, new_secret: Callable[[], str]
) -> Order:
    buyer = BUYERS[number % len(BUYERS)]
    total_cents = event.price_cents * quantity
    return Order(
        reference=_reference(number),
        secret=new_secret(),
        checkout_id=new_secret(),
        event=event,
        name=buyer,
        email=f"{slug_of(buyer)}@example.org",
        quantity=quantity,
        total_cents=total_cents,
        status=OrderStatus.PAID,
        created_at=bought_at,
        hold_until=bought_at + timedelta(minutes=30),
        charge_id=f"ch_seed_{number}" if total_cents else None,
        confirmation_sent_at=bought_at,
        tickets=[Ticket(code=new_secret()) for _ in range(quantity)],
    )


def _leave_undone(orders: list[Order], now: datetime) -> None:
    """Leave work for each job: two holds that have lapsed, and a mail that was not sent."""
    unconfirmed, *unanswered = orders[-3:]
    unconfirmed.confirmation_sent_at = None
    for order in unanswered:
        order.status = OrderStatus.PENDING
        order.created_at = now - timedelta(hours=1)
        order.hold_until = now - timedelta(minutes=30)
        order.charge_id = order.confirmation_sent_at = None
        order.tickets = []


def _queue(event: Event, now: datetime, new_secret: Callable[[], str]) -> list[WaitlistEntry]:
    """Return the queue for the seats of lapsed holds: more people than there will be seats."""
    return [
        WaitlistEntry(
            event=event,
            email=f"{slug_of(buyer)}@example.org",
            quantity=2,
            created_at=now - timedelta(minutes=20 - number),
            token=new_secret(),
        )
        for number, buyer in enumerate(BUYERS[:4])
    ]


def _reference(number: int) -> str:
    """Return a reference that looks drawn by lot, another one for each number."""
    base = len(REFERENCE_LETTERS)
    # A factor that shares none with 27 makes the walk through all 27⁵ references a full round.
    number = (number + 1) * 1_234_567 % base**REFERENCE_LENGTH
    letters = ""
    for _ in range(REFERENCE_LENGTH):
        number, digit = divmod(number, base)
        letters += REFERENCE_LETTERS[digit]
    return letters


def _vouchers(events: list[Event], now: datetime) -> list[Voucher]:
    """Return one voucher of each kind that a checkout can meet."""
    day = timedelta(days=1)
    only_here = next(event for event in events if event.title == "The Glass Orchestra")

    def voucher(code: str, kind: VoucherKind, value: int, **more: object) -> Voucher:
        return Voucher(code=code, kind=kind, value=value, **{"max_uses": 500, **more})

    return [
        voucher("WELCOME10", VoucherKind.PERCENT, 10),
        voucher("FIVER", VoucherKind.AMOUNT, 500),
        voucher("FRIENDS", VoucherKind.PERCENT, 100, max_uses=20),
        voucher("GLASS25", VoucherKind.PERCENT, 25, event=only_here),
        voucher("SOON20", VoucherKind.PERCENT, 20, valid_from=now + 30 * day),
        voucher("LASTYEAR", VoucherKind.PERCENT, 30, valid_until=now - 30 * day),
        voucher("ONCE", VoucherKind.AMOUNT, 1000, max_uses=1, valid_until=now + 60 * day),
    ]
