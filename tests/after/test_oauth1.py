"""OAuth 1: what the service sends, what it believes, and what it keeps.

Most of it needs no app and no context: two fakes are the whole world. The last part puts the
real store to it, Flask's session, in an app with two blueprints and two visitors.
"""

import logging
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Blueprint
from itsdangerous import URLSafeTimedSerializer

from after_service_layer import wiring
from after_service_layer.gateways.credentials import SessionCredentials
from after_service_layer.services.errors import (
    InvalidCallback,
    NetworkRefused,
    NetworkUnclear,
    NotAllowed,
    NotConnected,
)
from after_service_layer.services.interfaces import Credentials, NoAnswer
from after_service_layer.services.oauth1 import OAuth1Service
from tests.after.fakes import FakeCredentials, FakeHttp, Sent
from tests.after.helpers import (
    NETWORK_URL,
    SHARE_CLIENT_SECRET,
    SHARE_URL,
    form_of,
    oauth_of,
    oauth_signature,
)

behaviour = pytest.mark.behaviour

CLIENT = "key of the shop", SHARE_CLIENT_SECRET
TEMPORARY = Credentials("temporary", "temporary secret", temporary=True)
LASTING = Credentials("lasting", "lasting secret", temporary=False)

BEGIN_AGAIN = "The network has refused: begin again."
TRY_LATER = "The network gives no clear answer: try again later."
REFUSALS = [400, 401, 403, 404, 429, 499]
FAILURES = {
    "error": (500, "Sorry."),
    "elsewhere": (302, ""),
    "not modified": (304, ""),
    "early": (103, ""),
}
GIVEN = {
    "oauth_token": "token",
    "oauth_token_secret": "secret",
    "oauth_callback_confirmed": "true",
}
NO_CREDENTIALS = {
    **FAILURES,
    "error that looks right": (503, urlencode(GIVEN)),
    "created": (201, urlencode(GIVEN)),
    "empty": (200, ""),
    "too long for a cookie": (200, urlencode({**GIVEN, "oauth_token": "x" * 995})),
    "web page": (200, "<h1>Welcome</h1>"),
    "JSON": (200, '{"oauth_token": "token", "oauth_token_secret": "secret"}'),
    "no token": (200, "oauth_token_secret=secret&oauth_callback_confirmed=true"),
    "no secret": (200, "oauth_token=token&oauth_callback_confirmed=true"),
    "empty token": (200, urlencode({**GIVEN, "oauth_token": ""})),
    "empty secret": (200, urlencode({**GIVEN, "oauth_token_secret": ""})),
    # What the gateway makes of bytes that are no text.
    "not UTF-8": (200, urlencode(GIVEN).replace("=token", "=\N{REPLACEMENT CHARACTER}")),
}


@pytest.fixture
def http():
    return FakeHttp()


@pytest.fixture
def credentials():
    """Nothing is kept yet; a test may say `credentials.kept = LASTING`."""
    return FakeCredentials()


@pytest.fixture
def make_service(http, credentials):
    """Return a function that makes a service for an address of the network."""

    def make_service(endpoint=SHARE_URL, **differences):
        return OAuth1Service(endpoint, *CLIENT, http=http, credentials=credentials, **differences)

    return make_service


@pytest.fixture
def service(make_service):
    return make_service()


@behaviour("oauth1.address")
@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://network.example/oauth", "https://network.example/oauth/request_token"),
        ("https://network.example/oauth/", "https://network.example/oauth/request_token"),
        ("https://network.example", "https://network.example/request_token"),
        ("https://network.example/", "https://network.example/request_token"),
        (
            "https://network.example/api/1/oauth",
            "https://network.example/api/1/oauth/request_token",
        ),
    ],
)
def test_an_endpoint_with_a_path_keeps_it(http, make_service, endpoint, address):
    make_service(endpoint).authorization_url()

    assert [sent.url for sent in http.sent] == [address]


@behaviour("oauth1.address")
@pytest.mark.parametrize("endpoint", [SHARE_URL, f"{SHARE_URL}/"])
def test_the_users_page_and_the_swap_keep_the_path_too(http, make_service, endpoint):
    service = make_service(endpoint)

    page = service.authorization_url()
    service.verify("verifier")

    assert page == "https://network.example/oauth/authorize?oauth_token=temporary"
    assert http.sent[-1].url == "https://network.example/oauth/access_token"


