"""What a refusal means to a browser: one table for all pages."""

from typing import NamedTuple

from flask_wtf import FlaskForm
from werkzeug.exceptions import default_exceptions
from werkzeug.wrappers import Response

from ..services import errors
from ..support.error_pages import http_error


class Answer(NamedTuple):
    """A status code, and the form field that the sentence belongs to, if it is about one."""

    status: int
    field: str | None = None


ERROR_RESPONSES: dict[type[errors.DomainError], Answer] = {
    errors.InvalidQuery: Answer(400),
    errors.EventNotFound: Answer(404),
    errors.OrderNotFound: Answer(404),
    errors.SalesClosed: Answer(409),
    errors.CheckoutIdUsed: Answer(409),
    errors.SoldOut: Answer(409),
    errors.ThereAreSeats: Answer(409),
    errors.OfferNotFound: Answer(404),
    errors.OfferGone: Answer(410),
    errors.QuantityRefused: Answer(422, "quantity"),
    errors.VoucherRefused: Answer(422, "voucher"),
    errors.CardMissing: Answer(422, "card_token"),
    errors.CardDeclined: Answer(402),
    errors.PaymentPending: Answer(503),
    errors.CannotCancel: Answer(409),
    errors.TicketNotFound: Answer(404),
    errors.CannotCheckIn: Answer(409),
    errors.CapacityTooSmall: Answer(422, "capacity"),
    errors.SlugTaken: Answer(422, "slug"),
    errors.CodeTaken: Answer(422, "code"),
    errors.VoucherEventUnknown: Answer(422, "event"),
    errors.CannotShare: Answer(409),
    errors.NotConnected: Answer(409),
    errors.InvalidCallback: Answer(400),
    errors.NotAllowed: Answer(403),
    errors.NetworkRefused: Answer(403),
    errors.NetworkUnclear: Answer(502),
}


def status_of(refusal: errors.DomainError) -> int:
    return ERROR_RESPONSES[type(refusal)].status


def tell(form: FlaskForm, refusal: errors.DomainError) -> str | None:
    """Put the sentence at its field; return it where it is about the whole form.

    It is the only one: what the form itself has found does not matter any more.
    """
    for each in form:
        each.errors = []
    field = ERROR_RESPONSES[type(refusal)].field
    if field is None:
        return str(refusal)
    form[field].errors = [str(refusal)]
    return None


def domain_error_page(refusal: errors.DomainError) -> Response:
    """Answer a refusal that no view has a page of its own for."""
    return http_error(default_exceptions[status_of(refusal)](str(refusal)))
