"""Contract tests: the fakes of this suite behave as the real gateways do, and the other way."""

import re
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests
from flask import Flask

from after_service_layer.gateways.credentials import SessionCredentials
from after_service_layer.gateways.mail import SmtpMailer
from after_service_layer.gateways.network import OAuth1Network
from after_service_layer.gateways.payments import HttpPayments
from after_service_layer.services.errors import (
    CardDeclined,
    ConnectionRevoked,
    NetworkRefused,
    NetworkUnclear,
    PostRefused,
    PostUnclear,
)
from after_service_layer.services.interfaces import (
    Credentials,
    MailNotSent,
    PaymentOutcomeUnknown,
)
from tests.after.services.factories import an_entry, an_event, an_order
from tests.after.services.fakes import FakeCredentials, FakeMailer, FakePayments, FakeProvider
from workbench.sandbox.gateway import running_gateway
from workbench.sandbox.mailbox import running_mailbox
from workbench.sandbox.server import HOST, listen
from workbench.sandbox.social import running_social


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Let no proxy stand between a test and a server on this machine."""
    monkeypatch.setenv("no_proxy", HOST)


@pytest.fixture(scope="module")
def sandbox():
    with running_gateway(slow_seconds=0.2) as running:
        yield running


@pytest.fixture
def key():
    """An idempotency key of the test's own, since all tests share one sandbox."""
    return uuid4().hex


@pytest.fixture
def dead_port():
    """A port where no server listens."""
    with listen() as listener:
        return listener.getsockname()[1]


@pytest.fixture(params=["fake", "real"])
def payments(request):
    """The fake gateway, and the real one in front of the sandbox."""
    if request.param == "fake":
        return FakePayments()
    sandbox = request.getfixturevalue("sandbox")
    return HttpPayments(url=sandbox.url, api_key=sandbox.api_key, timeout=5)


@pytest.fixture(params=["fake", "real"])
def dead_payments(request, dead_port):
    if request.param == "fake":
        payments = FakePayments()
        payments.failure = PaymentOutcomeUnknown("The gateway does not answer.")
        return payments
    return HttpPayments(url=f"http://{HOST}:{dead_port}", api_key="any", timeout=5)


def charge(payments, key, source="tok_visa", amount_cents=2500):
    return payments.charge(amount_cents=amount_cents, source=source, reference="ABCDE", key=key)


@pytest.mark.behaviour("checkout.paid")
def test_a_card_is_charged_once_for_a_key(payments, key):
    charge_id = charge(payments, key)

    assert charge(payments, key) == charge_id
    assert charge(payments, f"{key}-2") != charge_id


@pytest.mark.behaviour("checkout.declined")
def test_a_declined_card_comes_with_the_reason(payments, key):
    with pytest.raises(CardDeclined) as refusal:
        charge(payments, key, "tok_declined")

    assert refusal.value.reason == "The bank refuses to pay."


@pytest.mark.behaviour("checkout.unanswered")
def test_a_gateway_that_fails_gives_no_clear_answer(payments, key):
    with pytest.raises(PaymentOutcomeUnknown):
        charge(payments, key, "tok_error")


@pytest.mark.behaviour("checkout.unanswered")
def test_the_key_of_another_charge_gives_no_clear_answer(payments, key):
    charge(payments, key, amount_cents=2500)

    with pytest.raises(PaymentOutcomeUnknown):
        charge(payments, key, amount_cents=100)


def find_charge(payments, key, amount_cents=2500, reference="ABCDE"):
    return payments.find_charge(amount_cents=amount_cents, reference=reference, key=key)


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_a_charge_is_found_by_its_key(payments, key):
    charge_id = charge(payments, key)

    assert find_charge(payments, key) == charge_id


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_without_a_charge_none_is_found(payments, key):
    with pytest.raises(CardDeclined):
        charge(payments, key, "tok_declined")

    assert find_charge(payments, key) is None


@pytest.mark.behaviour("jobs.reconcile.unknown")
@pytest.mark.parametrize("difference", [{"amount_cents": 100}, {"reference": "OTHER"}])
def test_to_find_another_charge_is_no_clear_answer(payments, key, difference):
    charge(payments, key)

    with pytest.raises(PaymentOutcomeUnknown):
        find_charge(payments, key, **difference)


@pytest.mark.behaviour("cancel.full_refund")
def test_money_is_given_back_and_can_be_asked_for_again_under_its_key(payments, key):
    charge_id = charge(payments, key)

    for _ in range(2):
        payments.refund(charge_id=charge_id, amount_cents=2500, key=f"{key}-refund")


@pytest.mark.behaviour("checkout.unanswered")
def test_a_gateway_that_is_not_there_charges_nothing(dead_payments, key):
    with pytest.raises(PaymentOutcomeUnknown):
        charge(dead_payments, key)


