"""The buyer's order: looking at it, and cancelling it."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..database import db
from ..models import Order
from ..services.cancellation import Cancellation, refund_now
from ..services.errors import DomainError
from ..services.orders import find_order
from ..support.clock import utc_now
from ..support.money import net_of
from .error_responses import sentence_of, status_of

bp = Blueprint("orders", __name__, url_prefix="/orders/<reference>/<secret>")


@bp.get("")
def show(reference: str, secret: str) -> ResponseReturnValue:
    return _order_page(find_order(db.session(), reference, secret))


@bp.post("/cancel")
def cancel(reference: str, secret: str) -> ResponseReturnValue:
    order = find_order(db.session(), reference, secret)
    try:
        Cancellation.from_context().cancel(order)
    except DomainError as error:
        return _order_page(order, sentence_of(error)), status_of(error)
    flash("Your order is cancelled.")
    return redirect(url_for("orders.show", reference=reference, secret=secret), 303)


def _order_page(order: Order, problem: str | None = None) -> str:
    now = utc_now()
    try:
        refund_cents = refund_now(order, now=now)
    except DomainError:
        refund_cents = None
    return render_template(
        "orders/show.html",
        order=order,
        now=now,
        net_cents=net_of(order.total_cents),
        refund_cents=refund_cents,
        problem=problem,
    )
