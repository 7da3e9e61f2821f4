"""The sandbox gateway, asked over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask, request

from workbench.sandbox import webhooks
from workbench.sandbox.gateway import TEST_CARDS, RunningGateway, running_gateway
from workbench.sandbox.server import HOST, listen, serving

SLOW_SECONDS = 0.3


class Client:
    """Speaks to the gateway as an app does."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.url = gateway.url
        self.authorization = {"Authorization": f"Bearer {gateway.api_key}"}

    def post(
        self, path: str, *, key: str | None, timeout: float = 5, **how: Any
    ) -> requests.Response:
        headers = {**self.authorization, **({"Idempotency-Key": key} if key else {})}
        return requests.post(self.url + path, headers=headers, timeout=timeout, **how)

    def charge(
        self, key: str, source: str = "tok_visa", *, amount: int = 1200, timeout: float = 5
    ) -> requests.Response:
        body = {"amount": amount, "currency": "EUR", "source": source, "reference": "ABCDE"}
        return self.post("/v1/charges", key=key, json=body, timeout=timeout)

    def refund(self, key: str, charge: str, amount: int) -> requests.Response:
        return self.post("/v1/refunds", key=key, json={"charge": charge, "amount": amount})

    def find(self, key: str) -> list[dict[str, Any]]:
        answer = requests.get(
            f"{self.url}/v1/charges",
            params={"idempotency_key": key},
            headers=self.authorization,
            timeout=5,
        )
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def fail(self, **how: Any) -> requests.Response:
        return requests.post(f"{self.url}/sandbox/fail", json=how, timeout=5)

    def page(self) -> str:
        return requests.get(self.url, timeout=5).text


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(slow_seconds=SLOW_SECONDS) as running:
        yield running


@pytest.fixture
def client(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("no_proxy", HOST)
    return Client(gateway)


@pytest.fixture
def key() -> str:
    """An idempotency key of the test's own, since all tests share one gateway."""
    return uuid4().hex


def test_charge_that_succeeds(client: Client, key: str) -> None:
    answer = client.charge(key, amount=1250)

    assert answer.status_code == 201
    charge = answer.json()
    assert charge.pop("id").startswith("ch_")
    assert charge == {
        "status": "succeeded",
        "amount": 1250,
        "currency": "EUR",
        "reference": "ABCDE",
    }


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("tok_declined", "card_declined"),
        ("tok_insufficient", "insufficient_funds"),
        ("4111 1111 1111 1111", "unknown_card"),
    ],
)
def test_declined_card_is_no_charge(client: Client, source: str, code: str, key: str) -> None:
    answer = client.charge(key, source)

    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == code
    assert client.find(key) == []


def test_unknown_card_names_the_test_cards(client: Client, key: str) -> None:
    message = client.charge(key, "tok_amex").json()["error"]["message"]

    assert [card for card in TEST_CARDS if card not in message] == []


def test_tok_error_answers_500_and_charges_nothing(client: Client, key: str) -> None:
    answer = client.charge(key, "tok_error")

    assert answer.status_code == 500
    assert client.find(key) == []


def test_tok_slow_answers_late(client: Client, key: str) -> None:
    start = time.monotonic()
    answer = client.charge(key, "tok_slow")

    assert answer.status_code == 201
    assert time.monotonic() - start >= SLOW_SECONDS


def test_tok_slow_charge_stands_when_the_client_gave_up(client: Client, key: str) -> None:
    with pytest.raises(requests.Timeout):
        client.charge(key, "tok_slow", timeout=SLOW_SECONDS / 3)

    (charge,) = client.find(key)
    assert charge["status"] == "succeeded"


@pytest.mark.parametrize("source", ["tok_visa", "tok_declined"])
def test_same_key_gets_the_same_answer_again(client: Client, source: str, key: str) -> None:
    first = client.charge(key, source)
    second = client.charge(key, source)

    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert client.page().count(f"<td>{key}</td>") == 1


