"""Reading a webhook of the payment gateway: its signature, its age, its content."""

import json
from datetime import timedelta

import pytest

from after_service_layer.gateways.payments import BadWebhook, read_webhook
from after_service_layer.services.interfaces import ChargeEvent, ChargeOutcome
from tests.kit.helpers import NOW, WEBHOOK_SECRET, signature

STAMP = int(NOW.timestamp())


def message(kind="charge.succeeded", **differences):
    """Return the body of a webhook: charge ch_1 over 50 euros has succeeded."""
    charge = {"id": "ch_1", "amount": 5000, "reference": "A0001", **differences}
    return json.dumps({"id": "evt_1", "type": kind, "data": {"charge": charge}}).encode()


def read(body, header=None, secret=WEBHOOK_SECRET):
    """Read a webhook that is signed, and now, unless said otherwise."""
    header = signature(body, STAMP, secret) if header is None else header
    return read_webhook(body, header, secret=WEBHOOK_SECRET, now=NOW)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        pytest.param(
            "charge.succeeded",
            ChargeOutcome.SUCCEEDED,
            marks=pytest.mark.behaviour("webhook.succeeded"),
        ),
        pytest.param(
            "charge.failed", ChargeOutcome.FAILED, marks=pytest.mark.behaviour("webhook.failed")
        ),
        pytest.param(
            "charge.disputed", ChargeOutcome.OTHER, marks=pytest.mark.behaviour("webhook.ignored")
        ),
        pytest.param("", ChargeOutcome.OTHER, marks=pytest.mark.behaviour("webhook.ignored")),
    ],
)
def test_a_webhook_reports_the_outcome_of_a_charge(kind, outcome):
    assert read(message(kind)) == ChargeEvent(
        outcome=outcome, charge_id="ch_1", amount_cents=5000, reference="A0001"
    )


@pytest.mark.behaviour("webhook.forged")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"t={STAMP},v1=",
        f"t={STAMP},v1=ü",
        f"t=now,v1={'0' * 64}",
        f"t={'9' * 5000},v1={'0' * 64}",
    ],
    ids=lambda header: header[:30],
)
def test_a_webhook_without_a_signature_is_refused(header):
    with pytest.raises(BadWebhook, match=r"^The webhook is not signed\.$"):
        read(message(), header)


RIGHT = signature(message(), STAMP)


@pytest.mark.behaviour("webhook.forged")
@pytest.mark.parametrize(
    ("body", "header"),
    [
        (message()[:-1], RIGHT),
        (message(amount=1), RIGHT),
        (message(), RIGHT.replace(f"t={STAMP}", f"t={STAMP + 1}")),
        (message(), signature(message(), STAMP, secret="another")),
        (message(), f"t={STAMP},v1={'0' * 64}"),
    ],
    ids=["shorter", "changed", "moved", "another secret", "made up"],
)
def test_a_signature_is_for_one_body_one_time_and_one_secret(body, header):
    with pytest.raises(BadWebhook, match=r"^The signature of the webhook is wrong\.$"):
        read(body, header)


@pytest.mark.behaviour("webhook.forged")
def test_without_a_secret_every_webhook_is_refused():
    header = signature(message(), STAMP, secret="")

    with pytest.raises(BadWebhook, match=r"^The webhook is not signed\.$"):
        read_webhook(message(), header, secret="", now=NOW)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("stamp", [STAMP - 301, STAMP + 301, 0, 10**11])
def test_a_stale_webhook_is_refused(stamp):
    with pytest.raises(BadWebhook, match="300 seconds"):
        read(message(), signature(message(), stamp))


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300.9, 300.001, -300.001, -300.9])
def test_fractions_of_a_second_count(seconds):
    now = NOW + timedelta(seconds=seconds)

    with pytest.raises(BadWebhook, match="300 seconds"):
        read_webhook(message(), RIGHT, secret=WEBHOOK_SECRET, now=now)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300, -300])
def test_a_webhook_is_accepted_for_300_seconds(seconds):
    assert read(message(), signature(message(), STAMP + seconds)).charge_id == "ch_1"


@pytest.mark.behaviour("webhook.malformed")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": ' + b"9" * 5000 + b"}",
        b'{"type": "charge.succeeded", "data": []}',
        b'{"type": "charge.succeeded", "data": {"charge": "ch_1"}}',
        b'{"type": 1, "data": {"charge": {"id": "c", "amount": 1, "reference": "A"}}}',
    ],
    ids=lambda body: body[:30].decode("ascii", "replace"),
)
def test_a_webhook_without_a_charge_is_refused(body):
    with pytest.raises(BadWebhook, match=r"^The webhook has no charge in it\.$"):
        read(body)


@pytest.mark.behaviour("webhook.malformed")
@pytest.mark.parametrize(
    "difference",
    [
        {"id": None},
        {"id": "ch\0"},
        {"id": "\ud800"},
        {"amount": "5000"},
        {"amount": 5000.0},
        {"reference": None},
        {"reference": "A\0"},
        {"reference": "\ud800"},
    ],
    ids=repr,
)
def test_a_charge_with_an_invalid_part_is_refused(difference):
    sentence = r"^The charge in the webhook needs an id, an amount and a reference\.$"
    with pytest.raises(BadWebhook, match=sentence):
        read(message(**difference))
