"""Payments and mail on the wire: what HTTP and SMTP add to what test_gateways.py holds."""

import json
import smtplib

import pytest
import requests

from after_service_layer.gateways.mail import SmtpMailer
from after_service_layer.gateways.payments import HttpPayments
from after_service_layer.services.errors import CardDeclined
from after_service_layer.services.interfaces import MailNotSent, PaymentOutcomeUnknown
from tests.after.services.factories import an_entry, an_event, an_order
from tests.kit.helpers import NOW, PAYMENTS_URL


@pytest.fixture
def http_payments():
    return HttpPayments(url=PAYMENTS_URL, api_key="key of the shop", timeout=5)


@pytest.mark.behaviour("checkout.paid")
def test_a_charge_as_it_goes_over_the_wire(gateway, http_payments):
    gateway.charges(id="ch_777")

    charge_id = http_payments.charge(
        amount_cents=5000, source="tok_visa", reference="ABCDE", key="ABCDE-1"
    )

    [request] = gateway.requests
    assert charge_id == "ch_777"
    assert json.loads(request.body) == {
        "amount": 5000,
        "currency": "EUR",
        "source": "tok_visa",
        "reference": "ABCDE",
    }
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.headers["Idempotency-Key"] == "ABCDE-1"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("cancel.full_refund")
def test_a_refund_as_it_goes_over_the_wire(gateway, http_payments):
    gateway.refunds()

    http_payments.refund(charge_id="ch_777", amount_cents=2501, key="ABCDE-refund")

    [request] = gateway.requests
    assert json.loads(request.body) == {"charge": "ch_777", "amount": 2501}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.headers["Idempotency-Key"] == "ABCDE-refund"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_to_find_a_charge_as_it_goes_over_the_wire(gateway, http_payments):
    gateway.knows(an_order(an_event(), total_cents=2501, reference="ABCDE"), id="ch_777")

    charge_id = http_payments.find_charge(amount_cents=2501, reference="ABCDE", key="ABCDE-1")

    [request] = gateway.requests
    assert charge_id == "ch_777"
    assert request.params == {"idempotency_key": "ABCDE-1"}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5


def charge(payments):
    return payments.charge(amount_cents=2500, source="tok_visa", reference="ABCDE", key="ABCDE-1")


NO_CLEAR_ANSWERS = {
    "timeout": {"body": requests.ReadTimeout()},
    "no connection": {"body": requests.ConnectionError()},
    "broken off": {"body": requests.exceptions.ChunkedEncodingError()},
    "error": {"status": 500, "json": {"error": {"code": "oops", "message": "Sorry."}}},
    "proxy": {"status": 502, "body": "<h1>Bad gateway</h1>"},
    "wrong key": {"status": 401, "json": {"error": {"code": "key", "message": "Who?"}}},
    "key reused": {"status": 409, "json": {"error": {"code": "reused", "message": "Again?"}}},
    "elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "empty": {"status": 201, "body": ""},
    "web page": {"status": 201, "body": "<h1>Welcome</h1>"},
    "no object": {"status": 201, "json": ["succeeded"]},
    "nothing": {"status": 201, "body": "null"},
    "not UTF-8": {"status": 201, "body": b"\xff\xfe\xfd\xfc\xfb"},
    "too deep": {"status": 201, "body": "[" * 100_000},
    "too long": {"status": 201, "body": '{"amount": ' + "9" * 5000 + "}"},
    "declined, no reason": {"status": 402, "json": {"error": "declined"}},
}


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize("answer", NO_CLEAR_ANSWERS.values(), ids=NO_CLEAR_ANSWERS)
def test_an_answer_that_is_not_expected_is_no_clear_answer(gateway, http_payments, answer):
    gateway.answers("charges", **answer)

    with pytest.raises(PaymentOutcomeUnknown):
        charge(http_payments)
    assert len(gateway.requests) == 1


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize(
    "difference",
    [{"amount": 1}, {"reference": "OTHER"}, {"status": "failed"}, {"id": None}],
    ids=lambda difference: next(iter(difference)),
)
def test_a_success_that_is_not_about_this_charge_is_no_clear_answer(
    gateway, http_payments, difference
):
    gateway.charges(**difference)

    with pytest.raises(PaymentOutcomeUnknown):
        charge(http_payments)


CHARGE = {"id": "ch_1", "status": "succeeded", "amount": 2500, "reference": "ABCDE"}
NOT_FOUND = {
    "timeout": {"body": requests.ReadTimeout()},
    "no connection": {"body": requests.ConnectionError()},
    "error": {"status": 500, "json": {"data": []}},
    "wrong key": {"status": 401, "json": {"error": {"code": "key", "message": "Who?"}}},
    "elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "empty": {"body": ""},
    "web page": {"body": "<h1>Welcome</h1>"},
    "no object": {"json": []},
    "no list": {"json": {"data": None}},
    "no charge": {"json": {"data": ["succeeded"]}},
    "too deep": {"body": "[" * 100_000},
    "two charges": {"json": {"data": [CHARGE, CHARGE]}},
    "another amount": {"json": {"data": [{**CHARGE, "amount": 1}]}},
    "another order": {"json": {"data": [{**CHARGE, "reference": "OTHER"}]}},
    "failed": {"json": {"data": [{**CHARGE, "status": "failed"}]}},
    "no id": {"json": {"data": [{**CHARGE, "id": None}]}},
}