@behaviour("oauth1.address")
@pytest.mark.parametrize("endpoint", [SHARE_URL, f"{SHARE_URL}/"])
@pytest.mark.parametrize(
    ("post_path", "address"),
    [
        ("statuses", "https://network.example/oauth/statuses"),
        ("/statuses", "https://network.example/statuses"),
        ("/api/2/statuses", "https://network.example/api/2/statuses"),
    ],
)
def test_a_post_path_begins_at_the_root_where_it_has_a_slash(
    credentials, http, make_service, endpoint, post_path, address
):
    credentials.kept = LASTING

    make_service(endpoint, post_path=post_path).post("Hello")

    assert [sent.url for sent in http.sent] == [address]


@behaviour("oauth1.address")
def test_without_a_post_path_posts_go_to_statuses_at_the_root(credentials, http, service):
    credentials.kept = LASTING

    service.post("Hello")

    assert [sent.url for sent in http.sent] == ["https://network.example/statuses"]


@behaviour("share.authorize")
def test_request_tokens_are_asked_for_by_post(http, service):
    service.authorization_url()

    # The method is part of what is signed: the helper takes it for a POST.
    [sent] = http.sent
    assert oauth_of(sent)["oauth_signature"] == oauth_signature(sent)


@behaviour("share.authorize")
def test_the_network_learns_who_asks(http, service):
    service.authorization_url()

    [sent] = http.sent
    assert oauth_of(sent)["oauth_consumer_key"] == "key of the shop"
    assert oauth_of(sent)["oauth_signature_method"] == "HMAC-SHA1"
    assert "oauth_token" not in oauth_of(sent)


@behaviour("share.authorize")
def test_the_network_learns_where_the_user_is_to_come_back(http, service):
    service.authorization_url("https://shop.example/share/authorized")

    assert oauth_of(http.sent[0])["oauth_callback"] == "https://shop.example/share/authorized"


@behaviour("oauth1.outside")
def test_without_a_callback_the_user_types_the_verifier(http, service):
    service.authorization_url()

    assert oauth_of(http.sent[0])["oauth_callback"] == "oob"


@behaviour("share.authorize")
def test_what_is_given_is_kept_as_temporary(credentials, service):
    service.authorization_url()

    assert credentials.kept == TEMPORARY
    assert not service.authorized


@behaviour("share.authorize")
def test_the_token_arrives_at_the_users_page_as_it_was_given(http, service):
    http.answers["request_token"] = 200, urlencode({**GIVEN, "oauth_token": "a+b/c&d=é "})

    page = service.authorization_url()

    assert parse_qs(urlsplit(page).query) == {"oauth_token": ["a+b/c&d=é "]}


@behaviour("share.authorize.failed")
@pytest.mark.parametrize("confirmed", ["false", "True", "", None])
def test_a_callback_that_is_not_confirmed_is_no_clear_answer(
    credentials, http, service, confirmed
):
    facts = {**GIVEN, "oauth_callback_confirmed": confirmed}
    said = {name: value for name, value in facts.items() if value is not None}
    http.answers["request_token"] = 200, urlencode(said)

    with pytest.raises(NetworkUnclear, match=TRY_LATER):
        service.authorization_url()
    assert credentials.kept is None


@behaviour("share.authorize.failed")
@pytest.mark.parametrize("status", REFUSALS)
def test_to_be_refused_is_an_error_of_the_services_own(http, service, status):
    http.answers["request_token"] = status, urlencode(GIVEN)

    with pytest.raises(NetworkRefused, match=BEGIN_AGAIN):
        service.authorization_url()


