"""The organiser's pages: events and vouchers."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from ..database import db
from ..forms import EventForm, VoucherForm
from ..models import Event, VoucherKind
from ..services.errors import DomainError
from ..services.event_management import (
    EventDetails,
    EventManagement,
    event_slugs,
    find_any_event,
    revenue_by_event,
)
from ..services.vouchers import VoucherDetails, create_voucher, list_vouchers
from .auth import login_required
from .error_responses import add_form_error, status_of

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


@bp.get("")
@login_required
def dashboard() -> ResponseReturnValue:
    revenue = revenue_by_event(db.session())
    rows = [(each.event, each.seats_sold, each.net_cents) for each in revenue]
    return render_template("organiser/dashboard.html", rows=rows)


@bp.route("/events/new", methods=["GET", "POST"])
@login_required
def new_event() -> ResponseReturnValue:
    form = EventForm()
    if form.is_submitted():
        if not form.validate():
            return _event_page(form, None, 422)
        try:
            event = EventManagement.from_context().create(_event_details(form))
        except DomainError as error:
            add_form_error(form, error)
            return _event_page(form, None, status_of(error))
        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    return _event_page(form, None)


@bp.route("/events/<slug>/edit", methods=["GET", "POST"])
@login_required
def edit_event(slug: str) -> ResponseReturnValue:
    event = find_any_event(db.session(), slug)
    if request.method == "POST":
        # Without the event: a field that is missing is missing, and not what is stored.
        form = EventForm()
        if not form.validate():
            return _event_page(form, event, 422)
        try:
            EventManagement.from_context().edit(event, _event_details(form))
        except DomainError as error:
            add_form_error(form, error)
            return _event_page(form, event, status_of(error))
        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    prices = {"price": event.price_cents, "early_bird_price": event.early_bird_price_cents}
    return _event_page(EventForm(obj=event, data=prices), event)


@bp.route("/vouchers", methods=["GET", "POST"])
@login_required
def vouchers() -> ResponseReturnValue:
    form = VoucherForm()
    slugs = event_slugs(db.session())
    form.event.choices = [SelectChoice("", "any event"), *slugs]
    if form.is_submitted():
        if not form.validate():
            return _vouchers_page(form, 422)
        try:
            voucher = create_voucher(db.session(), _voucher_details(form))
        except DomainError as error:
            add_form_error(form, error)
            return _vouchers_page(form, status_of(error))
        flash(f"The voucher {voucher.code} is saved.")
        return redirect(url_for("organiser.vouchers"), 303)
    return _vouchers_page(form)


def _event_details(form: EventForm) -> EventDetails:
    return EventDetails(
        title=form.title.data,
        slug=form.slug.data,
        summary=form.summary.data,
        venue=form.venue.data,
        category=form.category.data,
        starts_at=form.starts_at.data,
        capacity=form.capacity.data,
        price_cents=form.price.data,
        early_bird_price_cents=form.early_bird_price.data,
        early_bird_until=form.early_bird_until.data,
        max_per_order=form.max_per_order.data,
        published=form.published.data,
    )


def _voucher_details(form: VoucherForm) -> VoucherDetails:
    return VoucherDetails(
        code=form.code.data,
        kind=VoucherKind(form.kind.data),
        value=form.value_off,
        event_slug=form.event.data,
        valid_from=form.valid_from.data,
        valid_until=form.valid_until.data,
        max_uses=form.max_uses.data,
    )


def _event_page(form: EventForm, event: Event | None, status: int = 200) -> ResponseReturnValue:
    return render_template("organiser/event_form.html", form=form, event=event), status


def _vouchers_page(form: VoucherForm, status: int = 200) -> ResponseReturnValue:
    rows = list_vouchers(db.session())
    return render_template("organiser/vouchers.html", rows=rows, form=form), status
