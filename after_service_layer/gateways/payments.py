"""The payment gateway, over HTTP: requests to it, and its webhooks."""

import hmac
import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Any

import requests

from ..services.errors import CardDeclined
from ..services.interfaces import ChargeEvent, ChargeOutcome, PaymentOutcomeUnknown

OLDEST_SECONDS = 300
LONGEST_CHARGE_ID = 255
LONGEST_REASON = 200
OUTCOMES = {
    "charge.succeeded": ChargeOutcome.SUCCEEDED,
    "charge.failed": ChargeOutcome.FAILED,
}


class BadWebhook(Exception):
    """A message that cannot be the gateway's, or not of now; the text says why."""


class HttpPayments:
    """Implements `services.interfaces.Payments`; `timeout` in seconds."""

    def __init__(self, *, url: str, api_key: str, timeout: float) -> None:
        self._url = url
        self._api_key = api_key
        self._timeout = timeout

    def charge(self, *, amount_cents: int, source: str, reference: str, key: str) -> str:
        body = {
            "amount": amount_cents,
            "currency": "EUR",
            "source": source,
            "reference": reference,
        }
        status, answer = self._post("/v1/charges", body, key)
        charge_id = _charge_id_of(answer, amount_cents, reference)
        match status, answer:
            case 201, _ if charge_id is not None:
                return charge_id
            case 402, {"error": {"message": str(reason)}}:
                raise CardDeclined(reason_to_show(reason))
        # Not what the answer says: it may be anything, and goes to the log.
        raise PaymentOutcomeUnknown(f"status {status}")

    def find_charge(self, *, amount_cents: int, reference: str, key: str) -> str | None:
        status, answer = self._send("GET", "/v1/charges", params={"idempotency_key": key})
        match status, answer:
            case 200, {"data": []}:
                return None
            case 200, {"data": [charge]}:
                charge_id = _charge_id_of(charge, amount_cents, reference)
                if charge_id is not None:
                    return charge_id
        raise PaymentOutcomeUnknown(f"status {status}")

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        body = {"charge": charge_id, "amount": amount_cents}
        status, answer = self._post("/v1/refunds", body, key)
        match status, answer:
            case 201, {"status": "succeeded", "amount": amount} if amount == amount_cents:
                return
        raise PaymentOutcomeUnknown(f"status {status}")

    def _post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, Any]:
        return self._send("POST", path, json=body, headers={"Idempotency-Key": key})

    def _send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any
    ) -> tuple[int, Any]:
        try:
            answer = requests.request(
                method,
                self._url + path,
                headers=headers,
                auth=self._authorize,
                timeout=self._timeout,
                allow_redirects=False,
                **content,
            )
            return answer.status_code, answer.json()
        # Whatever goes wrong, money may have moved.
        except Exception as error:
            raise PaymentOutcomeUnknown(f"{type(error).__name__}: {error}") from error

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As a header it would give way to a password in ~/.netrc.
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


def _charge_id_of(charge: Any, amount_cents: int, reference: str) -> str | None:
    """Return the id of a charge that has succeeded over this; None for anything else."""
    match charge:
        case {"id": str(charge_id), "status": "succeeded", **rest} if is_charge_id(charge_id):
            same_amount = rest.get("amount") == amount_cents
            return charge_id if same_amount and rest.get("reference") == reference else None
    return None


def is_charge_id(text: str) -> bool:
    """Return whether the database can keep it, and the gateway can be asked with it."""
    return 1 <= len(text) <= LONGEST_CHARGE_ID and text.isprintable()


def reason_to_show(text: str) -> str:
    """Return why a card was declined, short enough for a page, and without what is no text."""
    return text[:LONGEST_REASON] if text.isprintable() else "The bank gives no reason."


def read_webhook(body: bytes, header: str, *, secret: str, now: datetime) -> ChargeEvent:
    """Return what the gateway reports about a charge; raise BadWebhook.

    `header` is `Gateway-Signature`. The scheme is Stripe's:
    https://docs.stripe.com/webhooks#verify-manually
    """
    signature = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", header)
    # Without a secret nothing can be checked, and with an empty one anyone could sign.
    if not secret or signature is None:
        raise BadWebhook("The webhook is not signed.")
    signed_at, given = signature.groups()
    right = hmac.new(secret.encode(), f"{signed_at}.".encode() + body, sha256).hexdigest()
    if not hmac.compare_digest(given, right):
        raise BadWebhook("The signature of the webhook is wrong.")
    if abs(now.timestamp() - int(signed_at)) > OLDEST_SECONDS:
        raise BadWebhook(f"The webhook is older than {OLDEST_SECONDS} seconds.")
    return _report(body)


def _report(body: bytes) -> ChargeEvent:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    match message:
        case {"type": str(kind), "data": {"charge": dict(charge)}}:
            pass
        case _:
            raise BadWebhook("The webhook has no charge in it.")
    match charge:
        # What is not printable, such as NUL, no database keeps.
        case {"id": str(charge_id), "amount": int(amount), "reference": str(reference)} if (
            is_charge_id(charge_id) and reference.isprintable()
        ):
            return ChargeEvent(
                outcome=OUTCOMES.get(kind, ChargeOutcome.OTHER),
                charge_id=charge_id,
                amount_cents=amount,
                reference=reference,
            )
    raise BadWebhook("The charge in the webhook needs an id, an amount and a reference.")