@behaviour("share.authorize.failed")
@pytest.mark.parametrize("answer", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_a_garbled_answer_is_an_error_of_the_services_own(credentials, http, service, answer):
    http.answers["request_token"] = answer

    with pytest.raises(NetworkUnclear, match=TRY_LATER):
        service.authorization_url()
    assert credentials.kept is None


@behaviour("share.authorize.failed")
def test_no_answer_is_an_error_of_the_services_own(http, service):
    http.failure = NoAnswer("Nobody there.")

    with pytest.raises(NetworkUnclear, match=TRY_LATER):
        service.authorization_url()


@behaviour("share.authorize.failed")
@pytest.mark.parametrize("kept", [TEMPORARY, LASTING])
@pytest.mark.parametrize("status", [401, 500])
def test_who_begins_anew_has_dropped_what_was_there(credentials, http, service, kept, status):
    credentials.kept = kept
    http.answers["request_token"] = status, ""

    with pytest.raises((NetworkRefused, NetworkUnclear)):
        service.authorization_url()
    assert credentials.kept is None


@behaviour("share.authorized")
def test_credentials_of_1000_letters_are_kept(credentials, http, service):
    credentials.kept = TEMPORARY
    http.answers["access_token"] = 200, urlencode({**GIVEN, "oauth_token": "x" * 994})

    service.verify("verifier")

    assert credentials.kept == Credentials("x" * 994, "secret", temporary=False)


@behaviour("share.authorized")
def test_the_verifier_swaps_temporary_credentials_for_lasting_ones(credentials, service):
    credentials.kept = TEMPORARY

    service.verify("verifier", token="temporary")

    assert credentials.kept == LASTING
    assert service.authorized


@behaviour("share.authorized")
def test_the_swap_carries_token_and_verifier(credentials, http, service):
    credentials.kept = TEMPORARY

    service.verify("a+b/c&d=é ", token="temporary")

    [sent] = http.sent
    assert oauth_of(sent)["oauth_token"] == "temporary"
    assert oauth_of(sent)["oauth_verifier"] == "a+b/c&d=é "


@behaviour("share.authorized")
def test_the_swap_is_a_post_signed_with_the_temporary_secret(credentials, http, service):
    credentials.kept = TEMPORARY

    service.verify("verifier", token="temporary")

    [sent] = http.sent
    assert oauth_of(sent)["oauth_signature"] == oauth_signature(sent, "temporary secret")


@behaviour("share.authorized")
def test_the_swap_needs_no_confirmed_callback(credentials, http, service):
    credentials.kept = TEMPORARY
    http.answers["access_token"] = 200, "oauth_token=lasting&oauth_token_secret=lasting+secret"

    service.verify("verifier")

    assert service.authorized


@behaviour("oauth1.outside")
def test_who_types_the_verifier_has_no_token_to_give(credentials, service):
    credentials.kept = TEMPORARY

    service.verify("verifier")

    assert credentials.kept == LASTING


@behaviour("share.callback.strange")
@pytest.mark.parametrize("verifier", ["verifier", ""])
@pytest.mark.parametrize("token", ["another", "Temporary", "temporary ", "é", ""])
def test_another_token_than_was_given_is_refused_and_changes_nothing(
    credentials, http, service, token, verifier
):
    credentials.kept = TEMPORARY

    with pytest.raises(InvalidCallback):
        service.verify(verifier, token=token)
    assert credentials.kept == TEMPORARY
    assert http.sent == []


@behaviour("share.callback.strange")
@pytest.mark.parametrize("token", ["temporary", "lasting", "", None])
@pytest.mark.parametrize("kept", [None, LASTING])
def test_nobody_comes_back_who_was_not_sent(credentials, http, service, kept, token):
    credentials.kept = kept

    with pytest.raises(InvalidCallback):
        service.verify("verifier", token=token)
    assert credentials.kept == kept
    assert http.sent == []


@behaviour("share.callback.strange")
def test_temporary_credentials_are_dropped_once_they_are_swapped(http, service):
    service.authorization_url()
    service.verify("verifier", token="temporary")

    with pytest.raises(InvalidCallback):
        service.verify("verifier", token="temporary")
    assert len(http.sent) == 2
    assert service.authorized


@behaviour("share.callback.failed")
def test_a_replay_that_the_network_refuses_is_an_error_of_the_services_own(
    credentials, http, service
):
    credentials.kept = TEMPORARY
    service.verify("verifier", token="temporary")

    # As an older copy of the cookie would have it.
    credentials.kept = TEMPORARY
    http.answers["access_token"] = 401, "Used before."

    with pytest.raises(NetworkRefused):
        service.verify("verifier", token="temporary")
    assert credentials.kept is None


@behaviour("share.callback.strange")
def test_who_begins_twice_comes_back_with_the_second_token_only(http, service):
    service.authorization_url()
    http.answers["request_token"] = 200, urlencode({**GIVEN, "oauth_token": "second"})
    service.authorization_url()

    with pytest.raises(InvalidCallback):
        service.verify("verifier", token="temporary")
    service.verify("verifier", token="second")


@behaviour("share.callback.denied")
def test_an_empty_verifier_means_that_the_user_did_not_allow_it(credentials, http, service):
    credentials.kept = TEMPORARY

    with pytest.raises(NotAllowed):
        service.verify("", token="temporary")
    assert credentials.kept is None
    assert http.sent == []


@behaviour("share.callback.failed")
@pytest.mark.parametrize("status", REFUSALS)
def test_a_swap_that_is_refused_is_an_error_of_the_services_own(
    credentials, http, service, status
):
    credentials.kept = TEMPORARY
    http.answers["access_token"] = status, urlencode(GIVEN)

    with pytest.raises(NetworkRefused, match=BEGIN_AGAIN):
        service.verify("verifier")


@behaviour("share.callback.failed")
@pytest.mark.parametrize("answer", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_a_swap_with_a_garbled_answer_is_an_error_of_the_services_own(
    credentials, http, service, answer
):
    credentials.kept = TEMPORARY
    http.answers["access_token"] = answer

    with pytest.raises(NetworkUnclear, match=TRY_LATER):
        service.verify("verifier")
    assert not service.authorized


@behaviour("share.callback.failed")
def test_a_swap_without_an_answer_is_an_error_of_the_services_own(credentials, http, service):
    credentials.kept = TEMPORARY
    http.failure = NoAnswer("Nobody there.")

    with pytest.raises(NetworkUnclear, match=TRY_LATER):
        service.verify("verifier")


@behaviour("share.callback.failed")
@pytest.mark.parametrize("status", [401, 500])
def test_temporary_credentials_are_dropped_by_a_swap_that_failed_too(
    credentials, http, service, status
):
    credentials.kept = TEMPORARY
    http.answers["access_token"] = status, ""

    with pytest.raises((NetworkRefused, NetworkUnclear)):
        service.verify("verifier")
    assert credentials.kept is None


@behaviour("share.post")
def test_a_post_carries_its_text_as_a_form(credentials, http, service):
    credentials.kept = LASTING

    service.post("Søren & Søn: 100 % = 1+1?")

    [sent] = http.sent
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form_of(sent) == {"status": "Søren & Søn: 100 % = 1+1?"}


@behaviour("share.post")
@pytest.mark.parametrize("text", ["Hello", "Søren & Søn: 100 % = 1+1?"])
def test_a_post_is_signed_in_the_users_name(credentials, http, service, text):
    credentials.kept = LASTING

    service.post(text)

    [sent] = http.sent
    assert oauth_of(sent)["oauth_token"] == "lasting"
    assert oauth_of(sent)["oauth_signature"] == oauth_signature(sent, "lasting secret")


@behaviour("share.post")
def test_no_two_posts_are_signed_alike(credentials, http, service):
    credentials.kept = LASTING

    service.post("Hello")
    service.post("Hello")

    first, second = (oauth_of(sent)["oauth_nonce"] for sent in http.sent)
    assert first != second


@behaviour("share.post")
@pytest.mark.parametrize("status", [200, 201])
def test_a_post_that_is_taken_leaves_the_user_connected(credentials, http, service, status):
    credentials.kept = LASTING
    http.answers["statuses"] = status, ""

    service.post("Hello")

    assert service.authorized


@behaviour("share.post.not_connected")
@pytest.mark.parametrize("kept", [None, TEMPORARY])
def test_who_is_not_connected_sends_nothing(credentials, http, service, kept):
    credentials.kept = kept

    with pytest.raises(NotConnected):
        service.post("Hello")
    assert http.sent == []
    assert credentials.kept == kept


@behaviour("share.post.refused")
def test_a_network_that_knows_the_credentials_no_longer_makes_them_forgotten(
    credentials, http, service
):
    credentials.kept = LASTING
    http.answers["statuses"] = 401, ""

    with pytest.raises(NetworkRefused, match="no longer accepts the connection: connect your"):
        service.post("Hello")
    assert credentials.kept is None


@behaviour("share.post.refused")
@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 499])
def test_a_post_that_is_refused_for_another_reason_does_not(credentials, http, service, status):
    credentials.kept = LASTING
    http.answers["statuses"] = status, ""

    with pytest.raises(NetworkRefused, match="has refused this post"):
        service.post("Hello")
    assert credentials.kept == LASTING


