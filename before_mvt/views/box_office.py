"""The counter: an organiser sells to the person in front."""

from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ..forms import CheckoutForm
from ..support.clock import utc_now
from . import checkout
from .auth import login_required
from .catalogue import event_or_404, fresh_checkout_form

bp = Blueprint("box_office", __name__, url_prefix="/organiser/events/<slug>/sell")

# Groups come here, and the form is filled in at once: no seats need be held for long.
MAX_PER_ORDER = 50
HOLD = timedelta(minutes=10)


@bp.get("")
@login_required
def show(slug: str) -> ResponseReturnValue:
    event = event_or_404(slug)
    now = utc_now()
    seats_left = event.seats_left(now)
    form = None
    if seats_left and not event.has_started(now):
        form = fresh_checkout_form(MAX_PER_ORDER)
    return render_template(
        "organiser/sell.html", event=event, now=now, seats_left=seats_left, form=form
    )


@bp.post("")
@login_required
def sell(slug: str) -> ResponseReturnValue:
    form = CheckoutForm(MAX_PER_ORDER)
    return checkout.sell(event_or_404(slug), form, HOLD, "organiser/sell.html")
