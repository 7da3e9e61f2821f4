"""The counter: an organiser sells to whoever stands there."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ..database import db
from ..forms import CheckoutForm
from ..models import Event
from ..services.catalogue import find_event
from ..services.checkout import Checkout
from ..support.clock import utc_now
from . import checkout
from .auth import login_required

bp = Blueprint("box_office", __name__, url_prefix="/organiser/events/<slug>/sell")


@bp.get("")
@login_required
def show(slug: str) -> ResponseReturnValue:
    return _counter_page(find_event(db.session(), slug))


@bp.post("")
@login_required
def sell(slug: str) -> ResponseReturnValue:
    return checkout.sell(find_event(db.session(), slug), _counter_page)


def _counter_page(
    event: Event, form: CheckoutForm | None = None, problem: str | None = None
) -> str:
    """Return the counter's page, with a fresh form where none was filled in."""
    now = utc_now()
    seats_left = event.seats_left(now)
    if form is None and seats_left and not event.has_started(now):
        form = CheckoutForm(Checkout.from_context().max_quantity(event), formdata=None)
        form.renew()
    return render_template(
        "organiser/sell.html",
        event=event,
        now=now,
        seats_left=seats_left,
        form=form,
        problem=problem,
    )