@behaviour("share.post.unclear")
@pytest.mark.parametrize("answer", [*FAILURES.values(), (202, ""), (204, "")], ids=str)
def test_an_answer_that_is_neither_leaves_it_open(credentials, http, service, answer):
    credentials.kept = LASTING
    http.answers["statuses"] = answer

    with pytest.raises(NetworkUnclear, match="look there before you post again"):
        service.post("Hello")
    assert credentials.kept == LASTING


@behaviour("share.post.unclear")
def test_a_post_without_an_answer_is_not_sent_again(credentials, http, service):
    credentials.kept = LASTING
    http.failure = NoAnswer("Nobody there.")

    with pytest.raises(NetworkUnclear, match="look there before you post again"):
        service.post("Hello")
    assert len(http.sent) == 1
    assert credentials.kept == LASTING


@behaviour("share.disconnect")
@pytest.mark.parametrize("kept", [None, TEMPORARY, LASTING])
def test_forget_logs_out(credentials, service, kept):
    credentials.kept = kept

    service.forget()

    assert credentials.kept is None
    assert not service.authorized


@behaviour("oauth1.outside")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_signer_signs_with_the_users_credentials(credentials, service, method):
    credentials.kept = LASTING

    url, headers, _ = service.signer.sign(f"{NETWORK_URL}/timeline", method)

    sent = Sent(url=url, headers=headers, body="", method=method)
    assert oauth_of(sent)["oauth_token"] == "lasting"
    assert oauth_of(sent)["oauth_signature"] == oauth_signature(sent, "lasting secret")