def test_same_key_with_another_body_is_refused(client: Client, key: str) -> None:
    client.charge(key, amount=1200)
    answer = client.charge(key, amount=2400)

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert [charge["amount"] for charge in client.find(key)] == [1200]


def test_key_of_a_charge_is_refused_for_a_refund(client: Client, key: str) -> None:
    charge = client.charge(key).json()

    assert client.refund(key, charge["id"], 1200).status_code == 409


def test_same_key_at_the_same_moment_charges_once(
    client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerks = 8

    def dawdle(size: int) -> str:
        # In the middle of a charge: here another thread would run.
        time.sleep(0.01)
        return uuid4().hex

    monkeypatch.setattr("workbench.sandbox.gateway.secrets.token_hex", dawdle)
    barrier = Barrier(clerks)

    def charge_together(_: int) -> str:
        barrier.wait(timeout=5)
        charge_id: str = client.charge(key).json()["id"]
        return charge_id

    with ThreadPoolExecutor(clerks) as pool:
        ids = set(pool.map(charge_together, range(clerks)))

    assert len(ids) == 1
    assert [charge["id"] for charge in client.find(key)] == list(ids)


def test_charges_are_found_by_their_own_key_only(client: Client, key: str) -> None:
    charge = client.charge(key).json()
    client.charge(f"{key}-other")

    assert client.find(key) == [charge]
    assert client.find("unused") == []


def test_search_without_a_key_is_refused(client: Client) -> None:
    answer = requests.get(f"{client.url}/v1/charges", headers=client.authorization, timeout=5)

    assert answer.status_code == 400
    assert "idempotency_key" in answer.json()["error"]["message"]


def test_refund_in_parts_up_to_the_whole_charge(client: Client, key: str) -> None:
    charge = client.charge(key, amount=1000).json()

    first = client.refund(f"{key}-r1", charge["id"], 700)
    too_much = client.refund(f"{key}-r2", charge["id"], 301)
    rest = client.refund(f"{key}-r3", charge["id"], 300)
    nothing_left = client.refund(f"{key}-r4", charge["id"], 1)

    assert (first.status_code, first.json()["amount"]) == (201, 700)
    assert first.json()["status"] == "succeeded"
    assert too_much.status_code == 422
    assert "300 cents" in too_much.json()["error"]["message"]
    assert rest.status_code == 201
    assert nothing_left.status_code == 422


def test_refund_asked_for_again_pays_once(client: Client, key: str) -> None:
    charge = client.charge(key, amount=1000).json()

    first = client.refund(f"{key}-r1", charge["id"], 1000)
    again = client.refund(f"{key}-r1", charge["id"], 1000)

    assert again.json() == first.json()
    assert client.page().count(first.json()["id"]) == 1


def test_refund_of_an_unknown_charge(client: Client, key: str) -> None:
    answer = client.refund(f"{key}-r1", "ch_none", 1)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_charge"


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic c2FuZGJveA=="])
def test_wrong_api_key_is_refused(client: Client, authorization: str | None, key: str) -> None:
    client.authorization = {"Authorization": authorization} if authorization else {}

    assert client.charge(key).status_code == 401
    assert client.refund(f"{key}-r1", "ch_none", 1).status_code == 401


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/refunds"])
def test_missing_idempotency_key_is_refused(client: Client, path: str, key: str) -> None:
    answer = client.post(path, key=None, json={})

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 50_000])
def test_body_that_is_no_json_object_is_refused(client: Client, body: bytes, key: str) -> None:
    answer = client.post("/v1/charges", key=key, data=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/charges", "amount", 0),
        ("/v1/charges", "amount", 12.5),
        ("/v1/charges", "amount", "1200"),
        ("/v1/charges", "amount", True),
        ("/v1/charges", "amount", None),
        ("/v1/charges", "currency", "USD"),
        ("/v1/charges", "source", ""),
        ("/v1/charges", "reference", 7),
        ("/v1/refunds", "charge", None),
        ("/v1/refunds", "amount", -1),
    ],
)
def test_bad_field_is_named(
    client: Client, path: str, field: str, value: object, key: str
) -> None:
    body = {
        "amount": 1200,
        "currency": "EUR",
        "source": "tok_visa",
        "reference": "ABCDE",
        "charge": "ch_none",
    }
    answer = client.post(path, key=key, json={**body, field: value})

    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(f"{field}: ")


