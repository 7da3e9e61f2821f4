"""The counter: an organiser sells to the person in front."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ..database import db
from ..services.catalogue import find_event
from ..services.checkout import Checkout
from . import checkout
from .auth import login_required
from .catalogue import fresh_checkout_form

bp = Blueprint("box_office", __name__, url_prefix="/organiser/events/<slug>/sell")


@bp.get("")
@login_required
def show(slug: str) -> ResponseReturnValue:
    event = find_event(db.session(), slug)
    service = Checkout.from_context()
    available = service.availability(event)
    form = None
    if available.can_buy:
        form = fresh_checkout_form(service.max_quantity(event))
    return render_template(
        "organiser/sell.html",
        event=event,
        now=available.now,
        seats_left=available.seats_left,
        form=form,
    )


@bp.post("")
@login_required
def sell(slug: str) -> ResponseReturnValue:
    return checkout.sell(find_event(db.session(), slug), "organiser/sell.html")