@pytest.mark.behaviour("cancel.refund_due")
def test_a_gateway_that_is_not_there_gives_nothing_back(dead_payments, key):
    with pytest.raises(PaymentOutcomeUnknown):
        dead_payments.refund(charge_id="ch_1", amount_cents=2500, key=key)


@pytest.mark.behaviour("jobs.reconcile.unknown")
def test_a_gateway_that_is_not_there_finds_nothing(dead_payments, key):
    with pytest.raises(PaymentOutcomeUnknown):
        find_charge(dead_payments, key)


@pytest.mark.behaviour("checkout.unanswered")
def test_an_answer_that_comes_too_late_is_no_clear_answer(sandbox, key):
    payments = HttpPayments(url=sandbox.url, api_key=sandbox.api_key, timeout=0.05)

    with pytest.raises(PaymentOutcomeUnknown):
        charge(payments, key, "tok_slow")


def smtp_mailer(port):
    return SmtpMailer(
        host=HOST, port=port, sender="shop@example.org", render=lambda *_, **__: "Hello."
    )


@contextmanager
def fake_mail():
    mailer = FakeMailer()
    yield mailer, lambda: [[row.email] for _, row in mailer.sent]


@contextmanager
def real_mail():
    with running_mailbox() as mailbox:
        mails = f"{mailbox.url}/mails.json"
        mailer = smtp_mailer(mailbox.smtp_port)
        yield mailer, lambda: [mail["to"] for mail in requests.get(mails, timeout=5).json()]


# Each mail that a mailer can send, and the row that it is about.
MAILS = [
    pytest.param(
        "send_confirmation", an_order, marks=pytest.mark.behaviour("checkout.confirmation")
    ),
    pytest.param("send_reminder", an_order, marks=pytest.mark.behaviour("jobs.remind")),
    pytest.param(
        "send_refund_notice", an_order, marks=pytest.mark.behaviour("webhook.late_refunded")
    ),
    pytest.param("send_offer", an_entry, marks=pytest.mark.behaviour("offer.mail")),
]


@pytest.mark.parametrize("mail", [fake_mail, real_mail])
@pytest.mark.parametrize(("name", "about"), MAILS)
def test_a_mail_goes_to_the_address_of_its_row(mail, name, about):
    with mail() as (mailer, recipients):
        getattr(mailer, name)(about(an_event(), email="ada@example.org"))

        assert recipients() == [["ada@example.org"]]


@pytest.fixture(params=["fake", "real"])
def dead_mailer(request, dead_port):
    if request.param == "fake":
        mailer = FakeMailer()
        mailer.failure = MailNotSent("The mail server does not answer.")
        return mailer
    return smtp_mailer(dead_port)


@pytest.mark.parametrize(("name", "about"), MAILS)
@pytest.mark.behaviour("checkout.mail_failed")
def test_a_mail_server_that_is_not_there_takes_no_mail(dead_mailer, name, about):
    with pytest.raises(MailNotSent):
        getattr(dead_mailer, name)(about(an_event()))


CLIENT = {"client_key": "key of the shop", "client_secret": "shared with the network"}


class RealProvider(OAuth1Network):
    """The real gateway in front of the sandbox, with what a user does there."""

    def __init__(self, url):
        super().__init__(f"{url}/oauth", **CLIENT, timeout=5)
        self._url = url

    def allow(self, page):
        token = parse_qs(urlsplit(page).query)["oauth_token"]
        form = {"oauth_token": token, "name": "ada", "answer": "allow"}
        answer = requests.post(page, form, allow_redirects=False, timeout=5)
        return parse_qs(urlsplit(answer.headers["Location"]).query)["oauth_verifier"][0]

    def revoke(self, credentials):
        """Revoke the latest connection."""
        number = re.findall(r'name="number" value="(\d+)"', requests.get(self._url).text)[0]
        requests.post(f"{self._url}/sandbox/revoke", {"number": number}, timeout=5)


@pytest.fixture(scope="module")
def social():
    with running_social(**CLIENT) as running:
        yield running


@pytest.fixture(params=["fake", "real"])
def provider(request):
    """The fake network, and the real one in front of the sandbox."""
    if request.param == "fake":
        return FakeProvider()
    return RealProvider(request.getfixturevalue("social").url)


def begin(provider):
    """Return temporary credentials, and the verifier of a user who has allowed it."""
    temporary = provider.temporary_credentials("https://shop.example/share/authorized")
    return temporary, provider.allow(provider.authorization_url(temporary))


@pytest.mark.behaviour("share.authorized")
@pytest.mark.behaviour("share.post")
def test_an_account_is_connected_and_posts(provider):
    temporary, verifier = begin(provider)
    lasting = provider.access_credentials(temporary, verifier)

    provider.post(lasting, "Søren & Søn: 100 % = 1+1?")

    assert (temporary.temporary, lasting.temporary) == (True, False)