@pytest.mark.behaviour("jobs.reconcile.unknown")
@pytest.mark.parametrize("answer", NOT_FOUND.values(), ids=NOT_FOUND)
def test_an_answer_that_does_not_name_the_charge_is_no_clear_answer(
    gateway, http_payments, answer
):
    gateway.answers("charges", method="GET", **answer)

    with pytest.raises(PaymentOutcomeUnknown):
        http_payments.find_charge(amount_cents=2500, reference="ABCDE", key="ABCDE-1")


NO_REFUNDS = {
    "timeout": {"body": requests.ReadTimeout()},
    "error": {"status": 500, "json": {"error": {"code": "oops", "message": "Sorry."}}},
    "unknown charge": {"status": 404, "json": {"error": {"code": "x", "message": "Who?"}}},
    "empty": {"status": 201, "body": ""},
    "web page": {"status": 201, "body": "<h1>Welcome</h1>"},
    "no object": {"status": 201, "json": ["succeeded"]},
    "too deep": {"status": 201, "body": "[" * 100_000},
    "too long": {"status": 201, "body": '{"amount": ' + "9" * 5000 + "}"},
    "another amount": {"status": 201, "json": {"id": "re", "status": "succeeded", "amount": 1}},
    "failed": {"status": 201, "json": {"id": "re", "status": "failed", "amount": 2500}},
}


@pytest.mark.behaviour("cancel.refund_due")
@pytest.mark.parametrize("answer", NO_REFUNDS.values(), ids=NO_REFUNDS)
def test_money_is_given_back_only_when_the_gateway_says_so(gateway, http_payments, answer):
    gateway.answers("refunds", **answer)

    with pytest.raises(PaymentOutcomeUnknown):
        http_payments.refund(charge_id="ch_777", amount_cents=2500, key="ABCDE-refund")


@pytest.fixture
def smtp_mailer():
    """A mailer whose mails name the template, and what it is filled with."""
    return SmtpMailer(
        host="mail.example",
        port=25,
        sender="shop@example.org",
        render=lambda template, **rows: f"{template}: {list(rows)}",
    )


@pytest.fixture
def order():
    return an_order(an_event("Jazz"), id=7, email="ada@example.org")


@pytest.mark.behaviour("checkout.confirmation")
def test_a_mail_as_it_is_sent(mailbox, order, smtp_mailer):
    smtp_mailer.send_confirmation(order)

    [mail] = mailbox.mails
    assert mailbox.server == ("mail.example", 25)
    assert (mail["From"], mail["To"]) == ("shop@example.org", "ada@example.org")
    # The same mail again has the same id; another one has another.
    assert mail["Message-ID"] == f"<confirmation_sent_at.7.{NOW.timestamp():.0f}@example.org>"


@pytest.mark.parametrize(
    ("name", "subject", "template"),
    [
        pytest.param(
            "send_confirmation",
            "Your tickets for Jazz",
            "mail/confirmation.txt",
            marks=pytest.mark.behaviour("checkout.confirmation"),
        ),
        pytest.param(
            "send_reminder",
            "Soon: Jazz",
            "mail/reminder.txt",
            marks=pytest.mark.behaviour("jobs.remind"),
        ),
        pytest.param(
            "send_refund_notice",
            "Your money back for Jazz",
            "mail/refund.txt",
            marks=pytest.mark.behaviour("webhook.late_refunded"),
        ),
    ],
)
def test_each_mail_has_its_subject_and_template(
    mailbox, order, smtp_mailer, name, subject, template
):
    getattr(smtp_mailer, name)(order)

    [mail] = mailbox.mails
    assert mail["Subject"] == subject
    assert mail.get_content() == f"{template}: ['order']\n"


@pytest.mark.behaviour("offer.mail")
def test_an_offer_has_its_subject_and_template(mailbox, smtp_mailer):
    smtp_mailer.send_offer(an_entry(an_event("Jazz")))

    [mail] = mailbox.mails
    assert mail["Subject"] == "Seats for Jazz"
    assert mail.get_content() == "mail/offer.txt: ['entry']\n"


@pytest.mark.behaviour("checkout.mail_failed")
@pytest.mark.parametrize(
    "failure",
    [ConnectionRefusedError(), TimeoutError(), smtplib.SMTPRecipientsRefused({})],
    ids=lambda failure: type(failure).__name__,
)
def test_a_mail_that_the_server_does_not_take_is_not_sent(mailbox, order, smtp_mailer, failure):
    mailbox.failure = failure

    with pytest.raises(MailNotSent):
        smtp_mailer.send_confirmation(order)


