"""The social network on the wire: addresses, signatures (RFC 5849), and what an answer means."""

import logging
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from requests import Request

from after_service_layer.gateways.network import OAuth1Network
from after_service_layer.services.errors import (
    ConnectionRevoked,
    NetworkRefused,
    NetworkUnclear,
    PostRefused,
    PostUnclear,
)
from after_service_layer.services.interfaces import Credentials
from tests.kit.helpers import (
    NETWORK_URL,
    SHARE_CLIENT_SECRET,
    SHARE_URL,
    form_of,
    oauth_of,
    oauth_signature,
)

behaviour = pytest.mark.behaviour

CALLBACK = "https://shop.example/share/authorized"
TEMPORARY = Credentials("temporary", "temporary secret", temporary=True)
LASTING = Credentials("lasting", "lasting secret", temporary=False)


def provider_at(endpoint=SHARE_URL, **differences):
    return OAuth1Network(
        endpoint, "key of the shop", SHARE_CLIENT_SECRET, timeout=5, **differences
    )


@pytest.fixture
def provider():
    return provider_at()


@behaviour("oauth1.address")
@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("https://network.example/oauth", "https://network.example/oauth"),
        ("https://network.example/oauth/", "https://network.example/oauth"),
        ("https://network.example", "https://network.example"),
        ("https://network.example/", "https://network.example"),
        ("https://network.example/api/1/oauth", "https://network.example/api/1/oauth"),
    ],
)
def test_an_endpoint_keeps_its_path(network, endpoint, base):
    path = base.removeprefix(NETWORK_URL).removeprefix("/")
    prefix = f"{path}/" if path else ""
    network.answers(f"{prefix}request_token", body=urlencode(GIVEN))
    network.answers(f"{prefix}access_token", body=urlencode(GIVEN))
    provider = provider_at(endpoint)

    provider.temporary_credentials(CALLBACK)
    provider.access_credentials(TEMPORARY, "verifier")

    sent = [request.url for request in network.requests]
    assert sent == [f"{base}/request_token", f"{base}/access_token"]
    assert provider.authorization_url(TEMPORARY) == f"{base}/authorize?oauth_token=temporary"


@behaviour("oauth1.address")
@pytest.mark.parametrize("endpoint", [SHARE_URL, f"{SHARE_URL}/"])
@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "statuses"),
        ({"post_path": "statuses"}, "oauth/statuses"),
        ({"post_path": "/statuses"}, "statuses"),
        ({"post_path": "/api/2/statuses"}, "api/2/statuses"),
    ],
)
def test_a_post_path_with_a_slash_begins_at_the_root(network, endpoint, settings, path):
    network.answers(path, status=201)

    provider_at(endpoint, **settings).post(LASTING, "Hello")

    assert [request.url for request in network.requests] == [f"{NETWORK_URL}/{path}"]


@behaviour("share.authorize")
def test_temporary_credentials_as_they_go_over_the_wire(network, provider):
    network.gives_temporary()

    assert provider.temporary_credentials(CALLBACK) == TEMPORARY

    [request] = network.requests
    oauth = oauth_of(request)
    assert request.method == "POST"
    assert request.req_kwargs["timeout"] == 5
    assert oauth["oauth_consumer_key"] == "key of the shop"
    assert oauth["oauth_signature_method"] == "HMAC-SHA1"
    assert oauth["oauth_callback"] == CALLBACK
    assert "oauth_token" not in oauth
    assert oauth["oauth_signature"] == oauth_signature(request)


@behaviour("share.authorize")
def test_the_token_is_quoted_in_the_address_of_the_users_page(provider):
    page = provider.authorization_url(Credentials("a+b/c&d=é ", "secret", temporary=True))

    assert parse_qs(urlsplit(page).query) == {"oauth_token": ["a+b/c&d=é "]}


@behaviour("share.authorized")
def test_the_swap_as_it_goes_over_the_wire(network, provider):
    network.gives_lasting()

    assert provider.access_credentials(TEMPORARY, "a+b/c&d=é ") == LASTING

    [request] = network.requests
    oauth = oauth_of(request)
    assert (oauth["oauth_token"], oauth["oauth_verifier"]) == ("temporary", "a+b/c&d=é ")
    assert oauth["oauth_signature"] == oauth_signature(request, "temporary secret")
    assert request.req_kwargs["timeout"] == 5


