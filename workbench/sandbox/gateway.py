"""The payment gateway: charges and refunds over HTTP, paid with test cards.

The answer to every charge and refund is kept under its idempotency key. So a client without
an answer can ask again with the same key, and the card is not charged twice. After the answer the
gateway also sends a webhook to the shops.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from .server import serving
from .webhooks import ChargeEvent, Webhooks

TEST_CARDS = {
    "tok_visa": "pays",
    "tok_declined": "is declined",
    "tok_insufficient": "is declined: not enough money",
    "tok_error": "makes the gateway answer 500; nothing is charged",
    "tok_slow": "pays, but the answer comes late; the webhook reports it",
}

DECLINES = {
    "tok_declined": ("card_declined", "The bank refuses to pay."),
    "tok_insufficient": ("insufficient_funds", "There is not enough money on the account."),
}
UNKNOWN_CARD = (
    "unknown_card",
    f"This card is unknown. The test cards are {', '.join(TEST_CARDS)}.",
)

SUCCEEDED, FAILED = "charge.succeeded", "charge.failed"

Answer = tuple[dict[str, Any], int]


class Refused(Exception):
    """The gateway refuses: an HTTP status, a short code for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer: Answer = {"error": {"code": code, "message": message}}, status


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """What a client asks to be charged; `amount` in cents."""

    amount: int
    currency: str
    source: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """What a client asks to be paid back; `amount` in cents."""

    charge: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One try to charge a card: `status` is "succeeded", or why it was declined."""

    id: str
    idempotency_key: str
    status: str
    request: ChargeRequest
    refunded: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what a client sees of it."""
        return {
            "id": self.id,
            "status": self.status,
            "amount": self.request.amount,
            "currency": self.request.currency,
            "reference": self.request.reference,
        }


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money paid back from a charge; `amount` in cents."""

    id: str
    charge: str
    amount: int

    def as_json(self) -> dict[str, Any]:
        """Return what a client sees of it."""
        return {"id": self.id, "status": "succeeded", "amount": self.amount}


class Ledger:
    """Every charge and refund, and the answer that was given to each idempotency key.

    One lock guards it all: two requests with the same key at the same moment charge once.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._charges: dict[str, Charge] = {}
        self._refunds: list[Refund] = []
        self._answers: dict[str, tuple[ChargeRequest | RefundRequest, Answer]] = {}
        self._untold: dict[str, Charge] = {}

    def charge(self, key: str, wanted: ChargeRequest) -> Answer:
        """Charge the card, or decline it; both are final for this key.

        Raises Refused: 409 when the key was used for something else, 500 for `tok_error`.
        """
        return self._once(key, wanted, lambda: self._charge(key, wanted))

    def refund(self, key: str, wanted: RefundRequest) -> Answer:
        """Pay back a charge, or a part of it.

        Raises Refused: 404 for an unknown charge, 409 when the key was used for something else,
        422 for more than is left of the charge.
        """
        return self._once(key, wanted, lambda: self._refund(wanted))

    def charges(self) -> list[Charge]:
        """Return all charges, declined ones too, oldest first."""
        with self._lock:
            return list(self._charges.values())

    def take_untold(self, key: str) -> Charge | None:
        """Return the charge under this key the first time it is asked for, then None."""
        return self._untold.pop(key, None)

    def capture(self, charge_id: str) -> None:
        """Let a charge succeed late: the bank has paid after all."""
        with self._lock:
            charge = self._charges[charge_id]
            self._charges[charge_id] = replace(charge, status="succeeded")

    def refunds(self) -> list[Refund]:
        """Return all refunds, oldest first."""
        with self._lock:
            return list(self._refunds)

    def _once(
        self, key: str, wanted: ChargeRequest | RefundRequest, act: Callable[[], Answer]
    ) -> Answer:
        with self._lock:
            if key not in self._answers:
                # A Refused passes through here and is not kept: nothing has happened.
                self._answers[key] = wanted, act()
            first_wanted, answer = self._answers[key]
        if first_wanted != wanted:
            message = "This idempotency key was used before, with another request."
            raise Refused(409, "idempotency_key_reused", message)
        return answer

    def _charge(self, key: str, wanted: ChargeRequest) -> Answer:
        if wanted.source == "tok_error":
            raise Refused(500, "gateway_error", "The gateway failed, as tok_error asks it to.")
        refusal = None
        if wanted.source not in TEST_CARDS:
            refusal = UNKNOWN_CARD
        elif wanted.source in DECLINES:
            refusal = DECLINES[wanted.source]
        charge = Charge(
            id=f"ch_{secrets.token_hex(8)}",
            idempotency_key=key,
            status=refusal[0] if refusal else "succeeded",
            request=wanted,
        )
        self._charges[charge.id] = self._untold[key] = charge
        return Refused(402, *refusal).answer if refusal else (charge.as_json(), 201)

    def _refund(self, wanted: RefundRequest) -> Answer:
        charge = self._charges.get(wanted.charge)
        if charge is None or charge.status != "succeeded":
            raise Refused(404, "unknown_charge", "There is no such charge.")
        left = charge.request.amount - charge.refunded
        if wanted.amount > left:
            message = f"amount: only {left} cents of this charge are left to refund."
            raise Refused(422, "amount_too_large", message)
        refund = Refund(id=f"re_{secrets.token_hex(8)}", charge=charge.id, amount=wanted.amount)
        self._refunds.append(refund)
        self._charges[charge.id] = replace(charge, refunded=charge.refunded + wanted.amount)
        return refund.as_json(), 201


