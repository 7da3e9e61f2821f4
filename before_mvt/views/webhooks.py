"""The webhook of the payment gateway: a charge has succeeded, or failed."""

import hmac
import json
import re
from hashlib import sha256

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from ..database import db
from ..models import Order
from ..payments import is_charge_id
from ..support.clock import utc_now
from ..support.error_pages import http_error
from .checkout import mark_failed, mark_succeeded

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")

OLDEST_SECONDS = 300


@bp.post("/payments")
def payments() -> ResponseReturnValue:
    body = request.get_data()
    secret = current_app.config["PAYMENTS_WEBHOOK_SECRET"]
    header = request.headers.get("Gateway-Signature", "")
    signature = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", header)
    # Without a secret nothing can be checked, and with an empty one anyone could sign.
    if not secret or signature is None:
        abort(400, "The webhook is not signed.")
    signed_at, given = signature.groups()
    right = hmac.new(secret.encode(), f"{signed_at}.".encode() + body, sha256).hexdigest()
    if not hmac.compare_digest(given, right):
        abort(400, "The signature of the webhook is wrong.")
    if abs(utc_now().timestamp() - int(signed_at)) > OLDEST_SECONDS:
        abort(400, f"The webhook is older than {OLDEST_SECONDS} seconds.")

    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    match message:
        case {"type": str(kind), "data": {"charge": dict(charge)}}:
            pass
        case _:
            abort(400, "The webhook has no charge in it.")
    match charge:
        # What is not printable, such as NUL, no database keeps.
        case {"id": str(charge_id), "amount": int(amount), "reference": str(reference)} if (
            is_charge_id(charge_id) and reference.isprintable()
        ):
            pass
        case _:
            abort(400, "The charge in the webhook needs an id, an amount and a reference.")

    order = db.session.scalar(select(Order).where(Order.reference == reference))
    if order is None:
        abort(404, "There is no such order.")
    if kind == "charge.failed":
        mark_failed(order)
    elif kind == "charge.succeeded" and amount == order.total_cents:
        mark_succeeded(order, charge_id)
    elif kind == "charge.succeeded":
        current_app.logger.error("The charge of %s is over %s cents.", reference, amount)
    return {"status": "ok"}


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Refuse a huge webhook as any other that cannot be the gateway's."""
    return http_error(BadRequest("The webhook is too large to be one."))
