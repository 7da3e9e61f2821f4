"""Waiting for seats, and being offered some."""

import secrets
from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import and_, func, or_, select

from ..database import db, for_each_row
from ..forms import WaitlistForm
from ..mail import send_offer
from ..models import Event, OfferRefusal, WaitlistEntry, WaitlistStatus
from ..support.clock import utc_now
from .catalogue import event_or_404, event_page

bp = Blueprint("waitlist", __name__)

OFFER_HOLDS = timedelta(hours=48)
OFFER_REFUSALS = {
    OfferRefusal.USED: "The offer was used already.",
    OfferRefusal.LAPSED: "The offer has lapsed.",
    OfferRefusal.OTHER_EMAIL: "The offer is for another e-mail address.",
}
CLOSED = "Sales are closed: the event has started."


@bp.post("/events/<slug>/waitlist")
def join(slug: str) -> ResponseReturnValue:
    event = event_or_404(slug)
    form = WaitlistForm(event.max_waitlist_quantity)

    # A form that comes too late or is not valid need not wait for a lock.
    if event.has_started(utc_now()):
        return _form_again(event, form, 409, CLOSED)
    if not form.validate():
        return _form_again(event, form, 422)

    # A second click waits here, and then finds the entry of the first.
    event.lock()
    now = utc_now()
    if event.has_started(now):
        db.session.rollback()
        return _form_again(event, form, 409, CLOSED)

    offered = and_(
        WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until >= now
    )
    known = db.session.scalar(
        select(WaitlistEntry.id).where(
            WaitlistEntry.event_id == event.id,
            func.lower(WaitlistEntry.email) == form.email.data.lower(),
            or_(WaitlistEntry.status == WaitlistStatus.WAITING, offered),
        )
    )
    seats_left = event.seats_left(now)
    if known is not None:
        db.session.rollback()
        flash("You are on the waiting list already and keep your place.")
    elif seats_left >= form.quantity.data:
        left = "1 seat is" if seats_left == 1 else f"{seats_left} seats are"
        db.session.rollback()
        return _form_again(event, form, 409, f"There are seats: {left} left.")
    else:
        db.session.add(
            WaitlistEntry(
                event=event,
                email=form.email.data,
                quantity=form.quantity.data,
                created_at=now,
                token=secrets.token_urlsafe(),
            )
        )
        db.session.commit()
        flash("You are on the waiting list. We will write when seats come free.")
    return redirect(url_for("catalogue.show", slug=slug), 303)


@bp.get("/waitlist/<token>")
def offer(token: str) -> ResponseReturnValue:
    entry = db.session.scalar(select(WaitlistEntry).where(WaitlistEntry.token == token))
    if entry is None or entry.status == WaitlistStatus.WAITING or not entry.event.published:
        abort(404, "There is no such offer.")
    refusal = entry.refusal(entry.email, utc_now())
    if refusal is not None:
        abort(410, OFFER_REFUSALS[refusal])
    return event_page(entry.event, offer=entry)


def serve_waitlist(event: Event) -> None:
    """Offer the seats that have come free to the waiting list, and mail the offers. Commits."""
    event.lock()
    offer_seats(event, utc_now())
    db.session.commit()
    mail_offers(event)


def offer_seats(event: Event, now: datetime) -> int:
    """Offer free seats strictly in the order of joining; return how many entries got some.

    The caller has locked the event, and commits.
    """
    if event.has_started(now) or not event.published:
        return 0
    seats_left = event.seats_left(now)
    queue = db.session.scalars(
        select(WaitlistEntry)
        .where(
            WaitlistEntry.event_id == event.id,
            WaitlistEntry.status == WaitlistStatus.WAITING,
        )
        .order_by(WaitlistEntry.id)
        .limit(seats_left)
    ).all()
    offers = 0
    for entry in queue:
        # An entry that does not fit stops the queue: none is overtaken.
        if entry.quantity > seats_left:
            break
        seats_left -= entry.quantity
        entry.status = WaitlistStatus.OFFERED
        entry.offered_until = now + OFFER_HOLDS
        offers += 1
    return offers


def mail_offers(event: Event | None = None) -> tuple[int, int]:
    """Mail the offers that were not mailed yet, of this event or of all.

    Commits for each of them. Returns how many were sent, and how many were not.
    """
    not_mailed = (
        select(WaitlistEntry)
        .where(
            WaitlistEntry.status == WaitlistStatus.OFFERED,
            WaitlistEntry.offered_until >= utc_now(),
            WaitlistEntry.offer_sent_at.is_(None),
        )
        .order_by(WaitlistEntry.id)
    )
    if event is not None:
        not_mailed = not_mailed.where(WaitlistEntry.event_id == event.id)
    sent = for_each_row(db.session.scalars(not_mailed).all(), send_offer, failed=False)
    return sent.count(True), sent.count(False)


def _form_again(
    event: Event, form: WaitlistForm, status: int, problem: str | None = None
) -> ResponseReturnValue:
    """Show the form as it was typed."""
    return event_page(event, waitlist_form=form, problem=problem), status
