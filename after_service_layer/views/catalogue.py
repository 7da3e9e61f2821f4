"""Finding an event, and looking at it."""

import re

from flask import Blueprint, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ..database import db
from ..forms import CheckoutForm, WaitlistForm
from ..models import Event, WaitlistEntry
from ..services.catalogue import ACCEPTED, EventQuery, find_event, recent_events, search_events
from ..services.checkout import Checkout
from ..support.clock import utc_now

bp = Blueprint("catalogue", __name__)

RECENT_EVENTS = 5
A_YEAR = 365 * 24 * 60 * 60


@bp.get("/")
def index() -> ResponseReturnValue:
    now = utc_now()
    texts = request.args.to_dict()
    remembered = request.cookies.get("per_page")
    if remembered in ACCEPTED["per_page"]:
        texts = {"per_page": remembered, **texts}

    query = EventQuery.from_texts(texts)
    listing = search_events(db.session(), query, now=now)
    response = make_response(
        render_template(
            "catalogue/index.html",
            rows=listing.rows,
            total=listing.total,
            page=query.page,
            pages=listing.pages,
            query=query.to_texts(),
            accepted=ACCEPTED,
            recent=recent_events(db.session(), _recent_slugs()),
            now=now,
        )
    )
    if "per_page" in request.args:
        _remember(response, "per_page", str(query.per_page))
    return response


@bp.get("/events/<slug>")
def show(slug: str) -> ResponseReturnValue:
    event = find_event(db.session(), slug)

    response = make_response(event_page(event))
    slugs = [slug, *(seen for seen in _recent_slugs() if seen != slug)]
    _remember(response, "recent", ",".join(slugs[:RECENT_EVENTS]))
    return response


def event_page(
    event: Event,
    *,
    form: CheckoutForm | None = None,
    waitlist_form: WaitlistForm | None = None,
    offer: WaitlistEntry | None = None,
    problem: str | None = None,
) -> str:
    """Return the page of an event, with fresh forms where none was filled in."""
    now = utc_now()
    seats_left = event.seats_left(now)
    typed = form.quantity.data if form is not None else None
    checkout = Checkout.from_context("checkout")
    most = checkout.max_waitlist_quantity(event)
    wanted = min(typed or 1, most)
    if not event.has_started(now):
        if form is None and (seats_left or offer is not None):
            form = _checkout_form(event, offer)
        if waitlist_form is None and offer is None and seats_left < wanted:
            waitlist_form = WaitlistForm(most, formdata=None)
    return render_template(
        "catalogue/event.html",
        event=event,
        now=now,
        seats_left=seats_left,
        form=form,
        waitlist_form=waitlist_form,
        offer=offer,
        problem=problem,
    )


def _checkout_form(event: Event, offer: WaitlistEntry | None) -> CheckoutForm:
    form = CheckoutForm(Checkout.from_context("checkout").max_quantity(event), formdata=None)
    form.renew()
    if offer is not None:
        form.email.data = offer.email
        form.quantity.data = offer.quantity
        form.offer.data = offer.token
    return form


def _recent_slugs() -> list[str]:
    """Return the slugs in the visitor's cookie, latest first; anything else in it is dropped."""
    slugs = re.findall(r"[a-z0-9-]+", request.cookies.get("recent", ""))
    return slugs[:RECENT_EVENTS]


def _remember(response: Response, key: str, value: str) -> None:
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(key, value, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
