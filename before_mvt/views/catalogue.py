"""Finding an event, and looking at it."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, case, func, or_, select
from werkzeug.wrappers import Response

from ..database import db
from ..forms import CheckoutForm, WaitlistForm
from ..models import CATEGORIES, Event, WaitlistEntry, seats_taken
from ..support.clock import utc_now

bp = Blueprint("catalogue", __name__)

ACCEPTED: dict[str, Sequence[str | int]] = {
    "category": CATEGORIES,
    "when": ("upcoming", "week", "month", "past"),
    "sort": ("date", "price", "title"),
    "per_page": (10, 25, 50),
}
LONGEST_SEARCH = 100
RECENT_EVENTS = 5
A_YEAR = 365 * 24 * 60 * 60


@bp.get("/")
def index() -> ResponseReturnValue:
    now = utc_now()

    remembered = request.cookies.get("per_page", "")
    if remembered not in {str(each) for each in ACCEPTED["per_page"]}:
        remembered = "10"
    per_page = _number("per_page", request.args.get("per_page", remembered))
    page = _number("page", request.args.get("page", "1"))
    query: dict[str, Any] = {
        "q": " ".join(request.args.get("q", "").split()),
        "category": request.args.get("category", ""),
        "when": request.args.get("when", "upcoming"),
        "sort": request.args.get("sort", "date"),
        "per_page": per_page,
    }
    if len(query["q"]) > LONGEST_SEARCH:
        abort(400, f"q cannot be '{query['q'][:20]}…': use up to {LONGEST_SEARCH} letters.")
    for key, accepted in ACCEPTED.items():
        # The empty category is what the form sends for "all categories".
        if query[key] not in accepted and (key, query[key]) != ("category", ""):
            abort(400, _not_accepted(key, query[key]))

    wanted: list[ColumnElement[bool]] = [Event.published.is_(True)]
    if query["q"]:
        wanted.append(
            or_(
                Event.title.icontains(query["q"], autoescape=True),
                Event.venue.icontains(query["q"], autoescape=True),
                Event.summary.icontains(query["q"], autoescape=True),
            )
        )
    if query["category"]:
        wanted.append(Event.category == query["category"])
    if query["when"] == "past":
        wanted.append(Event.starts_at <= now)
    else:
        wanted.append(Event.starts_at > now)
    if query["when"] == "week":
        wanted.append(Event.starts_at <= now + timedelta(days=7))
    if query["when"] == "month":
        wanted.append(Event.starts_at <= now + timedelta(days=30))

    price_now = case(
        (Event.early_bird_until >= now, Event.early_bird_price_cents), else_=Event.price_cents
    )
    # Of what is over, the latest comes first.
    by_date = Event.starts_at.desc() if query["when"] == "past" else Event.starts_at.asc()
    order: dict[str, list[ColumnElement[Any]]] = {
        "date": [by_date],
        "price": [price_now.asc(), by_date],
        "title": [func.lower(Event.title), by_date],
    }

    total = db.session.scalar(select(func.count()).select_from(Event).where(*wanted)) or 0
    pages = max(1, -(-total // per_page))
    rows: list[tuple[Event, int]] = []
    if page <= pages:
        found = db.session.execute(
            select(Event, seats_taken(now))
            .where(*wanted)
            .order_by(*order[query["sort"]], Event.id)
            .limit(per_page)
            .offset((page - 1) * per_page)
        )
        rows = [(event, max(0, event.capacity - taken)) for event, taken in found]

    slugs = _recent_slugs()
    recent = []
    if slugs:
        recent = db.session.scalars(select(Event).where(Event.published, Event.slug.in_(slugs)))
    response = make_response(
        render_template(
            "catalogue/index.html",
            rows=rows,
            total=total,
            page=page,
            pages=pages,
            query=query,
            accepted=ACCEPTED,
            recent=sorted(recent, key=lambda event: slugs.index(event.slug)),
            now=now,
        )
    )
    if "per_page" in request.args:
        _remember(response, "per_page", str(per_page))
    return response


@bp.get("/events/<slug>")
def show(slug: str) -> ResponseReturnValue:
    response = make_response(event_page(event_or_404(slug)))
    slugs = [slug, *(seen for seen in _recent_slugs() if seen != slug)]
    _remember(response, "recent", ",".join(slugs[:RECENT_EVENTS]))
    return response


def event_or_404(slug: str) -> Event:
    """Return a published event; end the request where there is none."""
    event = db.session.scalar(select(Event).where(Event.slug == slug, Event.published))
    if event is None:
        abort(404, "There is no such event.")
    return event


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
    now = utc_now()
    seats_left = event.seats_left(now)
    typed = form.quantity.data if form is not None else None
    wanted = min(typed or 1, event.max_waitlist_quantity)
    if not event.has_started(now):
        if form is None and (seats_left or offer is not None):
            form = fresh_checkout_form(event.max_per_order, offer)
        if waitlist_form is None and offer is None and seats_left < wanted:
            waitlist_form = WaitlistForm(event.max_waitlist_quantity, formdata=None)
    return render_template(
        template,
        event=event,
        now=now,
        seats_left=seats_left,
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


def _number(key: str, text: str) -> int:
    """Return a number of the query string; end the request where it is none."""
    leading_zeros = "0*" if key == "page" else ""
    if not re.fullmatch(rf"{leading_zeros}[1-9][0-9]{{0,8}}", text):
        abort(400, _not_accepted(key, text))
    return int(text)


def _not_accepted(key: str, value: object) -> str:
    accepted = "give a whole number from 1 on"
    if key in ACCEPTED:
        accepted = f"choose one of {', '.join(str(each) for each in ACCEPTED[key])}"
    return f"{key} cannot be '{value}': {accepted}."


def _recent_slugs() -> list[str]:
    """Return the slugs in the visitor's cookie, latest first; anything else in it is dropped."""
    slugs = re.findall(r"[a-z0-9-]+", request.cookies.get("recent", ""))
    return slugs[:RECENT_EVENTS]


def _remember(response: Response, key: str, value: str) -> None:
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(key, value, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
