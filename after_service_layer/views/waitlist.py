"""Waiting for seats, and being offered some."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from ..database import db
from ..forms import WaitlistForm
from ..services.catalogue import find_event
from ..services.checkout import Checkout
from ..services.errors import DomainError
from ..services.waiting_list import WaitingList, find_offer
from ..support.clock import utc_now
from .catalogue import event_page
from .error_responses import add_form_error, status_of

bp = Blueprint("waitlist", __name__)


@bp.post("/events/<slug>/waitlist")
def join(slug: str) -> ResponseReturnValue:
    event = find_event(db.session(), slug)
    form = WaitlistForm(Checkout.from_context("checkout").max_waitlist_quantity(event))
    service = WaitingList.from_context()
    try:
        # That it is too late counts for more than what is wrong with the form.
        service.begin(event)
        if not form.validate():
            return event_page(event, waitlist_form=form), 422
        is_new = service.join(event, form.email.data, form.quantity.data)
    except DomainError as error:
        problem = add_form_error(form, error)
        return event_page(event, waitlist_form=form, problem=problem), status_of(error)
    if is_new:
        flash("You are on the waiting list. We will write when seats come free.")
    else:
        flash("You are on the waiting list already and keep your place.")
    return redirect(url_for("catalogue.show", slug=slug), 303)


@bp.get("/waitlist/<token>")
def offer(token: str) -> ResponseReturnValue:
    entry = find_offer(db.session(), token, now=utc_now())
    return event_page(entry.event, offer=entry)
