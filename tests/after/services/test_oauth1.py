"""Connecting an account over OAuth 1: what is accepted, what is kept, what is dropped."""

import pytest

from after_service_layer.services.errors import (
    ConnectionRevoked,
    InvalidCallback,
    NetworkRefused,
    NetworkUnclear,
    NotAllowed,
    NotConnected,
    PostRefused,
    PostUnclear,
)
from after_service_layer.services.oauth1 import OAuth1Service
from tests.after.services.fakes import FakeCredentials, FakeProvider

behaviour = pytest.mark.behaviour


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def credentials():
    return FakeCredentials()


@pytest.fixture
def service(provider, credentials):
    return OAuth1Service(provider=provider, credentials=credentials)


@pytest.fixture
def begin(service, provider):
    """Return a function that begins a connection which the user allows.

    It returns the token and the verifier that the user comes back with.
    """

    def begin():
        page = service.authorization_url("https://shop.example/back")
        return page.rpartition("=")[2], provider.allow(page)

    return begin


@pytest.fixture
def connect(service, begin):
    """Return a function that connects the user's account, from the first step to the last."""

    def connect():
        token, verifier = begin()
        service.verify(verifier, token=token)

    return connect


@behaviour("share.authorize")
def test_to_begin_leads_to_the_page_of_the_provider(credentials, provider, service):
    page = service.authorization_url("https://shop.example/back")

    assert page == provider.authorization_url(credentials.kept)
    assert provider.callbacks == ["https://shop.example/back"]
    assert credentials.kept.temporary
    assert not service.authorized


@behaviour("oauth1.outside")
def test_without_a_callback_the_user_types_the_verifier(provider, service):
    verifier = provider.allow(service.authorization_url())

    service.verify(verifier)

    assert provider.callbacks == ["oob"]
    assert service.authorized


@behaviour("share.authorize.failed")
def test_a_beginning_that_fails_drops_what_was_kept(connect, credentials, provider, service):
    connect()
    provider.is_down = True

    with pytest.raises(NetworkUnclear):
        service.authorization_url()

    assert credentials.kept is None


@behaviour("share.authorized")
def test_the_verifier_is_swapped_for_lasting_credentials(begin, credentials, service):
    token, verifier = begin()

    service.verify(verifier, token=token)

    assert not credentials.kept.temporary
    assert service.authorized


@behaviour("share.callback.strange")
@pytest.mark.parametrize("verifier", ["verifier", ""])
@pytest.mark.parametrize("token", ["another", "Temporary-1", "temporary-1 ", "é", ""])
def test_another_token_than_was_given_is_refused_and_changes_nothing(
    begin, credentials, service, token, verifier
):
    begin()
    before = credentials.kept

    with pytest.raises(InvalidCallback) as error:
        service.verify(verifier, token=token)

    assert error.value.code == "network_invalid_callback"
    assert credentials.kept == before


@behaviour("share.callback.strange")
@pytest.mark.parametrize("token", ["temporary-1", "", None])
def test_a_callback_without_a_beginning_is_refused(credentials, service, token):
    with pytest.raises(InvalidCallback):
        service.verify("verifier", token=token)

    assert credentials.kept is None


@behaviour("share.callback.strange")
@pytest.mark.parametrize("with_token", [True, False])
def test_a_callback_that_comes_again_is_refused(begin, service, with_token):
    token, verifier = begin()
    service.verify(verifier, token=token)

    with pytest.raises(InvalidCallback):
        service.verify(verifier, token=token if with_token else None)

    assert service.authorized


@behaviour("share.callback.strange")
def test_after_two_beginnings_only_the_second_token_is_accepted(begin, service):
    first_token, first_verifier = begin()
    token, verifier = begin()

    with pytest.raises(InvalidCallback):
        service.verify(first_verifier, token=first_token)
    service.verify(verifier, token=token)

    assert service.authorized


@behaviour("share.callback.denied")
def test_an_empty_verifier_means_that_the_user_did_not_allow_it(begin, credentials, service):
    token, _ = begin()

    with pytest.raises(NotAllowed) as error:
        service.verify("", token=token)

    assert error.value.code == "network_not_allowed"
    assert credentials.kept is None


@behaviour("share.callback.failed")
def test_a_wrong_verifier_drops_the_temporary_credentials(begin, credentials, service):
    token, _ = begin()

    with pytest.raises(NetworkRefused):
        service.verify("another", token=token)

    assert credentials.kept is None


@behaviour("share.callback.failed")
def test_a_verifier_that_is_used_again_is_refused(begin, credentials, service):
    token, verifier = begin()
    temporary = credentials.kept
    service.verify(verifier, token=token)
    # As an older copy of the cookie has it.
    credentials.keep(temporary)

    with pytest.raises(NetworkRefused):
        service.verify(verifier, token=token)

    assert credentials.kept is None


@behaviour("share.callback.failed")
def test_a_swap_without_a_clear_answer_drops_the_temporary_credentials(
    begin, credentials, provider, service
):
    token, verifier = begin()
    provider.is_down = True

    with pytest.raises(NetworkUnclear):
        service.verify(verifier, token=token)

    assert credentials.kept is None


@behaviour("share.post")
def test_a_connected_account_posts_a_text(connect, provider, service):
    connect()

    service.post("Søren & Søn: 100 % = 1+1?")

    assert provider.posts == ["Søren & Søn: 100 % = 1+1?"]
    assert service.authorized


@behaviour("share.post.not_connected")
@pytest.mark.parametrize("has_begun", [True, False])
def test_without_a_connection_there_is_no_post_and_no_signer(
    begin, credentials, provider, service, has_begun
):
    if has_begun:
        begin()
    before = credentials.kept

    with pytest.raises(NotConnected) as error:
        service.post("Hello")
    with pytest.raises(NotConnected):
        _ = service.signer

    assert error.value.code == "network_not_connected"
    assert provider.posts == []
    assert credentials.kept == before


@behaviour("share.post.refused")
def test_credentials_that_are_revoked_are_forgotten(connect, credentials, provider, service):
    connect()
    provider.revoke(credentials.kept)

    with pytest.raises(ConnectionRevoked) as error:
        service.post("Hello")

    assert error.value.code == "network_connection_revoked"
    assert credentials.kept is None


@behaviour("share.post.refused")
def test_a_post_that_is_refused_leaves_the_user_connected(connect, provider, service):
    connect()

    with pytest.raises(PostRefused):
        service.post("x" * 501)

    assert provider.posts == []
    assert service.authorized


@behaviour("share.post.unclear")
def test_a_post_without_a_clear_answer_leaves_the_user_connected(connect, provider, service):
    connect()
    provider.is_down = True

    with pytest.raises(PostUnclear):
        service.post("Hello")

    assert service.authorized


@behaviour("share.disconnect")
@pytest.mark.parametrize("step", ["nothing", "begun", "connected"])
def test_to_forget_drops_the_credentials(begin, connect, credentials, service, step):
    {"nothing": lambda: None, "begun": begin, "connected": connect}[step]()

    service.forget()

    assert credentials.kept is None
    assert not service.authorized


@behaviour("oauth1.outside")
def test_the_signer_signs_in_the_name_of_the_user(connect, credentials, service):
    connect()

    _, headers, _ = service.signer.sign("https://network.example/timeline", "GET")

    assert credentials.kept.token in headers["Authorization"]
