"""What an event has sold, and checking tickets at the door."""

from collections.abc import Sequence

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..database import db
from ..forms import CheckinForm
from ..models import Event
from ..services.check_in import check_in as admit
from ..services.errors import DomainError
from ..services.event_management import find_any_event
from ..services.sales import Line, sales_by_voucher, sales_total
from ..support.clock import utc_now
from ..support.spreadsheet import csv_text, plain_euros
from .auth import login_required
from .error_responses import add_form_error, status_of

bp = Blueprint("sales", __name__, url_prefix="/organiser/events/<slug>")

FORMATS = ("html", "csv")


@bp.get("/sales")
@login_required
def report(slug: str) -> ResponseReturnValue:
    event = find_any_event(db.session(), slug)
    preferred = request.accept_mimetypes.best_match(["text/html", "text/csv"])
    wanted = request.args.get("format", "csv" if preferred == "text/csv" else "html")
    if wanted not in FORMATS:
        abort(400, f"format cannot be {wanted!r}: choose one of {', '.join(FORMATS)}.")
    if wanted == "html":
        return _sales_page(event, CheckinForm(formdata=None))

    lines = sales_by_voucher(db.session(), event)
    header = ("voucher", "orders", "seats", "gross", "discounts", "refunds", "vat", "net")
    text = csv_text([header, *(_cells(line) for line in [*lines, sales_total(lines)])])
    name = {"Content-Disposition": f'attachment; filename="sales-{event.slug}.csv"'}
    return Response(text, headers=name, content_type="text/csv; charset=utf-8")


@bp.post("/checkin")
@login_required
def check_in(slug: str) -> ResponseReturnValue:
    event = find_any_event(db.session(), slug)
    form = CheckinForm()
    if not form.validate():
        return _sales_page(event, form, 422)
    try:
        ticket = admit(db.session(), event, form.code.data, clock=utc_now)
    except DomainError as error:
        return _sales_page(event, form, status_of(error), add_form_error(form, error))
    flash(f"{ticket.order.name} is checked in.")
    return redirect(url_for("sales.report", slug=slug), 303)


def _cells(line: Line) -> Sequence[str | int]:
    return (
        line.voucher,
        line.orders,
        line.seats,
        plain_euros(line.gross_cents),
        plain_euros(line.discount_cents),
        plain_euros(line.refund_cents),
        plain_euros(line.vat_cents),
        plain_euros(line.net_cents),
    )


def _sales_page(
    event: Event, form: CheckinForm, status: int = 200, problem: str | None = None
) -> ResponseReturnValue:
    """Show the report, with the form as it was typed."""
    lines = sales_by_voucher(db.session(), event)
    page = render_template(
        "organiser/sales.html",
        event=event,
        lines=lines,
        total=sales_total(lines),
        form=form,
        problem=problem,
    )
    return page, status