def test_ordered_failures_last_for_so_many_calls(client: Client, key: str) -> None:
    client.fail(calls=2, status=503)

    statuses = [client.charge(key).status_code for _ in range(3)]

    assert statuses == [503, 503, 201]
    assert len(client.find(key)) == 1


def test_ordered_garbage(client: Client, key: str) -> None:
    client.fail(calls=1, status=201, body="<html>")
    answer = client.charge(key)

    assert (answer.status_code, answer.text) == (201, "<html>")
    assert client.find(key) == []


def test_ordered_failures_can_be_called_off(client: Client, key: str) -> None:
    client.fail(calls=5)
    client.fail(calls=0)

    assert client.charge(key).status_code == 201


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({}, "calls"),
        ({"calls": -1}, "calls"),
        ({"calls": 1, "status": 42}, "status"),
        ({"calls": 1, "body": 7}, "body"),
    ],
)
def test_bad_order_of_failures_is_refused(
    client: Client, order: dict[str, object], field: str, key: str
) -> None:
    answer = client.fail(**order)

    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(f"{field}: ")
    assert client.charge(key).status_code == 201


def test_unknown_address_answers_json(client: Client, key: str) -> None:
    answer = client.post("/v1/payouts", key=key, json={})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_page_shows_charges_refunds_and_test_cards(client: Client, key: str) -> None:
    paid = client.charge(key, amount=1250).json()
    client.charge(f"{key}-other", "tok_declined")
    refund = client.refund(f"{key}-r1", paid["id"], 500).json()

    page = client.page()

    for expected in (paid["id"], "12.50 EUR", "card_declined", refund["id"], "5.00 EUR"):
        assert f"<td>{expected}</td>" in page
    assert [card for card in TEST_CARDS if f"<code>{card}</code>" not in page] == []
    assert f"{client.url}/sandbox/fail" in page


def test_page_escapes_what_clients_send(client: Client) -> None:
    client.charge("<script>alert(1)</script>")

    page = client.page()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


SECRET = "whsec_test"


class Receiver:
    """A shop that takes webhooks: it keeps them, and answers with the next ordered status."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[str, bytes, dict[str, Any]]] = []
        self.app = Flask(__name__)
        self.app.post("/webhooks/payments")(self.take)

    def take(self) -> tuple[str, int]:
        status = self.statuses.pop(0) if self.statuses else 200
        signature = request.headers["Gateway-Signature"]
        self.received.append((signature, request.get_data(), request.get_json()))
        return "", status

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(body["type"], body["data"]["charge"]) for _, _, body in self.received]


def soon(condition: Callable[[], object]) -> bool:
    """Wait until something holds, for a few seconds at most; return whether it does."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def shop(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a gateway of the test's own, which sends its webhooks to the receiver."""
    monkeypatch.setenv("no_proxy", HOST)
    # Webhooks stay on this machine, also when a proxy is set.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(webhooks, "RETRY_PAUSES", (0.02, 0.04))
    with (
        serving(receiver.app) as address,
        running_gateway(
            slow_seconds=SLOW_SECONDS,
            webhook_secret=SECRET,
            webhook_urls=[f"{address}/webhooks/payments"],
        ) as running,
    ):
        yield Client(running)


def send_webhook(shop: Client, **what: Any) -> requests.Response:
    return requests.post(f"{shop.url}/sandbox/webhooks", json=what, timeout=5)