@behaviour("share.post.not_connected")
@pytest.mark.parametrize("kept", [None, TEMPORARY])
def test_without_a_connection_there_is_no_signer(credentials, service, kept):
    credentials.kept = kept

    with pytest.raises(NotConnected):
        _ = service.signer


@behaviour("oauth1.secrets")
def test_no_secret_is_in_a_repr(credentials, service):
    credentials.kept = LASTING

    shown = repr([service, service.signer, LASTING, str(LASTING)])

    assert "lasting" in shown
    assert "lasting secret" not in shown
    assert SHARE_CLIENT_SECRET not in shown


@behaviour("oauth1.secrets")
@pytest.mark.parametrize("answer", [(401, "theirs"), (500, "theirs"), NoAnswer("Nobody there.")])
def test_the_log_says_where_it_failed_and_no_secret(caplog, credentials, http, service, answer):
    caplog.set_level(logging.DEBUG, "after_service_layer")
    credentials.kept = LASTING
    http.failure = answer if isinstance(answer, NoAnswer) else None
    http.answers["statuses"] = answer

    with pytest.raises((NetworkRefused, NetworkUnclear)):
        service.post("Hello")

    assert f"{NETWORK_URL}/statuses" in caplog.text
    signature = oauth_of(http.sent[0])["oauth_signature"]
    for secret in ("theirs", "lasting", SHARE_CLIENT_SECRET, signature, "Hello"):
        assert secret not in caplog.text


@behaviour("oauth1.secrets")
def test_the_log_of_a_dance_that_goes_well_is_empty(caplog, service):
    caplog.set_level(logging.DEBUG, "after_service_layer")

    service.authorization_url()
    service.verify("verifier")
    service.post("Hello")

    assert [line.message for line in caplog.records if "after" in line.name] == []


def connect():
    service = OAuth1Service.from_context()
    service.authorization_url()
    service.verify("verifier")
    return "connected"


def show():
    return str(OAuth1Service.from_context().authorized)


def disconnect():
    OAuth1Service.from_context().forget()
    return "disconnected"


@pytest.fixture(scope="module")
def shop(create_app):
    """A shop with two more blueprints, `press` and `fans`, each with an account of its own."""
    services = {name: {"OAuth1Service": ((SHARE_URL, *CLIENT), {})} for name in ("press", "fans")}
    settings = {"SECRET_KEY": "any", "SQLALCHEMY_DATABASE_URI": "sqlite://"}
    app = create_app({**settings, "TESTING": True, "SERVICES": services})
    for name in services:
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        for view in (connect, show, disconnect):
            blueprint.get(f"/{view.__name__}")(view)
        app.register_blueprint(blueprint)
    return app


