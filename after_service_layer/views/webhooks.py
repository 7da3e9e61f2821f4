"""The webhook of the payment gateway: a charge has succeeded, or failed."""

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from ..gateways.payments import BadWebhook, read_webhook
from ..services.settlement import Settlement
from ..support.clock import utc_now
from ..support.error_pages import http_error

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@bp.post("/payments")
def payments() -> ResponseReturnValue:
    try:
        report = read_webhook(
            request.get_data(),
            request.headers.get("Gateway-Signature", ""),
            secret=current_app.config["PAYMENTS_WEBHOOK_SECRET"],
            now=utc_now(),
        )
    except BadWebhook as error:
        abort(400, str(error))
    Settlement.from_context().handle_charge_event(report)
    return {"status": "ok"}


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Refuse a huge webhook as any other that cannot be the gateway's."""
    return http_error(BadRequest("The webhook is too large to be one."))
