"""What an event has sold, and checking tickets at the door."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import case, func, select

from ..database import db
from ..forms import CheckinForm
from ..models import Event, Order, OrderStatus, Ticket, Voucher
from ..support.clock import utc_now, utc_text
from ..support.money import net_of
from ..support.spreadsheet import csv_text, plain_euros
from .auth import login_required
from .organiser import any_event_or_404

bp = Blueprint("sales", __name__, url_prefix="/organiser/events/<slug>")

FORMATS = ("html", "csv")


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


@bp.get("/sales")
@login_required
def report(slug: str) -> ResponseReturnValue:
    event = any_event_or_404(slug)
    preferred = request.accept_mimetypes.best_match(["text/html", "text/csv"])
    wanted = request.args.get("format", "csv" if preferred == "text/csv" else "html")
    if wanted not in FORMATS:
        abort(400, f"format cannot be {wanted!r}: choose one of {', '.join(FORMATS)}.")
    if wanted == "html":
        return _sales_page(event, CheckinForm(formdata=None))

    lines, total = _sales(event)
    header = ("voucher", "orders", "seats", "gross", "discounts", "refunds", "vat", "net")
    text = csv_text([header, *(_cells(line) for line in [*lines, total])])
    name = {"Content-Disposition": f'attachment; filename="sales-{event.slug}.csv"'}
    return Response(text, headers=name, content_type="text/csv; charset=utf-8")


@bp.post("/checkin")
@login_required
def check_in(slug: str) -> ResponseReturnValue:
    event = any_event_or_404(slug)
    form = CheckinForm()
    if not form.validate():
        return _sales_page(event, form, 422)

    # A second scanner waits here, and so does a cancellation.
    event.lock()
    ticket = db.session.scalar(
        select(Ticket)
        .join(Ticket.order)
        .where(Ticket.code == form.code.data, Order.event_id == event.id)
    )
    if ticket is None:
        return _refused(event, form, 404, "There is no such ticket for this event.")
    if ticket.order.status != OrderStatus.PAID:
        problem = f"The order {ticket.order.reference} is {ticket.order.status}."
        return _refused(event, form, 409, problem)
    if ticket.checked_in_at is not None:
        problem = f"This ticket was checked in at {utc_text(ticket.checked_in_at)}."
        return _refused(event, form, 409, problem)

    ticket.checked_in_at = utc_now()
    db.session.commit()
    flash(f"{ticket.order.name} is checked in.")
    return redirect(url_for("sales.report", slug=slug), 303)


def _refused(event: Event, form: CheckinForm, status: int, problem: str) -> ResponseReturnValue:
    """Say why the ticket is not checked in. The lock is given back."""
    db.session.rollback()
    return _sales_page(event, form, status, problem)


def _sales(event: Event) -> tuple[list[Line], Line]:
    """Return a line for each voucher, with the orders that have none last, and one for all."""
    seats = func.sum(case((Order.status == OrderStatus.PAID, Order.quantity), else_=0))
    found = db.session.execute(
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
    lines = [Line(*row) for row in found]
    return lines, Line(
        "total",
        sum(line.orders for line in lines),
        sum(line.seats for line in lines),
        sum(line.gross_cents for line in lines),
        sum(line.discount_cents for line in lines),
        sum(line.refund_cents for line in lines),
    )


def _cells(line: Line) -> Sequence[str | int]:
    return (
        line.voucher,
        line.orders,
        line.seats,
        plain_euros(line.gross_cents),
        plain_euros(line.discount_cents),
        plain_euros(line.refund_cents),
        plain_euros(line.vat_cents),
        plain_euros(line.net_cents),
    )


def _sales_page(
    event: Event, form: CheckinForm, status: int = 200, problem: str | None = None
) -> ResponseReturnValue:
    """Show the report, with the form as it was typed."""
    lines, total = _sales(event)
    page = render_template(
        "organiser/sales.html", event=event, lines=lines, total=total, form=form, problem=problem
    )
    return page, status
