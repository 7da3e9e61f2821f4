"""Sharing: what the page shows, what reaches the service, and where each step leads."""

import pytest

from after_service_layer.services.oauth1 import OAuth1Service
from after_service_layer.wiring import override
from tests.kit.helpers import text_of

TEXT = (
    "I am going to The Glass Orchestra at Harbour Hall, 2027-03-31 12:00 UTC."
    " http://localhost/events/the-glass-orchestra"
)


class StubOAuth1:
    """Keeps each call; no account is connected, unless a test sets it."""

    def __init__(self):
        self.authorized = False
        self.calls = []

    def authorization_url(self, callback):
        self.calls.append(("begin", callback))
        return "https://network.example/ask?a=1"

    def verify(self, verifier, *, token):
        self.calls.append(("verify", verifier, token))

    def post(self, text):
        self.calls.append(("post", text))

    def forget(self):
        self.calls.append(("forget",))


@pytest.fixture
def account():
    stub = StubOAuth1()
    with override(OAuth1Service, stub):
        yield stub


@pytest.fixture
def address(add_event, add_order):
    """The address of the page where a paid order is shared."""
    order = add_order(add_event())
    return f"/share/{order.reference}/{order.secret}"


@pytest.mark.behaviour("share.page")
def test_the_page_shows_what_will_be_posted(account, address, client):
    page = client.get(address)

    assert page.status_code == 200
    assert TEXT in text_of(page)
    assert account.calls == []


@pytest.mark.behaviour("share.page")
def test_without_an_account_the_page_leads_to_the_network_and_back(account, address, client):
    page = client.get(address)

    assert f'href="/share/authorize?next={address}"' in page.text
    assert 'method="post"' not in page.text


@pytest.mark.behaviour("share.page")
def test_with_an_account_the_page_has_the_forms_to_post_and_disconnect(account, address, client):
    account.authorized = True

    page = client.get(address)

    assert f'action="{address}"' in page.text
    assert 'action="/share/disconnect"' in page.text
    assert "/share/authorize" not in page.text


@pytest.mark.behaviour("share.authorize")
def test_the_first_step_leads_to_the_page_that_the_service_names(account, client):
    answer = client.get("/share/authorize")

    assert account.calls == [("begin", "http://localhost/share/authorized")]
    assert (answer.status_code, answer.location) == (303, "https://network.example/ask?a=1")


@pytest.mark.behaviour("share.authorized")
def test_the_second_step_gives_verifier_and_token_to_the_service(account, client, come_back):
    answer = come_back(oauth_token="t+1", oauth_verifier="v/1")

    assert account.calls == [("verify", "v/1", "t+1")]
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Your account is connected." in text_of(client.get("/"))


@pytest.mark.behaviour("share.callback.strange")
@pytest.mark.behaviour("share.callback.denied")
def test_a_missing_part_of_the_callback_is_an_empty_text(account, client):
    client.get("/share/authorized")

    # Not None, which would mean that there is no token to be compared with.
    assert account.calls == [("verify", "", "")]


@pytest.mark.behaviour("share.next")
def test_the_callback_leads_to_the_page_where_the_user_began(account, client, come_back):
    client.get("/share/authorize?next=/about")

    assert come_back().location == "/about"
    assert come_back().location == "/"


@pytest.mark.behaviour("share.next")
def test_next_never_leads_to_another_site(account, client, come_back):
    elsewhere = "https://elsewhere.example/"
    client.get("/share/authorize", query_string={"next": elsewhere})

    assert come_back().location == "/"
    assert client.post("/share/disconnect", data={"next": elsewhere}).location == "/"


@pytest.mark.behaviour("share.post")
def test_the_text_that_was_shown_is_what_is_posted(account, address, client):
    answer = client.post(address, data={"status": "another text"})

    assert account.calls == [("post", TEXT)]
    assert (answer.status_code, answer.location) == (303, address)
    assert "Your post is out." in text_of(client.get(address))


@pytest.mark.behaviour("share.disconnect")
def test_to_disconnect_forgets_the_account(account, address, client):
    answer = client.post("/share/disconnect", data={"next": address})

    assert account.calls == [("forget",)]
    assert (answer.status_code, answer.location) == (303, address)
    assert "Your account is disconnected." in text_of(client.get(address))


@pytest.mark.behaviour("share.disconnect")
def test_an_organiser_who_disconnects_is_still_logged_in(account, organiser_client):
    organiser_client.post("/share/disconnect")

    assert organiser_client.get("/organiser").status_code == 200
