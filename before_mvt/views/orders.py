"""The buyer's order: looking at it, and cancelling it."""

import hmac
from datetime import datetime, timedelta

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..database import db
from ..models import Order, OrderStatus, RefundState
from ..payments import ask_gateway, no_answer
from ..support.clock import utc_now
from ..support.money import net_of, percent_of
from .waitlist import serve_waitlist

bp = Blueprint("orders", __name__, url_prefix="/orders/<reference>/<secret>")

# From how long before the start which percentage is given back.
REFUND_LADDER = ((timedelta(days=14), 100), (timedelta(hours=48), 50))


@bp.get("")
def show(reference: str, secret: str) -> ResponseReturnValue:
    return _order_page(order_or_404(reference, secret))


@bp.post("/cancel")
def cancel(reference: str, secret: str) -> ResponseReturnValue:
    order = order_or_404(reference, secret)

    # A second click, or a check-in at the door, waits here; the order is then read again. The
    # clock is read after the wait, which may have passed a step of the ladder.
    order.lock()
    now = utc_now()
    problem = _why_not_cancelled(order, now)
    if problem is not None:
        db.session.rollback()
        return _order_page(order, problem), 409

    # The seats are free before any money moves: if the gateway fails, the refund stays due.
    order.move_to(OrderStatus.CANCELLED)
    order.mark_refund_due(_refund_now(order, now))
    db.session.commit()

    refund(order)
    serve_waitlist(order.event)
    flash("Your order is cancelled.")
    return redirect(url_for("orders.show", reference=reference, secret=secret), 303)


def refund(order: Order) -> bool:
    """Ask the gateway for the refund of an order, if one is due; return whether it was made.

    Commits when it was. Asking twice is safe: the gateway recognises the refund by its key.
    """
    # A free order has no charge, and nothing to give back.
    if order.refund_state != RefundState.DUE or order.charge_id is None:
        return False
    status, body = ask_gateway(
        "POST",
        "/v1/refunds",
        key=f"{order.reference}-refund",
        json={"charge": order.charge_id, "amount": order.refund_cents},
    )
    match status, body:
        case 201, {"status": "succeeded", "amount": amount} if amount == order.refund_cents:
            order.refund_state = RefundState.DONE
            db.session.commit()
            return True
        case _:
            current_app.logger.error(
                "No refund of %s: %s", order.reference, no_answer(status, body)
            )
            return False


def order_or_404(reference: str, secret: str) -> Order:
    """Return the order; end the request where there is none, also for a wrong secret."""
    order = db.session.scalar(select(Order).where(Order.reference == reference))
    if order is None or not hmac.compare_digest(order.secret.encode(), secret.encode()):
        abort(404, "There is no such order.")
    return order


def _order_page(order: Order, problem: str | None = None) -> str:
    now = utc_now()
    can_cancel = _why_not_cancelled(order, now) is None
    return render_template(
        "orders/show.html",
        order=order,
        now=now,
        net_cents=net_of(order.total_cents),
        refund_cents=_refund_now(order, now) if can_cancel else None,
        problem=problem,
    )


def _why_not_cancelled(order: Order, now: datetime) -> str | None:
    if order.status != OrderStatus.PAID:
        return f"Only a paid order can be cancelled; this one is {order.status}."
    if order.event.has_started(now):
        return "The event has started: the order can no longer be cancelled."
    if any(ticket.checked_in_at for ticket in order.tickets):
        return "A ticket of this order is checked in already: it can no longer be cancelled."
    return None


def _refund_now(order: Order, now: datetime) -> int:
    """Return what a cancellation at this instant would give back, in cents."""
    for notice, percent in REFUND_LADDER:
        if order.event.starts_at - now >= notice:
            return percent_of(order.total_cents, percent)
    return 0
