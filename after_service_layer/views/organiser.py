"""The organiser's pages: events and vouchers."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from ..database import db
from ..forms import EventForm, VoucherForm
from ..models import Event, VoucherKind
from ..services import event_management
from ..services.errors import DomainError
from ..services.waiting_list import WaitingList
from ..support.clock import utc_now
from .auth import login_required
from .error_responses import status_of, tell

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


@bp.get("")
@login_required
def dashboard() -> ResponseReturnValue:
    rows = [
        (row.event, row.seats_sold, row.net_cents)
        for row in event_management.revenue_by_event(db.session())
    ]
    return render_template("organiser/dashboard.html", rows=rows)


@bp.route("/events/new", methods=["GET", "POST"])
@login_required
def new_event() -> ResponseReturnValue:
    form = EventForm()
    if form.is_submitted():
        if not form.validate():
            return _event_page(form, None, 422)
        try:
            event = event_management.create_event(db.session(), _event_details(form))
        except DomainError as refusal:
            tell(form, refusal)
            return _event_page(form, None, status_of(refusal))
        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    return _event_page(form, None)


@bp.route("/events/<slug>/edit", methods=["GET", "POST"])
@login_required
def edit_event(slug: str) -> ResponseReturnValue:
    event = event_management.find_any_event(db.session(), slug)
    if request.method == "POST":
        # Without the event: a field that is missing is missing, and not what is stored.
        form = EventForm()
        if not form.validate():
            return _event_page(form, event, 422)
        try:
            event_management.edit_event(
                db.session(),
                event,
                _event_details(form),
                waiting_list=WaitingList.from_context(),
                clock=utc_now,
            )
        except DomainError as refusal:
            tell(form, refusal)
            return _event_page(form, event, status_of(refusal))
        flash(f"{event.title} is saved.")
        return redirect(url_for("organiser.dashboard"), 303)
    prices = {"price": event.price_cents, "early_bird_price": event.early_bird_price_cents}
    return _event_page(EventForm(obj=event, data=prices), event)


@bp.route("/vouchers", methods=["GET", "POST"])
@login_required
def vouchers() -> ResponseReturnValue:
    form = VoucherForm()
    slugs = event_management.event_slugs(db.session())
    form.event.choices = [SelectChoice("", "any event"), *slugs]
    if form.is_submitted():
        if not form.validate():
            return _vouchers_page(form, 422)
        try:
            voucher = event_management.create_voucher(db.session(), _voucher_details(form))
        except DomainError as refusal:
            tell(form, refusal)
            return _vouchers_page(form, status_of(refusal))
        flash(f"The voucher {voucher.code} is saved.")
        return redirect(url_for("organiser.vouchers"), 303)
    return _vouchers_page(form)


def _event_details(form: EventForm) -> event_management.EventDetails:
    return event_management.EventDetails(
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


def _voucher_details(form: VoucherForm) -> event_management.VoucherDetails:
    return event_management.VoucherDetails(
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
    rows = event_management.list_vouchers(db.session())
    return render_template("organiser/vouchers.html", rows=rows, form=form), status