@behaviour("share.post")
@pytest.mark.parametrize("text", ["Hello", "Søren & Søn: 100 % = 1+1?"])
def test_a_post_as_it_goes_over_the_wire(network, provider, text):
    network.takes_post()

    provider.post(LASTING, text)

    [request] = network.requests
    assert request.headers["Content-Type"] in (
        "application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded",
    )
    assert form_of(request) == {"status": text}
    assert oauth_of(request)["oauth_token"] == "lasting"
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request, "lasting secret")
    assert request.req_kwargs["timeout"] == 5


@behaviour("share.post")
def test_each_post_has_a_signature_of_its_own(network, provider):
    network.takes_post()

    provider.post(LASTING, "Hello")
    provider.post(LASTING, "Hello")

    first, second = (oauth_of(request)["oauth_nonce"] for request in network.requests)
    assert first != second


@behaviour("share.post")
def test_no_password_of_this_machine_replaces_the_signature(
    monkeypatch, network, provider, tmp_path
):
    passwords = tmp_path / "netrc"
    passwords.write_text("machine network.example login ada password secret\n")
    monkeypatch.setenv("NETRC", str(passwords))
    network.takes_post()

    provider.post(LASTING, "Hello")

    assert oauth_of(network.requests[0])["oauth_token"] == "lasting"


REFUSALS = [400, 401, 403, 404, 429, 499]
GIVEN = {
    "oauth_token": "token",
    "oauth_token_secret": "secret",
    "oauth_callback_confirmed": "true",
}
NO_ANSWERS = {
    "timeout": {"body": requests.ReadTimeout()},
    "no connection": {"body": requests.ConnectionError()},
    "broken off": {"body": requests.exceptions.ChunkedEncodingError()},
    "unexpected": {"body": RuntimeError("Unexpected.")},
    "error": {"status": 500, "body": "Sorry."},
    "elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "no address": {"status": 302, "headers": {"Location": "http://[nowhere/"}},
    "not modified": {"status": 304},
}
NO_CREDENTIALS = {
    **NO_ANSWERS,
    "error that looks right": {"status": 503, "body": urlencode(GIVEN)},
    "created": {"status": 201, "body": urlencode(GIVEN)},
    "empty": {"body": ""},
    "too long for a cookie": {"body": urlencode({**GIVEN, "oauth_token": "x" * 995})},
    "web page": {"body": "<h1>Welcome</h1>"},
    "JSON": {"body": '{"oauth_token": "token", "oauth_token_secret": "secret"}'},
    "no token": {"body": "oauth_token_secret=secret&oauth_callback_confirmed=true"},
    "no secret": {"body": "oauth_token=token&oauth_callback_confirmed=true"},
    "empty token": {"body": urlencode({**GIVEN, "oauth_token": ""})},
    "empty secret": {"body": urlencode({**GIVEN, "oauth_token_secret": ""})},
    "not UTF-8": {"body": urlencode(GIVEN).encode().replace(b"=token", b"=\xff")},
}


@behaviour("share.authorize.failed")
@pytest.mark.parametrize("confirmed", ["false", "True", "", None])
def test_a_callback_that_is_not_confirmed_is_no_clear_answer(network, provider, confirmed):
    facts = {**GIVEN, "oauth_callback_confirmed": confirmed}
    given = {name: value for name, value in facts.items() if value is not None}
    network.answers("oauth/request_token", body=urlencode(given))

    with pytest.raises(NetworkUnclear):
        provider.temporary_credentials(CALLBACK)


@behaviour("share.authorized")
def test_credentials_have_up_to_1000_letters_and_no_confirmation_is_needed(network, provider):
    given = {"oauth_token": "x" * 994, "oauth_token_secret": "secret"}
    network.answers("oauth/access_token", body=urlencode(given))

    lasting = provider.access_credentials(TEMPORARY, "verifier")

    assert lasting == Credentials("x" * 994, "secret", temporary=False)


def begin(provider):
    return provider.temporary_credentials(CALLBACK)


def swap(provider):
    return provider.access_credentials(TEMPORARY, "verifier")


STEPS = pytest.mark.parametrize(
    ("step", "path"),
    [
        pytest.param(begin, "oauth/request_token", marks=behaviour("share.authorize.failed")),
        pytest.param(swap, "oauth/access_token", marks=behaviour("share.callback.failed")),
    ],
)


