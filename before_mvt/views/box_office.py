"""The counter: an organiser sells to whoever stands there."""

from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ..clock import utc_now
from ..forms import CheckoutForm
from ..models import Event
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
    event = event_or_404(slug)
    now = utc_now()
    form = None
    if not event.has_started(now) and event.seats_left(now):
        form = CheckoutForm(MAX_PER_ORDER, formdata=None)
        form.renew()
    return _counter_page(event, form)


@bp.post("")
@login_required
def sell(slug: str) -> ResponseReturnValue:
    return checkout.sell(event_or_404(slug), CheckoutForm(MAX_PER_ORDER), HOLD, _counter_page)


def _counter_page(event: Event, form: CheckoutForm | None, problem: str | None = None) -> str:
    now = utc_now()
    return render_template(
        "organiser/sell.html",
        event=event,
        now=now,
        seats_left=event.seats_left(now),
        form=form,
        problem=problem,
    )
