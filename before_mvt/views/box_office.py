"""The counter: an organiser sells to whoever stands there."""

from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ..forms import CheckoutForm
from ..models import Event
from ..support.clock import utc_now
from . import checkout
from .auth import login_required
from .catalogue import event_or_404

bp = Blueprint("box_office", __name__, url_prefix="/organiser/events/<slug>/sell")

# Groups come here, and nobody types for half an hour while others queue.
MAX_PER_ORDER = 50
HOLD = timedelta(minutes=10)


@bp.get("")
@login_required
def show(slug: str) -> ResponseReturnValue:
    return _counter_page(event_or_404(slug))


@bp.post("")
@login_required
def sell(slug: str) -> ResponseReturnValue:
    return checkout.sell(event_or_404(slug), CheckoutForm(MAX_PER_ORDER), HOLD, _counter_page)


def _counter_page(
    event: Event, form: CheckoutForm | None = None, problem: str | None = None
) -> str:
    """Return the counter's page, with a fresh form where none was filled in."""
    now = utc_now()
    seats_left = event.seats_left(now)
    if form is None and seats_left and not event.has_started(now):
        form = CheckoutForm(MAX_PER_ORDER, formdata=None)
        form.renew()
    return render_template(
        "organiser/sell.html",
        event=event,
        now=now,
        seats_left=seats_left,
        form=form,
        problem=problem,
    )