@STEPS
@pytest.mark.parametrize("status", REFUSALS)
def test_a_status_of_400_to_499_is_a_refusal(network, provider, step, path, status):
    network.answers(path, status=status, body=urlencode(GIVEN))

    with pytest.raises(NetworkRefused):
        step(provider)


@STEPS
@pytest.mark.parametrize("answer", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_an_answer_without_credentials_is_no_clear_answer(network, provider, step, path, answer):
    network.answers(path, **answer)

    with pytest.raises(NetworkUnclear):
        step(provider)
    assert len(network.requests) == 1


@STEPS
def test_a_redirect_is_not_followed(network, provider, step, path):
    network.redirects(path, body=urlencode(GIVEN))

    with pytest.raises(NetworkUnclear):
        step(provider)
    assert len(network.requests) == 1


@behaviour("share.post")
@pytest.mark.parametrize("status", [200, 201])
def test_a_post_is_accepted_with_200_or_201(network, provider, status):
    network.takes_post(status)

    provider.post(LASTING, "Hello")


@behaviour("share.post.refused")
def test_a_401_means_that_the_connection_was_revoked(network, provider):
    network.takes_post(401)

    with pytest.raises(ConnectionRevoked):
        provider.post(LASTING, "Hello")


@behaviour("share.post.refused")
@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 499])
def test_another_status_of_400_to_499_refuses_the_post(network, provider, status):
    network.takes_post(status)

    with pytest.raises(PostRefused):
        provider.post(LASTING, "Hello")


@behaviour("share.post.unclear")
@pytest.mark.parametrize(
    "answer", [*NO_ANSWERS.values(), {"status": 202}, {"status": 204}], ids=str
)
def test_any_other_answer_to_a_post_is_no_clear_answer(network, provider, answer):
    network.answers("statuses", **answer)

    with pytest.raises(PostUnclear):
        provider.post(LASTING, "Hello")
    assert len(network.requests) == 1


@behaviour("share.post.unclear")
def test_a_post_is_not_sent_to_another_address(network, provider):
    network.redirects("statuses", status=201)

    with pytest.raises(PostUnclear):
        provider.post(LASTING, "Hello")
    assert len(network.requests) == 1


@behaviour("oauth1.outside")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_signer_signs_with_the_users_credentials(provider, method):
    address = f"{NETWORK_URL}/timeline"

    url, headers, _ = provider.signer(LASTING).sign(address, method)

    # Not bytes, which only one HTTP library takes.
    assert {type(text) for text in (url, *headers, *headers.values())} == {str}

    request = Request(method, url, headers=headers).prepare()
    assert oauth_of(request)["oauth_token"] == "lasting"
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request, "lasting secret")


@behaviour("oauth1.secrets")
def test_no_secret_is_in_a_repr(provider):
    shown = repr([provider, provider.signer(LASTING), LASTING, str(LASTING)])

    assert "lasting" in shown
    assert "lasting secret" not in shown
    assert SHARE_CLIENT_SECRET not in shown


@behaviour("oauth1.secrets")
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "body": "theirs"},
        {"status": 500, "body": "theirs"},
        {"body": requests.ConnectionError("No route.")},
    ],
    ids=str,
)
def test_the_log_has_the_address_that_failed_and_no_secret(caplog, network, provider, answer):
    caplog.set_level(logging.DEBUG, "after_service_layer")
    network.answers("statuses", **answer)

    with pytest.raises((ConnectionRevoked, PostUnclear)):
        provider.post(LASTING, "Hello")

    assert f"{NETWORK_URL}/statuses" in caplog.text
    signature = oauth_of(network.requests[0])["oauth_signature"]
    for secret in ("theirs", "lasting", SHARE_CLIENT_SECRET, signature, "Hello"):
        assert secret not in caplog.text


@behaviour("oauth1.secrets")
def test_what_goes_well_is_not_logged(caplog, network, provider):
    caplog.set_level(logging.DEBUG, "after_service_layer")
    network.gives_temporary()
    network.gives_lasting()
    network.takes_post()

    begin(provider)
    provider.post(swap(provider), "Hello")

    assert [line.message for line in caplog.records if "after" in line.name] == []
