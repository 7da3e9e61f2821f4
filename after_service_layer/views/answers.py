"""What a refusal means to a browser: one table for all pages."""

from typing import NamedTuple

from flask_wtf import FlaskForm
from werkzeug.exceptions import default_exceptions
from werkzeug.wrappers import Response

from ..errors import http_error
from ..services import refusals


class Answer(NamedTuple):
    """A status code, and the form field that the sentence belongs to, if it is about one."""

    status: int
    field: str | None = None


ANSWERS: dict[type[refusals.Refusal], Answer] = {
    refusals.InvalidQuery: Answer(400),
    refusals.EventNotFound: Answer(404),
    refusals.OrderNotFound: Answer(404),
    refusals.SalesClosed: Answer(409),
    refusals.CheckoutIdUsed: Answer(409),
    refusals.SoldOut: Answer(409),
    refusals.ThereAreSeats: Answer(409),
    refusals.OfferNotFound: Answer(404),
    refusals.OfferGone: Answer(410),
    refusals.QuantityRefused: Answer(422, "quantity"),
    refusals.VoucherRefused: Answer(422, "voucher"),
    refusals.CardMissing: Answer(422, "card_token"),
    refusals.CardDeclined: Answer(402),
    refusals.PaymentUnanswered: Answer(503),
    refusals.CannotCancel: Answer(409),
    refusals.TicketNotFound: Answer(404),
    refusals.CannotCheckIn: Answer(409),
    refusals.CapacityTooSmall: Answer(422, "capacity"),
    refusals.SlugTaken: Answer(422, "slug"),
    refusals.CodeTaken: Answer(422, "code"),
    refusals.VoucherEventUnknown: Answer(422, "event"),
    refusals.CannotShare: Answer(409),
    refusals.NotConnected: Answer(409),
    refusals.StrangeCallback: Answer(400),
    refusals.NotAllowed: Answer(403),
    refusals.NetworkRefused: Answer(403),
    refusals.NetworkUnclear: Answer(502),
}


def status_of(refusal: refusals.Refusal) -> int:
    return ANSWERS[type(refusal)].status


def tell(form: FlaskForm, refusal: refusals.Refusal) -> str | None:
    """Put the sentence at its field; return it where it is about the whole form.

    It is the only one: what the form itself has found does not matter any more.
    """
    for each in form:
        each.errors = []
    field = ANSWERS[type(refusal)].field
    if field is None:
        return str(refusal)
    form[field].errors = [str(refusal)]
    return None


def refusal_page(refusal: refusals.Refusal) -> Response:
    """Answer a refusal that no view has a page of its own for."""
    return http_error(default_exceptions[status_of(refusal)](str(refusal)))
