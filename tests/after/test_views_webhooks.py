"""The address that the payment gateway tells its news to."""

import json

import pytest

from after_service_layer.services.interfaces import ChargeEvent
from after_service_layer.services.settlement import Settlement
from after_service_layer.wiring import override
from tests.after.helpers import signature, text_of

CHARGE = {"id": "ch_1", "amount": 2500, "reference": "ABCDE"}
BODY = json.dumps({"type": "charge.succeeded", "data": {"charge": CHARGE}}).encode()


class StubSettlement:
    """Keeps what it hears."""

    def __init__(self):
        self.heard = []

    def handle_charge_event(self, report):
        self.heard.append(report)


@pytest.fixture
def settlement():
    stub = StubSettlement()
    with override(Settlement, stub):
        yield stub


@pytest.mark.behaviour("webhook.succeeded")
def test_a_signed_webhook_is_heard(post_webhook, settlement):
    answer = post_webhook(BODY)

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert settlement.heard == [
        ChargeEvent(succeeded=True, charge_id="ch_1", amount_cents=2500, reference="ABCDE")
    ]


@pytest.mark.behaviour("webhook.forged")
def test_a_webhook_that_is_not_believed_is_a_400(post_webhook, settlement):
    page = post_webhook(BODY, header="")

    assert page.status_code == 400
    assert "The webhook is not signed. Back to the events" in text_of(page)
    assert settlement.heard == []


@pytest.mark.behaviour("webhook.forged")
def test_a_webhook_with_no_header_at_all_is_a_400(client, settlement):
    assert client.post("/webhooks/payments", data=BODY).status_code == 400
    assert settlement.heard == []


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
    assert settlement.heard == []
