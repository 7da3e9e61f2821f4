"""What a domain error means to a browser: one table for all pages."""

from typing import NamedTuple

from flask_wtf import FlaskForm
from werkzeug.exceptions import default_exceptions
from werkzeug.wrappers import Response

from ..services import errors
from ..support.error_pages import http_error


class ErrorResponse(NamedTuple):
    """A status code, and the form field that the sentence belongs to, if it is about one.

    `sentence` stands in place of the error's own, where a page has to say what to do now.
    """

    status: int
    field: str | None = None
    sentence: str | None = None


ERROR_RESPONSES: dict[type[errors.DomainError], ErrorResponse] = {
    errors.InvalidQuery: ErrorResponse(400),
    errors.InvalidCallback: ErrorResponse(400),
    errors.CardDeclined: ErrorResponse(402),
    errors.NotAllowed: ErrorResponse(403),
    errors.NetworkRefused: ErrorResponse(403),
    errors.ConnectionRevoked: ErrorResponse(403),
    errors.PostRefused: ErrorResponse(403),
    errors.EventNotFound: ErrorResponse(404),
    errors.OrderNotFound: ErrorResponse(404),
    errors.OfferNotFound: ErrorResponse(404),
    errors.TicketNotFound: ErrorResponse(404),
    errors.SalesClosed: ErrorResponse(409),
    errors.CheckoutIdUsed: ErrorResponse(
        409, sentence="This was sent before: check what you typed, and send it again."
    ),
    errors.SoldOut: ErrorResponse(409),
    errors.SeatsAvailable: ErrorResponse(409),
    errors.OrderNotPaid: ErrorResponse(409),
    errors.EventStarted: ErrorResponse(409),
    errors.TicketUsed: ErrorResponse(409),
    errors.TicketNotPaid: ErrorResponse(409),
    errors.AlreadyCheckedIn: ErrorResponse(409),
    errors.NotConnected: ErrorResponse(409),
    errors.OfferRefused: ErrorResponse(410),
    errors.QuantityRefused: ErrorResponse(422, "quantity"),
    errors.VoucherUnknown: ErrorResponse(422, "voucher"),
    errors.VoucherRefused: ErrorResponse(422, "voucher"),
    errors.CardMissing: ErrorResponse(422, "card_token"),
    errors.CapacityTooSmall: ErrorResponse(422, "capacity"),
    errors.SlugTaken: ErrorResponse(422, "slug"),
    errors.VoucherCodeTaken: ErrorResponse(422, "code"),
    errors.VoucherEventUnknown: ErrorResponse(422, "event"),
    errors.NetworkUnclear: ErrorResponse(502),
    errors.PostUnclear: ErrorResponse(502),
    errors.PaymentPending: ErrorResponse(503),
}


def status_of(error: errors.DomainError) -> int:
    return ERROR_RESPONSES[type(error)].status


def sentence_of(error: errors.DomainError) -> str:
    return ERROR_RESPONSES[type(error)].sentence or str(error)


def add_form_error(form: FlaskForm, error: errors.DomainError) -> str | None:
    """Put the sentence at its field; return it where it is about the whole form.

    It is the only one: what the form itself has found does not matter any more.
    """
    for each in form:
        each.errors = []
    field = ERROR_RESPONSES[type(error)].field
    if field is None:
        return sentence_of(error)
    form[field].errors = [sentence_of(error)]
    return None


def domain_error_page(error: errors.DomainError) -> Response:
    """Answer an error that no view has a page of its own for."""
    return http_error(default_exceptions[status_of(error)](sentence_of(error)))