@pytest.mark.behaviour("mail.unexpected")
@pytest.mark.parametrize("failure", [RuntimeError("Unexpected."), ValueError("Not a header.")])
def test_a_mail_that_fails_for_another_reason_is_not_sent_either(
    mailbox, order, smtp_mailer, failure
):
    mailbox.failure = failure

    with pytest.raises(MailNotSent, match=f"^{type(failure).__name__}: {failure}$"):
        smtp_mailer.send_confirmation(order)


@pytest.mark.behaviour("mail.unexpected")
def test_a_mail_that_cannot_be_written_is_not_sent(mailbox, smtp_mailer):
    with pytest.raises(MailNotSent):
        smtp_mailer.send_confirmation(an_order(an_event(), id=7, email="x\nBcc: a@b.org"))

    assert mailbox.recipients == []


@pytest.mark.behaviour("mail.as_typed")
def test_the_subject_has_the_title_as_it_was_typed(mailbox, smtp_mailer):
    title = "Jazz =?utf-8?q?=0D=0ABcc:_eve=40evil.example?="

    smtp_mailer.send_confirmation(an_order(an_event(title), id=7, email="ada@example.org"))

    [mail] = mailbox.mails
    assert mail["Subject"] == f"Your tickets for {title}"
    assert mailbox.recipients == [["ada@example.org"]]
    assert mail["Bcc"] is None


@pytest.mark.behaviour("checkout.unanswered")
def test_the_gateway_is_not_followed_elsewhere(gateway, http_payments):
    gateway.redirects("charges")

    with pytest.raises(PaymentOutcomeUnknown):
        http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")

    assert len(gateway.requests) == 1


@pytest.mark.behaviour("cancel.refund_due")
def test_the_gateway_is_not_followed_elsewhere_for_a_refund(gateway, http_payments):
    gateway.redirects("refunds")

    with pytest.raises(PaymentOutcomeUnknown):
        http_payments.refund(charge_id="ch_1", amount_cents=1, key="A-refund")

    assert len(gateway.requests) == 1


@pytest.mark.behaviour("checkout.unanswered")
def test_an_unexpected_error_at_the_gateway_is_no_clear_answer(gateway, http_payments):
    gateway.answers("charges", body=RuntimeError("Unexpected."))

    with pytest.raises(PaymentOutcomeUnknown, match=r"^RuntimeError: Unexpected\.$"):
        http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize("charge_id", ["", "ch_\ud800", "ch\0", "ch\n", "x" * 256], ids=ascii)
def test_a_charge_id_that_cannot_be_kept_is_no_clear_answer(gateway, http_payments, charge_id):
    gateway.charges(id=charge_id)

    with pytest.raises(PaymentOutcomeUnknown, match=r"^status 201$"):
        http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")


@pytest.mark.behaviour("jobs.reconcile.unknown")
def test_a_charge_that_is_found_needs_an_id_that_can_be_kept(gateway, http_payments):
    gateway.knows(an_order(an_event(), total_cents=1, reference="A"), id="ch\0")

    with pytest.raises(PaymentOutcomeUnknown, match=r"^status 200$"):
        http_payments.find_charge(amount_cents=1, reference="A", key="A-1")


@pytest.mark.behaviour("checkout.declined")
@pytest.mark.parametrize(
    ("reason", "shown"),
    [("\ud800", "The bank gives no reason."), ("x" * 5000, "x" * 200)],
    ids=["surrogate", "long"],
)
def test_a_reason_that_cannot_be_shown_is_not(gateway, http_payments, reason, shown):
    gateway.answers("charges", status=402, json={"error": {"message": reason}})

    with pytest.raises(CardDeclined) as declined:
        http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")

    assert declined.value.reason == shown


@pytest.mark.behaviour("checkout.paid")
def test_the_key_of_the_shop_gives_way_to_no_other_password(
    gateway, http_payments, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gateway.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    gateway.charges()

    http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")

    assert gateway.requests[0].headers["Authorization"] == "Bearer key of the shop"


@pytest.mark.behaviour("log.no_keys")
def test_what_a_mail_server_quotes_of_a_link_is_masked(mailbox, order, smtp_mailer):
    mailbox.failure = ConnectionError("Blocked: http://127.0.0.1/orders/A0001/secret-1")

    with pytest.raises(MailNotSent, match=r"/orders/A0001/\*\*\*$"):
        smtp_mailer.send_confirmation(order)


@pytest.mark.behaviour("log.no_keys")
def test_no_clear_answer_names_neither_card_nor_answer(gateway, http_payments):
    gateway.answers("charges", status=500, json={"echo": "tok_visa", "more": "x\nINFO forged"})

    with pytest.raises(PaymentOutcomeUnknown, match=r"^status 500$"):
        http_payments.charge(amount_cents=1, source="tok_visa", reference="A", key="A-1")
