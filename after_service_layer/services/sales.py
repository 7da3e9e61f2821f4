"""What an event has sold. Came out of `views/sales.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ..models import Event, Order, OrderStatus, Voucher
from ..support.money import net_of


@dataclass(frozen=True)
class Line:
    """What was sold with one voucher, or in all; amounts in cents, VAT included."""

    voucher: str
    orders: int
    seats: int
    gross_cents: int
    discount_cents: int
    refund_cents: int

    @property
    def net_cents(self) -> int:
        return net_of(self.gross_cents - self.refund_cents)

    @property
    def vat_cents(self) -> int:
        return self.gross_cents - self.refund_cents - self.net_cents


def sales_by_voucher(session: Session, event: Event) -> list[Line]:
    """Return a line for each voucher, with the orders that have none last. One statement."""
    seats = func.sum(case((Order.status == OrderStatus.PAID, Order.quantity), else_=0))
    found = session.execute(
        select(
            func.coalesce(Voucher.code, "no voucher"),
            func.count(Order.id),
            seats,
            func.sum(Order.total_cents),
            func.sum(Order.discount_cents),
            func.sum(Order.refund_cents),
        )
        .outerjoin(Order.voucher)
        .where(
            Order.event_id == event.id,
            Order.status.in_([OrderStatus.PAID, OrderStatus.CANCELLED]),
        )
        .group_by(Voucher.code)
        .order_by(Voucher.code.is_(None), Voucher.code)
    )
    return [Line(*row) for row in found]


def sales_total(lines: Sequence[Line]) -> Line:
    """Return one line for all. VAT is rounded once for each line, for this one too."""
    return Line(
        "total",
        sum(line.orders for line in lines),
        sum(line.seats for line in lines),
        sum(line.gross_cents for line in lines),
        sum(line.discount_cents for line in lines),
        sum(line.refund_cents for line in lines),
    )