def said(answer: requests.Response) -> list[int | None]:
    """Return what each receiver answered."""
    return [receiver["status"] for receiver in answer.json()["answers"]]


def test_signature_is_an_hmac_of_time_and_body() -> None:
    digest = hmac.new(b"secret", b'1700000000.{"a": 1}', hashlib.sha256).hexdigest()

    assert webhooks.sign("secret", b'{"a": 1}', 1_700_000_000) == f"t=1700000000,v1={digest}"


@pytest.mark.parametrize(
    ("source", "type_"), [("tok_visa", "charge.succeeded"), ("tok_declined", "charge.failed")]
)
def test_receiver_gets_each_charge_once(
    shop: Client, receiver: Receiver, source: str, type_: str
) -> None:
    for _ in range(2):
        shop.charge("K", source, amount=1250)
    shop.charge("L", "tok_visa")

    assert soon(lambda: len(receiver.received) == 2)
    ((type_sent, charge),) = [event for event in receiver.events() if event[1]["amount"] == 1250]
    assert type_sent == type_
    assert (charge["amount"], charge["reference"]) == (1250, "ABCDE")
    if source == "tok_visa":
        assert charge["id"] == shop.find("K")[0]["id"]


def test_webhook_carries_the_signature_of_its_body_and_the_time(
    shop: Client, receiver: Receiver
) -> None:
    shop.charge("K")

    assert soon(lambda: receiver.received)
    ((signature, body, event),) = receiver.received
    at = int(signature.removeprefix("t=").partition(",")[0])
    assert signature == webhooks.sign(SECRET, body, at)
    assert abs(time.time() - at) < 5
    assert event["id"].startswith("evt_")


def test_tok_slow_is_reported_after_the_client_gave_up(shop: Client, receiver: Receiver) -> None:
    with pytest.raises(requests.Timeout):
        shop.charge("K", "tok_slow", timeout=SLOW_SECONDS / 3)

    assert receiver.received == []
    assert soon(lambda: receiver.received)
    assert [type_ for type_, _ in receiver.events()] == ["charge.succeeded"]


def test_tok_error_is_no_event(shop: Client, receiver: Receiver) -> None:
    shop.charge("K", "tok_error")
    shop.charge("L")

    assert soon(lambda: receiver.received)
    assert len(receiver.received) == 1


def test_receiver_that_fails_gets_the_same_event_again(shop: Client, receiver: Receiver) -> None:
    receiver.statuses = [503]
    shop.charge("K")

    assert soon(lambda: "answered 200, sent 2 times" in shop.page())
    first, second = (body for _, body, _ in receiver.received)
    assert first == second


def test_receiver_that_never_recovers_is_given_up(shop: Client, receiver: Receiver) -> None:
    receiver.statuses = [500] * 9
    shop.charge("K")

    assert soon(lambda: "answered 500, sent 3 times" in shop.page())
    assert len(receiver.received) == 3


def test_refusal_is_an_answer_and_nothing_is_sent_again(shop: Client, receiver: Receiver) -> None:
    receiver.statuses = [404]
    shop.charge("K")

    assert soon(lambda: "<td>answered 404</td>" in shop.page())
    time.sleep(0.1)
    assert len(receiver.received) == 1