class Outage:
    """Failures ordered in advance: the next calls get this answer instead of a true one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls = 0
        self._answer = ("", 500)

    def order(self) -> Answer:
        """POST /sandbox/fail: the next calls of the API fail as the body says.

        Raises Refused for a body that does not say it.
        """
        body = {"status": 500, "body": "", **read_json_object()}
        calls = read_whole_number(body, "calls", least=0)
        status = read_whole_number(body, "status", least=200, most=599)
        text = read_text(body, "body", may_be_empty=True)
        with self._lock:
            self._calls = calls
            self._answer = text, status
        return {"calls": calls, "status": status, "body": text}, 200

    def next_answer(self) -> tuple[str, int] | None:
        """Return the ordered answer for the call that has just come in, if there is one."""
        with self._lock:
            if self._calls == 0:
                return None
            self._calls -= 1
            return self._answer


class Views:
    """The gateway's HTTP side: reads requests, asks the ledger, answers."""

    def __init__(
        self, api_key: str, slow_seconds: float, webhooks: Webhooks, ledger: Ledger
    ) -> None:
        self._api_key = api_key
        self._slow_seconds = slow_seconds
        self._webhooks = webhooks
        self._ledger = ledger
        self.outage = Outage()

    def guard(self) -> tuple[str, int] | None:
        """Before each call of the API: an ordered failure, else a look at the key."""
        if not request.path.startswith("/v1/"):
            return None
        failure = self.outage.next_answer()
        if failure is None:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._api_key}".encode()):
                message = "Send the header Authorization: Bearer KEY, with the right key."
                raise Refused(401, "wrong_api_key", message)
        return failure

    def create_charge(self) -> Response:
        """POST /v1/charges. The webhook follows once the answer is out."""
        key = read_idempotency_key()
        body = read_json_object()
        wanted = ChargeRequest(
            amount=read_whole_number(body, "amount", least=1),
            currency=read_currency(body),
            source=read_text(body, "source"),
            reference=read_text(body, "reference"),
        )
        answer = self._ledger.charge(key, wanted)
        if wanted.source == "tok_slow":
            time.sleep(self._slow_seconds)
        response = make_response(answer)
        # Also when the client has hung up meanwhile: then it is needed most.
        response.call_on_close(lambda: self._notify_shops(key))
        return response

    def _notify_shops(self, key: str) -> None:
        charge = self._ledger.take_untold(key)
        if charge is not None:
            self._webhooks.send(event_of(charge))

    def list_charges(self) -> Answer:
        """GET /v1/charges?idempotency_key=K: the charges with this key."""
        key = request.args.get("idempotency_key")
        if not key:
            raise Refused(400, "missing_parameter", "idempotency_key is missing in the address.")
        found = [
            charge.as_json()
            for charge in self._ledger.charges()
            if charge.idempotency_key == key and charge.status == "succeeded"
        ]
        return {"data": found}, 200

    def create_refund(self) -> Answer:
        """POST /v1/refunds."""
        key = read_idempotency_key()
        body = read_json_object()
        wanted = RefundRequest(
            charge=read_text(body, "charge"), amount=read_whole_number(body, "amount", least=1)
        )
        return self._ledger.refund(key, wanted)

    def send_webhook(self) -> Answer:
        """POST /sandbox/webhooks: report an order's last charge, once more or otherwise.

        A success that is reported for a declined charge is true from then on, so that it can be
        refunded.
        """
        body = {"age_seconds": 0, "forged": False, **read_json_object()}
        reference = read_text(body, "reference")
        charge = next(
            (c for c in reversed(self._ledger.charges()) if c.request.reference == reference), None
        )
        if charge is None:
            raise Refused(404, "unknown_reference", f"There is no charge for order {reference}.")
        event = event_of(charge)
        body = {"type": event.type, "amount": event.amount, **body}
        age_seconds = read_whole_number(body, "age_seconds", least=-86_400, most=86_400)
        forged = read_flag(body, "forged")
        event = replace(
            event,
            type=read_text(body, "type"),
            amount=read_whole_number(body, "amount", least=1),
        )
        if event.type == SUCCEEDED and not forged:
            self._ledger.capture(charge.id)
        deliveries = self._webhooks.send_once(event, age_seconds=age_seconds, forged=forged)
        answers = [{"url": sent.url, "status": sent.status} for sent in deliveries]
        return {"id": event.id, "type": event.type, "answers": answers}, 200

    def page(self) -> str:
        """GET /: what happened so far, for people."""
        return render_template(
            "gateway.html",
            charges=self._ledger.charges()[::-1],
            refunds=self._ledger.refunds()[::-1],
            webhooks=self._webhooks.deliveries[::-1],
            receivers=self._webhooks.urls,
            test_cards=TEST_CARDS,
            address=request.host_url,
        )


