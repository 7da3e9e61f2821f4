"""HTTP to the payment gateway."""

from typing import Any

import requests
from flask import current_app

from .models import Order

LONGEST_CHARGE_ID = 255
LONGEST_REASON = 200


def ask_gateway(
    method: str, path: str, *, key: str | None = None, **content: Any
) -> tuple[int | None, Any]:
    """Return status and JSON of the gateway's answer; None, and why, where there is none.

    It raises nothing: whatever goes wrong, money may have moved, and the caller has to find out.
    With the same idempotency `key`, the gateway does a thing only once. `content` is what
    `requests` sends: json or params.
    """
    config = current_app.config

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As a header it would give way to a password in ~/.netrc.
        request.headers["Authorization"] = f"Bearer {config['PAYMENTS_API_KEY']}"
        return request

    try:
        answer = requests.request(
            method,
            f"{config['PAYMENTS_URL']}{path}",
            headers={"Idempotency-Key": key} if key else {},
            auth=authorize,
            timeout=config["PAYMENTS_TIMEOUT"],
            allow_redirects=False,
            **content,
        )
        return answer.status_code, answer.json()
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def charge_id_of(order: Order, charge: Any) -> str | None:
    """Return the id of a charge that has succeeded and is this order's; None for anything else."""
    match charge:
        case {"id": str(charge_id), "status": "succeeded", **rest} if is_charge_id(charge_id):
            same_amount = rest.get("amount") == order.total_cents
            return charge_id if same_amount and rest.get("reference") == order.reference else None
        case _:
            return None


def is_charge_id(text: str) -> bool:
    """Return whether the database can keep it, and the gateway can be asked with it."""
    return 1 <= len(text) <= LONGEST_CHARGE_ID and text.isprintable()


def reason_to_show(text: str) -> str:
    """Return why a card was declined, short enough for a page, and without what is no text."""
    return text[:LONGEST_REASON] if text.isprintable() else "The bank gives no reason."


def no_answer(status: int | None, body: Any) -> str:
    """Return for the log why an answer is not clear: not what it says, which may be anything."""
    return str(body) if status is None else f"status {status}"