def test_every_receiver_gets_the_event_even_while_one_is_down(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", HOST)
    with listen() as gone:
        down = f"http://{HOST}:{gone.getsockname()[1]}/webhooks/payments"
    started = time.monotonic()
    with (
        serving(receiver.app) as address,
        running_gateway(webhook_urls=[down, f"{address}/webhooks/payments"]) as running,
    ):
        client = Client(running)
        client.charge("K")
        assert soon(lambda: receiver.received)
        assert soon(lambda: "<td>no answer, will be sent again</td>" in client.page())

    # The end does not wait for the pauses, and leaves no thread behind.
    assert time.monotonic() - started < 5
    assert not [t.name for t in threading.enumerate() if t.name.startswith("webhook-")]


def test_page_shows_the_events_and_how_to_send_one(shop: Client, receiver: Receiver) -> None:
    shop.charge("K", amount=1250)

    assert soon(lambda: "<td>answered 200</td>" in shop.page())
    page = shop.page()
    ((_, _, event),) = receiver.received
    for expected in (event["id"], "charge.succeeded", "12.50 EUR"):
        assert f"<td>{expected}</td>" in page
    assert f"{shop.url}/sandbox/webhooks" in page


def test_without_receivers_the_page_is_silent_about_webhooks(client: Client, key: str) -> None:
    client.charge(key)

    assert "webhook" not in client.page().lower().replace(TEST_CARDS["tok_slow"], "")


def test_webhook_on_demand_returns_the_answers(shop: Client, receiver: Receiver) -> None:
    shop.charge("K", amount=1250)
    assert soon(lambda: receiver.received)
    receiver.statuses = [503]

    answer = send_webhook(shop, reference="ABCDE")

    assert answer.status_code == 200
    assert said(answer) == [503]
    automatic, on_demand = receiver.events()
    assert on_demand == automatic
    # It shows one answer: nothing is sent again in the background.
    assert len(receiver.received) == 2
    assert "<td>answered 503</td>" in shop.page()


def test_webhook_on_demand_can_say_something_else(shop: Client, receiver: Receiver) -> None:
    charge = shop.charge("K").json()

    send_webhook(shop, reference="ABCDE", type="charge.failed", amount=1)

    changed = {"id": charge["id"], "amount": 1, "reference": "ABCDE"}
    assert ("charge.failed", changed) in receiver.events()
    assert shop.find("K") == [charge]


@pytest.mark.parametrize("age_seconds", [600, -600])
def test_stale_webhook_is_signed_as_of_then(
    shop: Client, receiver: Receiver, age_seconds: int
) -> None:
    shop.charge("K")
    assert soon(lambda: receiver.received)

    send_webhook(shop, reference="ABCDE", age_seconds=age_seconds)

    signature, body, _ = receiver.received[-1]
    at = int(signature.removeprefix("t=").partition(",")[0])
    assert abs(time.time() - age_seconds - at) < 5
    assert signature == webhooks.sign(SECRET, body, at)


def test_forged_webhook_has_another_signature(shop: Client, receiver: Receiver) -> None:
    shop.charge("K")
    assert soon(lambda: receiver.received)

    send_webhook(shop, reference="ABCDE", forged=True)

    signature, body, _ = receiver.received[-1]
    at = int(signature.removeprefix("t=").partition(",")[0])
    assert signature != webhooks.sign(SECRET, body, at)


@pytest.mark.parametrize(("forged", "status"), [(False, 201), (True, 404)])
def test_late_success_can_be_refunded_unless_it_is_forged(
    shop: Client, receiver: Receiver, forged: bool, status: int
) -> None:
    shop.charge("K", "tok_declined", amount=1000)
    assert soon(lambda: receiver.received)
    charge_id = receiver.events()[0][1]["id"]

    send_webhook(shop, reference="ABCDE", type="charge.succeeded", forged=forged)

    assert shop.refund("K-refund", charge_id, 1000).status_code == status


def test_webhook_about_an_order_without_a_charge_is_refused(shop: Client) -> None:
    answer = send_webhook(shop, reference="ZZZZZ")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "There is no charge for order ZZZZZ."


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference", None),
        ("type", ""),
        ("amount", 0),
        ("age_seconds", "600"),
        ("age_seconds", 86_401),
        ("forged", "yes"),
    ],
)
def test_bad_field_of_a_webhook_on_demand_is_named(
    shop: Client, receiver: Receiver, field: str, value: object
) -> None:
    shop.charge("K")
    assert soon(lambda: receiver.received)

    answer = send_webhook(shop, **{"reference": "ABCDE", field: value})

    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(f"{field}: ")
    assert len(receiver.received) == 1