def event_of(charge: Charge) -> ChargeEvent:
    """Return the event to send about a charge."""
    return ChargeEvent(
        id=f"evt_{secrets.token_hex(8)}",
        type=SUCCEEDED if charge.status == "succeeded" else FAILED,
        charge=charge.id,
        amount=charge.request.amount,
        reference=charge.request.reference,
    )


def read_idempotency_key() -> str:
    """Return the Idempotency-Key header. Raises Refused (400) when it is missing."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise Refused(400, "missing_header", "The header Idempotency-Key is missing.")
    return key


def read_json_object() -> dict[str, Any]:
    """Return the body. Raises Refused (400) when it is not a JSON object."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "invalid_json", 'The body is not a JSON object such as {"amount": 1}.')
    return body


def read_whole_number(
    body: dict[str, Any], field: str, *, least: int, most: int | None = None
) -> int:
    """Return a number from the body. Raises Refused (422) when it is not accepted."""
    value = body.get(field)
    # type() and not isinstance(): to Python, True is a whole number too.
    if type(value) is int and value >= least and (most is None or value <= most):
        return value
    accepted = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise Refused(422, "invalid_field", f"{field}: a whole number {accepted} is needed.")


def read_text(body: dict[str, Any], field: str, *, may_be_empty: bool = False) -> str:
    """Return a text from the body. Raises Refused (422) when there is none."""
    value = body.get(field)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise Refused(422, "invalid_field", f"{field}: a text is needed.")
    return value


def read_flag(body: dict[str, Any], field: str) -> bool:
    """Return true or false from the body. Raises Refused (422) for anything else."""
    value = body.get(field)
    if not isinstance(value, bool):
        raise Refused(422, "invalid_field", f"{field}: true or false is needed.")
    return value


def read_currency(body: dict[str, Any]) -> str:
    """Return "EUR". Raises Refused (422) for anything else."""
    if body.get("currency") != "EUR":
        raise Refused(422, "invalid_field", "currency: only EUR is accepted.")
    return "EUR"


def answer_refusal(refusal: Refused) -> tuple[Response, int]:
    """Answer a refusal as JSON."""
    body, status = refusal.answer
    return jsonify(body), status


def answer_http_error(error: HTTPException) -> tuple[Response, int]:
    """Answer an unknown address, a wrong method and the like as JSON too."""
    code = error.name.lower().replace(" ", "_")
    return answer_refusal(Refused(error.code or 500, code, error.description or error.name))


def create_gateway(
    api_key: str, slow_seconds: float, webhooks: Webhooks, ledger: Ledger | None = None
) -> Flask:
    """Return a fresh gateway as a WSGI app.

    `slow_seconds` is how long `tok_slow` takes to answer: more than the client's timeout. Pass a
    `ledger` to read it afterwards.
    """
    app = Flask(__name__, static_folder=None)
    views = Views(api_key, slow_seconds, webhooks, ledger or Ledger())
    app.before_request(views.guard)
    app.post("/v1/charges")(views.create_charge)
    app.get("/v1/charges")(views.list_charges)
    app.post("/v1/refunds")(views.create_refund)
    app.post("/sandbox/fail")(views.outage.order)
    app.post("/sandbox/webhooks")(views.send_webhook)
    app.get("/")(views.page)
    app.register_error_handler(Refused, answer_refusal)
    app.register_error_handler(HTTPException, answer_http_error)
    return app


@dataclass(frozen=True, kw_only=True)
class RunningGateway:
    """Where a running gateway is, and the key it wants."""

    url: str
    api_key: str


@contextmanager
def running_gateway(
    *,
    api_key: str = "sandbox-key",
    slow_seconds: float = 5.0,
    webhook_secret: str = "",
    webhook_urls: Sequence[str] = (),
    listener: socket.socket | None = None,
) -> Iterator[RunningGateway]:
    """Run a fresh gateway until the block ends; on any free port without a listener.

    Every address in `webhook_urls` gets each charge as a webhook, signed with `webhook_secret`.
    """
    webhooks = Webhooks(webhook_secret, webhook_urls)
    try:
        with serving(create_gateway(api_key, slow_seconds, webhooks), listener) as url:
            yield RunningGateway(url=url, api_key=api_key)
    finally:
        webhooks.close()
