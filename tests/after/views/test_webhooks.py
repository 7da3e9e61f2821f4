"""The address for the payment gateway's webhooks."""

import json

import pytest

from after_service_layer.services.interfaces import ChargeEvent, ChargeOutcome
from after_service_layer.services.settlement import Settlement
from after_service_layer.wiring import override
from tests.kit.helpers import signature, text_of

CHARGE = {"id": "ch_1", "amount": 2500, "reference": "ABCDE"}
BODY = json.dumps({"type": "charge.succeeded", "data": {"charge": CHARGE}}).encode()


class StubSettlement:
    """Keeps the reports."""

    def __init__(self):
        self.reports = []

    def handle_charge_event(self, report):
        self.reports.append(report)


@pytest.fixture
def settlement():
    stub = StubSettlement()
    with override(Settlement, stub):
        yield stub


@pytest.mark.behaviour("webhook.succeeded")
def test_a_signed_webhook_reaches_the_service(post_webhook, settlement):
    answer = post_webhook(BODY)

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    outcome = ChargeOutcome.SUCCEEDED
    assert settlement.reports == [
        ChargeEvent(outcome=outcome, charge_id="ch_1", amount_cents=2500, reference="ABCDE")
    ]


@pytest.mark.behaviour("webhook.forged")
def test_a_webhook_that_is_refused_is_a_400(client, settlement):
    page = client.post("/webhooks/payments", data=BODY)

    assert page.status_code == 400
    assert "The webhook is not signed. Back to the events" in text_of(page)
    assert settlement.reports == []


@pytest.mark.behaviour("webhook.forged")
def test_the_secret_is_that_of_the_settings(app, monkeypatch, post_webhook, settlement):
    monkeypatch.setitem(app.config, "PAYMENTS_WEBHOOK_SECRET", "another")

    assert post_webhook(BODY).status_code == 400
    assert post_webhook(BODY, signature(BODY, secret="another")).status_code == 200


@pytest.mark.behaviour("webhook.stale")
def test_the_time_is_that_of_the_request(clock, post_webhook, settlement):
    header = signature(BODY)

    clock.shift(301)

    assert post_webhook(BODY, header).status_code == 400


@pytest.mark.behaviour("webhook.malformed")
def test_a_huge_webhook_is_refused(post_webhook, settlement):
    page = post_webhook(BODY.ljust(2**20 + 1))

    assert page.status_code == 400
    assert "too large" in text_of(page)
    assert settlement.reports == []
