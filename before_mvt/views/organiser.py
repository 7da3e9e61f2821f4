"""The organiser's pages: events and vouchers."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import case, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload
from wtforms import SelectChoice

from ..database import db
from ..forms import EventForm, VoucherForm
from ..models import Event, Order, OrderStatus, Voucher, VoucherKind, voucher_uses
from ..support.clock import utc_now
from ..support.money import net_of
from .auth import login_required
from .waitlist import serve_waitlist

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


@bp.get("")
@login_required
def dashboard() -> ResponseReturnValue:
    sold = func.sum(case((Order.status == OrderStatus.PAID, Order.quantity), else_=0))
    # What a cancelled order did not give back stays in the till.
    kept = func.sum(Order.total_cents - Order.refund_cents)
    took_money = Order.status.in_([OrderStatus.PAID, OrderStatus.CANCELLED])
    found = db.session.execute(
        select(Event, func.coalesce(sold, 0), func.coalesce(kept, 0))
        .outerjoin(Order, (Order.event_id == Event.id) & took_money)
        .group_by(Event.id)
        .order_by(Event.starts_at, Event.id)
    )
    rows = [(event, seats_sold, net_of(gross_cents)) for event, seats_sold, gross_cents in found]
    return render_template("organiser/dashboard.html", rows=rows)


@bp.route("/events/new", methods=["GET", "POST"])
@login_required
def new_event() -> ResponseReturnValue:
    form = EventForm()
    if form.is_submitted():
        if not form.validate():
            return _event_page(form, None, 422)

        event = Event()
        _fill(event, form)
        db.session.add(event)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.slug.errors = [_slug_taken(form.slug.data)]
            return _event_page(form, None, 422)

        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    return _event_page(form, None)


@bp.route("/events/<slug>/edit", methods=["GET", "POST"])
@login_required
def edit_event(slug: str) -> ResponseReturnValue:
    event = any_event_or_404(slug)

    if request.method == "POST":
        # Without the event: a field that is missing is missing, and not what is stored.
        form = EventForm()
        if not form.validate():
            return _event_page(form, event, 422)

        # No seat may be sold between counting them and storing the new capacity.
        event.lock()
        taken = event.seats_taken(utc_now())
        if form.capacity.data < taken:
            db.session.rollback()
            form.capacity.errors = [f"{taken} seats are taken: give at least {taken}."]
            return _event_page(form, event, 422)
        _fill(event, form)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.slug.errors = [_slug_taken(form.slug.data)]
            return _event_page(form, event, 422)

        serve_waitlist(event)
        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    prices = {"price": event.price_cents, "early_bird_price": event.early_bird_price_cents}
    return _event_page(EventForm(obj=event, data=prices), event)


@bp.route("/vouchers", methods=["GET", "POST"])
@login_required
def vouchers() -> ResponseReturnValue:
    form = VoucherForm()
    slugs = db.session.scalars(select(Event.slug).order_by(Event.slug)).all()
    form.event.choices = [SelectChoice("", "any event"), *slugs]
    if form.is_submitted():
        if not form.validate():
            return _vouchers_page(form, 422)

        event = None
        if form.event.data:
            event = db.session.scalar(select(Event).where(Event.slug == form.event.data))
            if event is None:
                form.event.errors = [f"There is no event {form.event.data}."]
                return _vouchers_page(form, 422)
        voucher = Voucher(
            code=form.code.data,
            kind=VoucherKind(form.kind.data),
            value=form.value_off,
            event=event,
            valid_from=form.valid_from.data,
            valid_until=form.valid_until.data,
            max_uses=form.max_uses.data,
        )
        db.session.add(voucher)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.code.errors = [f"There is a voucher {form.code.data} already."]
            return _vouchers_page(form, 422)

        flash(f"The voucher {voucher.code} is saved.")
        return redirect(url_for("organiser.vouchers"), 303)
    return _vouchers_page(form)


def any_event_or_404(slug: str) -> Event:
    """Return an event, published or not; end the request where there is none."""
    event = db.session.scalar(select(Event).where(Event.slug == slug))
    if event is None:
        abort(404, "There is no such event.")
    return event


def _fill(event: Event, form: EventForm) -> None:
    event.title = form.title.data
    event.slug = form.slug.data
    event.summary = form.summary.data
    event.venue = form.venue.data
    event.category = form.category.data
    event.starts_at = form.starts_at.data
    event.capacity = form.capacity.data
    event.price_cents = form.price.data
    event.early_bird_price_cents = form.early_bird_price.data
    event.early_bird_until = form.early_bird_until.data
    event.max_per_order = form.max_per_order.data
    event.published = form.published.data


def _slug_taken(slug: str | None) -> str:
    return f"There is an event {slug} already: give another short name."


def _event_page(form: EventForm, event: Event | None, status: int = 200) -> ResponseReturnValue:
    return render_template("organiser/event_form.html", form=form, event=event), status


def _vouchers_page(form: VoucherForm, status: int = 200) -> ResponseReturnValue:
    rows = db.session.execute(
        select(Voucher, voucher_uses()).options(joinedload(Voucher.event)).order_by(Voucher.code)
    ).all()
    return render_template("organiser/vouchers.html", rows=rows, form=form), status