@pytest.fixture
def site(monkeypatch, shop):
    """The shop, in front of a network that says yes."""
    monkeypatch.setattr(wiring, "SignedHttp", lambda **_: FakeHttp())
    return shop


def is_connected(visitor, blueprint="press"):
    return visitor.get(f"/{blueprint}/show").text == "True"


@behaviour("share.visitors")
def test_credentials_of_one_blueprint_are_not_seen_by_another(site):
    visitor = site.test_client()

    visitor.get("/press/connect")

    assert is_connected(visitor, "press")
    assert not is_connected(visitor, "fans")


@behaviour("share.visitors")
def test_to_forget_those_of_one_blueprint_leaves_those_of_another(site):
    visitor = site.test_client()
    visitor.get("/press/connect")
    visitor.get("/fans/connect")

    visitor.get("/press/disconnect")

    assert not is_connected(visitor, "press")
    assert is_connected(visitor, "fans")


@behaviour("share.visitors")
def test_credentials_of_one_user_are_not_seen_by_another(site):
    ada, bruno = site.test_client(), site.test_client()

    ada.get("/press/connect")

    assert is_connected(ada)
    assert not is_connected(bruno)


@behaviour("share.visitors")
def test_credentials_are_not_shared_by_two_test_clients_in_one_application_context(site):
    with site.app_context():
        ada, bruno = site.test_client(), site.test_client()

        ada.get("/press/connect")

        assert is_connected(ada)
        assert not is_connected(bruno)


@behaviour("share.visitors")
def test_one_test_client_does_not_log_the_other_out(site):
    with site.app_context():
        ada, bruno = site.test_client(), site.test_client()
        ada.get("/press/connect")
        bruno.get("/press/connect")

        ada.get("/press/disconnect")

        assert not is_connected(ada)
        assert is_connected(bruno)


@behaviour("oauth1.outside")
def test_outside_a_request_credentials_are_kept_in_the_object(site):
    with site.app_context():
        service = OAuth1Service.from_context("press")
        service.authorization_url()
        service.verify("verifier")

        assert OAuth1Service.from_context("press").authorized
        assert not OAuth1Service.from_context("fans").authorized
    with site.app_context():
        assert not OAuth1Service.from_context("press").authorized


@behaviour("oauth1.outside")
@behaviour("share.visitors")
def test_credentials_of_the_object_are_not_seen_inside_a_request(site):
    with site.app_context():
        service = OAuth1Service.from_context("press")
        service.authorization_url()
        service.verify("verifier")

        assert not is_connected(site.test_client())
        assert service.authorized


@behaviour("oauth1.outside")
@behaviour("share.visitors")
def test_credentials_of_a_visitor_are_not_seen_in_the_object(site):
    with site.app_context():
        visitor = site.test_client()
        visitor.get("/press/connect")

        assert is_connected(visitor)
        assert not OAuth1Service.from_context("press").authorized


@behaviour("share.disconnect")
@behaviour("oauth1.outside")
def test_forget_logs_out_outside_a_request_too(site):
    with site.app_context():
        service = OAuth1Service.from_context("press")
        service.authorization_url()
        service.verify("verifier")

        service.forget()

        assert not service.authorized


@behaviour("share.cookie")
def test_token_secrets_are_not_readable_in_the_cookie(site):
    visitor = site.test_client()
    visitor.get("/press/connect")

    # Whoever has the cookie reads it without the key: this is what a signed cookie is.
    cookie = visitor.get_cookie("session").value
    _, facts = URLSafeTimedSerializer("no key").loads_unsafe(cookie)

    assert re.fullmatch(r"\{'oauth1.press': '[\w=-]+'\}", str(facts))
    assert "lasting" not in str(facts)


@behaviour("share.cookie")
@pytest.mark.parametrize(("key", "kept"), [("of now", LASTING), ("of before", None)])
def test_what_was_sealed_under_another_secret_key_counts_as_nothing(site, key, kept):
    with site.test_request_context():
        SessionCredentials("press", secret_key=key).keep(LASTING)

        assert SessionCredentials("press", secret_key="of now").read() == kept
