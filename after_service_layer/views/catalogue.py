"""Finding an event, and looking at it."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from flask import Blueprint, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ..database import db
from ..forms import CheckoutForm, WaitlistForm
from ..models import Event, WaitlistEntry
from ..services.catalogue import (
    ACCEPTED,
    FROM_ONE,
    EventQuery,
    find_event,
    recent_events,
    search_events,
)
from ..services.checkout import Checkout
from ..services.errors import InvalidQuery
from ..support.clock import utc_now

bp = Blueprint("catalogue", __name__)

RECENT_EVENTS = 5
A_YEAR = 365 * 24 * 60 * 60


@bp.get("/")
def index() -> ResponseReturnValue:
    now = utc_now()
    query = _query()
    result = search_events(db.session(), query, now=now)
    response = make_response(
        render_template(
            "catalogue/index.html",
            rows=result.rows,
            total=result.total,
            page=query.page,
            pages=result.pages,
            query={name: value for name, value in asdict(query).items() if name != "page"},
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
    template: str = "catalogue/event.html",
) -> str:
    """Return the page of an event, with fresh forms where none was filled in.

    `template` may be the counter's page: it needs the same, and no waiting list.
    """
    checkout = Checkout.from_context("checkout")
    typed = form.quantity.data if form is not None else None
    available = checkout.availability(event, wanted=typed or 1, offer=offer)
    if form is None and available.can_buy:
        form = fresh_checkout_form(checkout.max_quantity(event), offer)
    if waitlist_form is None and available.can_join_waiting_list:
        waitlist_form = WaitlistForm(checkout.max_waitlist_quantity(event), formdata=None)
    return render_template(
        template,
        event=event,
        now=available.now,
        seats_left=available.seats_left,
        form=form,
        waitlist_form=waitlist_form,
        offer=offer,
        problem=problem,
    )


def fresh_checkout_form(most: int, offer: WaitlistEntry | None = None) -> CheckoutForm:
    """Return an empty form for up to `most` seats; an offer fills in what it holds."""
    form = CheckoutForm(most, formdata=None)
    form.renew()
    if offer is not None:
        form.email.data = offer.email
        form.quantity.data = offer.quantity
        form.offer.data = offer.token
    return form


def _query() -> EventQuery:
    """Return the search of the query string; what is missing has its default."""
    args = request.args
    remembered = request.cookies.get("per_page", "")
    if remembered not in {str(each) for each in ACCEPTED["per_page"]}:
        remembered = "10"
    return EventQuery(
        per_page=_number("per_page", args.get("per_page", remembered), ACCEPTED["per_page"]),
        page=_number("page", args.get("page", "1"), FROM_ONE),
        q=" ".join(args.get("q", "").split()),
        category=args.get("category", ""),
        when=args.get("when", "upcoming"),
        sort=args.get("sort", "date"),
    )


def _number(field: str, text: str, accepted: str | Sequence[object]) -> int:
    leading_zeros = "0*" if field == "page" else ""
    if not re.fullmatch(rf"{leading_zeros}[1-9][0-9]{{0,8}}", text):
        raise InvalidQuery(field, text, accepted)
    return int(text)


def _recent_slugs() -> list[str]:
    """Return the slugs in the visitor's cookie, latest first; anything else in it is dropped."""
    slugs = re.findall(r"[a-z0-9-]+", request.cookies.get("recent", ""))
    return slugs[:RECENT_EVENTS]


def _remember(response: Response, key: str, value: str) -> None:
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(key, value, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