@pytest.mark.behaviour("share.callback.failed")
def test_a_verifier_works_once(provider):
    temporary, verifier = begin(provider)
    provider.access_credentials(temporary, verifier)

    with pytest.raises(NetworkRefused):
        provider.access_credentials(temporary, verifier)


@pytest.mark.behaviour("share.callback.failed")
def test_the_verifier_of_another_connection_is_refused(provider):
    temporary, _ = begin(provider)
    _, verifier = begin(provider)

    with pytest.raises(NetworkRefused):
        provider.access_credentials(temporary, verifier)


@pytest.mark.behaviour("share.callback.failed")
def test_without_the_consent_of_the_user_there_is_no_access(provider):
    temporary = provider.temporary_credentials("https://shop.example/share/authorized")

    with pytest.raises(NetworkRefused):
        provider.access_credentials(temporary, "verifier")


@pytest.mark.behaviour("share.callback.failed")
@pytest.mark.parametrize("wrong", [{"token": "unknown"}, {"secret": "wrong"}])
def test_temporary_credentials_that_were_not_given_out_are_refused(provider, wrong):
    temporary, verifier = begin(provider)

    with pytest.raises(NetworkRefused):
        provider.access_credentials(replace(temporary, **wrong), verifier)


@pytest.mark.behaviour("share.post.refused")
@pytest.mark.parametrize("wrong", [{"token": "unknown"}, {"secret": "wrong"}])
def test_credentials_that_were_not_given_out_cannot_post(provider, wrong):
    lasting = provider.access_credentials(*begin(provider))

    with pytest.raises(ConnectionRevoked):
        provider.post(replace(lasting, **wrong), "Hello")


@pytest.mark.behaviour("share.post.refused")
def test_temporary_credentials_cannot_post(provider):
    temporary, _ = begin(provider)

    with pytest.raises(ConnectionRevoked):
        provider.post(temporary, "Hello")


@pytest.mark.behaviour("share.post.refused")
def test_credentials_that_are_revoked_cannot_post(provider):
    lasting = provider.access_credentials(*begin(provider))
    provider.revoke(lasting)

    with pytest.raises(ConnectionRevoked):
        provider.post(lasting, "Hello")


@pytest.mark.behaviour("share.post.refused")
@pytest.mark.parametrize("text", ["", "x" * 501])
def test_a_post_that_is_too_short_or_too_long_is_refused(provider, text):
    lasting = provider.access_credentials(*begin(provider))

    with pytest.raises(PostRefused):
        provider.post(lasting, text)


@pytest.fixture(params=["fake", "real"])
def dead_provider(request, dead_port):
    if request.param == "fake":
        provider = FakeProvider()
        provider.is_down = True
        return provider
    return OAuth1Network(f"http://{HOST}:{dead_port}/oauth", **CLIENT, timeout=5)


@pytest.mark.behaviour("share.authorize.failed")
@pytest.mark.behaviour("share.callback.failed")
@pytest.mark.behaviour("share.post.unclear")
def test_a_network_that_is_not_there_gives_no_clear_answer(dead_provider):
    with pytest.raises(NetworkUnclear):
        dead_provider.temporary_credentials("https://shop.example/share/authorized")
    with pytest.raises(NetworkUnclear):
        dead_provider.access_credentials(Credentials("token", "secret", temporary=True), "v")
    with pytest.raises(PostUnclear):
        dead_provider.post(Credentials("token", "secret", temporary=False), "Hello")


FIRST = Credentials("first", "secret ключ", temporary=True)
SECOND = Credentials("second", "another secret", temporary=False)


@pytest.fixture(params=["fake", "real, in a request", "real, outside"])
def store(request):
    """What keeps a user's credentials."""
    app = Flask(__name__)
    app.secret_key = "any"
    inside = app.test_request_context() if "request" in request.param else nullcontext()
    with inside:
        is_fake = request.param == "fake"
        yield FakeCredentials() if is_fake else SessionCredentials("share", secret_key="any")


@pytest.mark.behaviour("share.page")
def test_at_first_nothing_is_kept(store):
    assert store.read() is None


@pytest.mark.behaviour("share.authorize")
@pytest.mark.parametrize("credentials", [FIRST, SECOND])
def test_what_is_kept_is_read_as_it_was(store, credentials):
    store.keep(credentials)

    assert store.read() == credentials


@pytest.mark.behaviour("share.authorized")
def test_only_the_last_is_kept(store):
    store.keep(FIRST)
    store.keep(SECOND)

    assert store.read() == SECOND


@pytest.mark.behaviour("share.disconnect")
def test_what_is_dropped_is_no_longer_kept(store):
    store.keep(SECOND)
    store.drop()

    assert store.read() is None


@pytest.mark.behaviour("share.disconnect")
def test_there_need_be_nothing_to_drop(store):
    store.drop()

    assert store.read() is None
