"""Sharing: an account at the social network, and a post in its name."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from itsdangerous import URLSafeTimedSerializer

from tests.kit.helpers import (
    NETWORK_URL,
    SHARE_URL,
    form_of,
    oauth_of,
    oauth_signature,
    text_of,
)

TEXT = (
    "I am going to The Glass Orchestra at Harbour Hall, 2027-03-31 12:00 UTC."
    " http://localhost/events/the-glass-orchestra"
)
STRANGE = "This answer belongs to no connection that was begun here: begin again."
DENIED = "You did not allow the shop to post in your name."
REFUSED = "The network has refused: begin again."
UNCLEAR = "The network gives no clear answer: try again later."
POST_REFUSED = "The network has refused this post."
POST_UNCLEAR = "The network gives no clear answer: look there before you post again."
NO_LONGER = "The network no longer accepts the connection: connect your account again."

WORDS = "words of the network"
REFUSALS = [400, 401, 403, 404, 429]
NO_ANSWERS = {
    "timeout": {"body": requests.ReadTimeout()},
    "no connection": {"body": requests.ConnectionError()},
    "broken off": {"body": requests.exceptions.ChunkedEncodingError()},
    "error": {"status": 500, "body": WORDS},
    "elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "nowhere": {"status": 302, "headers": {"Location": "http://[nowhere/"}},
}
CREDENTIALS = {
    "oauth_token": "token",
    "oauth_token_secret": "secret",
    "oauth_callback_confirmed": "true",
}
NO_CREDENTIALS = {
    **NO_ANSWERS,
    "error that looks right": {"status": 503, "body": urlencode(CREDENTIALS)},
    "web page": {"body": f"<h1>{WORDS}</h1>"},
    "JSON": {"json": CREDENTIALS},
    "empty": {"body": ""},
    "no token": {"body": "oauth_token_secret=secret&oauth_callback_confirmed=true"},
    "no secret": {"body": "oauth_token=token&oauth_callback_confirmed=true"},
    "empty token": {"body": urlencode({**CREDENTIALS, "oauth_token": ""})},
    "empty secret": {"body": urlencode({**CREDENTIALS, "oauth_token_secret": ""})},
    "too long for a cookie": {"body": urlencode({**CREDENTIALS, "oauth_token": "x" * 995})},
    "not UTF-8": {"body": urlencode(CREDENTIALS).encode().replace(b"=token", b"=\xff")},
}
ELSEWHERE = [
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "/\\elsewhere.example/",
    "/\t/elsewhere.example/",
    "elsewhere.example",
    "",
    # A cookie has to hold it.
    f"/{'x' * 500}",
]


@pytest.fixture
def order(add_event, add_order):
    return add_order(add_event())


@pytest.fixture
def address(order):
    """The address of the page where the order is shared."""
    return f"/share/{order.reference}/{order.secret}"


@pytest.fixture
def is_connected(address, client):
    """Return a function that reads on a visitor's share page whether an account is connected."""
    return lambda visitor=client: 'action="/share/disconnect"' in visitor.get(address).text


@pytest.fixture
def cookie(client):
    """Return a function that reads the visitor's cookie without the key."""

    def cookie():
        _, facts = URLSafeTimedSerializer("no key").loads_unsafe(
            client.get_cookie("session").value
        )
        return str(facts)

    return cookie


@pytest.mark.behaviour("share.page")
def test_the_page_shows_what_will_be_posted(address, client):
    page = client.get(address)

    assert page.status_code == 200
    assert TEXT in text_of(page)


@pytest.mark.behaviour("share.page")
def test_a_visitor_who_is_not_connected_is_led_to_the_network_and_back(address, client):
    page = client.get(address)

    assert f'href="/share/authorize?next={address}"' in page.text
    assert 'method="post"' not in page.text


@pytest.mark.behaviour("share.page")
def test_a_visitor_who_is_connected_can_post_and_disconnect(address, client, connect):
    connect()

    page = client.get(address)

    assert f'action="{address}"' in page.text
    assert 'action="/share/disconnect"' in page.text
    assert "/share/authorize" not in page.text


@pytest.mark.behaviour("share.unknown_order")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "wrong", ["A0001/secret-2", "A0001/SECRET-1", "A0001/sécret-1", "A0002/secret-1"]
)
def test_a_wrong_reference_or_secret_is_not_found(client, method, order, wrong):
    answer = client.open(f"/share/{wrong}", method=method)

    assert answer.status_code == 404
    assert "There is no such order." in text_of(answer)


@pytest.mark.behaviour("share.not_paid")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", ["pending", "declined", "expired", "cancelled"])
def test_an_order_that_is_not_paid_is_not_shared(add_event, add_order, client, method, status):
    order = add_order(add_event(), status)

    answer = client.open(f"/share/{order.reference}/{order.secret}", method=method)

    assert answer.status_code == 409
    assert f"Only a paid order can be shared; this one is {status}." in text_of(answer)


@pytest.mark.behaviour("share.authorize")
def test_to_connect_the_visitor_is_sent_to_the_network(begin):
    answer = begin()

    assert answer.status_code == 303
    assert answer.location == "https://network.example/oauth/authorize?oauth_token=temporary"


@pytest.mark.behaviour("share.authorize")
def test_the_token_arrives_there_as_it_was_given(begin):
    answer = begin(oauth_token="a+b/c&d=é ")

    assert parse_qs(urlsplit(answer.location).query) == {"oauth_token": ["a+b/c&d=é "]}


@pytest.mark.behaviour("share.authorize")
def test_temporary_credentials_are_asked_for_by_post_below_the_path(begin, network):
    begin()

    [request] = network.requests
    assert request.method == "POST"
    assert request.url == "https://network.example/oauth/request_token"


@pytest.mark.behaviour("share.authorize")
def test_a_slash_at_the_end_of_share_url_changes_nothing(begin, create_app, network):
    settings = {"SECRET_KEY": "any", "SQLALCHEMY_DATABASE_URI": "sqlite://"}

    answer = begin(create_app({**settings, "SHARE_URL": f"{SHARE_URL}/"}).test_client())

    assert network.requests[0].url == "https://network.example/oauth/request_token"
    assert answer.location == "https://network.example/oauth/authorize?oauth_token=temporary"


@pytest.mark.behaviour("share.authorize")
def test_the_network_learns_who_asks_and_where_the_visitor_is_to_come_back(begin, network):
    begin()

    said = oauth_of(network.requests[0])
    assert said["oauth_consumer_key"] == "key of the shop at the network"
    assert said["oauth_callback"] == "http://localhost/share/authorized"
    assert said["oauth_signature_method"] == "HMAC-SHA1"
    assert "oauth_token" not in said


@pytest.mark.behaviour("share.authorize")
def test_the_question_is_signed_with_the_secret_of_the_shop(begin, network):
    begin()

    [request] = network.requests
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request)


@pytest.mark.behaviour("share.authorize")
def test_no_two_questions_are_the_same(begin, network):
    begin()
    begin()

    first, second = (oauth_of(request)["oauth_nonce"] for request in network.requests)
    assert first != second


@pytest.mark.behaviour("share.authorize")
def test_the_network_is_given_five_seconds(begin, network):
    begin()

    assert network.requests[0].req_kwargs["timeout"] == 5


@pytest.mark.behaviour("share.authorize.failed")
@pytest.mark.parametrize("status", REFUSALS)
def test_a_network_that_refuses_to_connect_is_a_403(client, network, status):
    network.answers("oauth/request_token", status=status, body=WORDS)

    answer = client.get("/share/authorize")

    assert answer.status_code == 403
    assert REFUSED in text_of(answer)
    assert WORDS not in text_of(answer)


@pytest.mark.behaviour("share.authorize.failed")
@pytest.mark.parametrize("unclear", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_without_a_clear_answer_the_visitor_is_not_sent_to_the_network(client, network, unclear):
    network.answers("oauth/request_token", **unclear)

    answer = client.get("/share/authorize")

    assert answer.status_code == 502
    assert UNCLEAR in text_of(answer)
    assert WORDS not in text_of(answer)
    assert len(network.requests) == 1


@pytest.mark.behaviour("share.authorize.failed")
@pytest.mark.parametrize("confirmed", ["false", "", None])
def test_a_network_that_did_not_take_the_callback_gives_no_clear_answer(
    client, network, confirmed
):
    facts = {**CREDENTIALS, "oauth_callback_confirmed": confirmed}
    said = {name: value for name, value in facts.items() if value is not None}
    network.answers("oauth/request_token", body=urlencode(said))

    answer = client.get("/share/authorize")

    assert answer.status_code == 502
    assert UNCLEAR in text_of(answer)


@pytest.mark.behaviour("share.authorize.failed")
@pytest.mark.parametrize("status", [401, 500])
def test_what_was_begun_before_is_dropped(begin, client, come_back, network, status):
    begin()
    network.answers("oauth/request_token", status=status)

    client.get("/share/authorize")

    assert come_back().status_code == 400


@pytest.mark.behaviour("share.authorized")
def test_a_visitor_who_allows_it_comes_back_connected(connect, client, is_connected):
    answer = connect()

    assert answer.status_code == 303
    assert answer.location == "/"
    assert "Your account is connected." in text_of(client.get("/"))
    assert is_connected()


@pytest.mark.behaviour("share.authorized")
def test_the_verifier_is_swapped_for_lasting_credentials(come_back, begin, network):
    begin()
    network.gives_lasting()

    come_back(oauth_verifier="a+b/c&d=é ")

    _, request = network.requests
    assert request.method == "POST"
    assert request.url == "https://network.example/oauth/access_token"
    assert oauth_of(request)["oauth_token"] == "temporary"
    assert oauth_of(request)["oauth_verifier"] == "a+b/c&d=é "


@pytest.mark.behaviour("share.authorized")
def test_the_swap_is_signed_with_the_temporary_secret(connect, network):
    connect()

    _, request = network.requests
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request, "temporary secret")


@pytest.mark.behaviour("share.next")
def test_the_visitor_lands_where_they_set_out(address, begin, come_back, network):
    begin(address=f"/share/authorize?next={address}")
    network.gives_lasting()

    assert come_back().location == address


@pytest.mark.behaviour("share.next")
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_connecting_does_not_lead_to_another_site(begin, come_back, network, elsewhere):
    begin(address=f"/share/authorize?{urlencode({'next': elsewhere})}")
    network.gives_lasting()

    assert come_back().location == "/"


@pytest.mark.behaviour("share.next")
def test_where_an_earlier_try_led_is_forgotten(begin, come_back, network):
    begin(address="/share/authorize?next=/about")
    begin()
    network.gives_lasting()

    assert come_back().location == "/"


@pytest.mark.behaviour("share.callback.strange")
def test_a_callback_without_a_connection_being_made_is_refused(come_back, network):
    answer = come_back()

    assert answer.status_code == 400
    assert STRANGE in text_of(answer)
    assert network.requests == []


@pytest.mark.behaviour("share.callback.strange")
@pytest.mark.parametrize("token", ["another", "é", "", None])
@pytest.mark.parametrize("verifier", ["verifier", None])
def test_a_callback_with_another_token_leaves_the_connection_to_be_made(
    begin, come_back, is_connected, network, token, verifier
):
    begin()

    answer = come_back(oauth_token=token, oauth_verifier=verifier)

    assert answer.status_code == 400
    assert STRANGE in text_of(answer)
    network.gives_lasting()
    come_back()
    assert is_connected()


@pytest.mark.behaviour("share.callback.strange")
def test_a_callback_that_comes_again_is_refused_and_the_account_stays_connected(
    connect, come_back, is_connected, network
):
    connect()

    answer = come_back()

    assert answer.status_code == 400
    assert STRANGE in text_of(answer)
    assert is_connected()


@pytest.mark.behaviour("share.callback.strange")
def test_the_token_of_the_connection_itself_is_no_callback(connect, come_back, is_connected):
    connect()

    assert come_back(oauth_token="lasting").status_code == 400
    assert is_connected()


@pytest.mark.behaviour("share.callback.strange")
def test_after_beginning_again_a_callback_with_the_first_token_is_refused(
    begin, come_back, network
):
    begin(oauth_token="first")
    begin(oauth_token="second")

    assert come_back(oauth_token="first").status_code == 400
    network.gives_lasting()
    assert come_back(oauth_token="second").status_code == 303


@pytest.mark.behaviour("share.callback.denied")
@pytest.mark.parametrize("verifier", [None, ""])
def test_a_visitor_who_does_not_allow_it_gets_a_page_that_says_so(
    begin, come_back, is_connected, verifier
):
    begin()

    answer = come_back(oauth_verifier=verifier, oauth_problem="user_refused")

    assert answer.status_code == 403
    assert DENIED in text_of(answer)
    assert not is_connected()


@pytest.mark.behaviour("share.callback.denied")
def test_a_visitor_who_did_not_allow_it_gets_a_link_back(begin, come_back):
    begin(address="/share/authorize?next=/share/ABCDE/secret-1")

    page = come_back(oauth_verifier=None)

    assert '<a href="/share/ABCDE/secret-1">Back to where you began</a>' in page.text


@pytest.mark.behaviour("share.callback.denied")
def test_a_visitor_who_did_not_allow_it_has_to_begin_again(begin, come_back, network):
    begin()
    come_back(oauth_verifier=None)

    assert come_back().status_code == 400
    assert len(network.requests) == 1


@pytest.mark.behaviour("share.callback.failed")
@pytest.mark.parametrize("status", REFUSALS)
def test_a_network_that_refuses_the_swap_is_a_403(begin, come_back, network, status):
    begin()
    network.answers("oauth/access_token", status=status, body=WORDS)

    answer = come_back()

    assert answer.status_code == 403
    assert REFUSED in text_of(answer)
    assert WORDS not in text_of(answer)


@pytest.mark.behaviour("share.callback.failed")
@pytest.mark.parametrize("unclear", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_without_a_clear_answer_no_account_is_connected(
    begin, come_back, is_connected, network, unclear
):
    begin()
    network.answers("oauth/access_token", **unclear)

    answer = come_back()

    assert answer.status_code == 502
    assert UNCLEAR in text_of(answer)
    assert WORDS not in text_of(answer)
    assert not is_connected()


@pytest.mark.behaviour("share.callback.failed")
def test_the_network_is_not_followed_elsewhere(begin, come_back, is_connected, network):
    begin()
    network.redirects("oauth/access_token", body=urlencode(CREDENTIALS))

    assert come_back().status_code == 502
    assert not is_connected()
    assert len(network.requests) == 2


@pytest.mark.behaviour("share.authorized")
def test_credentials_of_1000_letters_are_kept(begin, come_back, is_connected, network):
    begin()
    longest = {**CREDENTIALS, "oauth_token": "x" * 994}
    network.answers("oauth/access_token", body=urlencode(longest))

    assert come_back().status_code == 303
    assert is_connected()


@pytest.mark.behaviour("share.callback.failed")
@pytest.mark.parametrize("status", [401, 500])
def test_after_a_swap_that_failed_the_visitor_has_to_begin_again(
    begin, come_back, network, status
):
    begin()
    network.answers("oauth/access_token", status=status)
    come_back()

    assert come_back().status_code == 400
    assert len(network.requests) == 2


@pytest.mark.behaviour("share.post")
@pytest.mark.parametrize("status", [200, 201])
def test_a_post_is_sent_and_leads_back_to_the_page(address, client, connect, network, status):
    connect()
    network.takes_post(status)

    answer = client.post(address)

    assert answer.status_code == 303
    assert answer.location == address
    assert "Your post is out." in text_of(client.get(address))


@pytest.mark.behaviour("share.post")
def test_the_text_that_was_shown_is_what_is_posted(address, client, connect, network):
    connect()
    network.takes_post()

    client.post(address, data={"status": "another text"})

    request = network.requests[-1]
    assert request.method == "POST"
    assert request.url == "https://network.example/statuses"
    assert form_of(request) == {"status": TEXT}


@pytest.mark.behaviour("share.post")
@pytest.mark.parametrize("title", ["The Glass Orchestra", "Søren & Søn: 100 % = 1+1?"])
def test_a_post_is_signed_with_the_secret_of_the_account(
    add_event, add_order, client, connect, network, title
):
    order = add_order(add_event(title))
    connect()
    network.takes_post()

    client.post(f"/share/{order.reference}/{order.secret}")

    request = network.requests[-1]
    assert oauth_of(request)["oauth_token"] == "lasting"
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request, "lasting secret")
    assert form_of(request)["status"].startswith(f"I am going to {title} at")


@pytest.mark.behaviour("share.post.not_connected")
def test_without_a_connection_nothing_is_posted(address, client, network):
    answer = client.post(address)

    assert answer.status_code == 409
    assert "Connect your account first." in text_of(answer)
    assert f'href="/share/authorize?next={address}"' in answer.text
    assert network.requests == []


@pytest.mark.behaviour("share.post.not_connected")
def test_temporary_credentials_are_not_enough_to_post(address, begin, client, network):
    begin()

    assert client.post(address).status_code == 409
    assert len(network.requests) == 1


@pytest.mark.behaviour("share.post.refused")
@pytest.mark.parametrize("status", [400, 403, 404, 422, 429])
def test_a_post_that_is_refused_leaves_the_account_connected(
    address, client, connect, is_connected, network, status
):
    connect()
    network.answers("statuses", status=status, body=WORDS)

    answer = client.post(address)

    assert answer.status_code == 403
    assert POST_REFUSED in text_of(answer)
    assert TEXT in text_of(answer)
    assert WORDS not in text_of(answer)
    assert is_connected()


@pytest.mark.behaviour("share.post.refused")
def test_credentials_that_are_refused_are_forgotten(
    address, client, connect, is_connected, network
):
    connect()
    network.answers("statuses", status=401, body=WORDS)

    answer = client.post(address)

    assert answer.status_code == 403
    assert NO_LONGER in text_of(answer)
    assert f'href="/share/authorize?next={address}"' in answer.text
    assert not is_connected()


@pytest.mark.behaviour("share.post")
def test_the_database_is_let_go_while_the_network_is_asked(address, client, connect, db, network):
    connect()
    in_transaction = []

    def answer(request):
        in_transaction.append(db.session().in_transaction())
        return 201, {}, ""

    network.transport.add_callback("POST", f"{NETWORK_URL}/statuses", answer)

    assert client.post(address).status_code == 303
    assert in_transaction == [False]


@pytest.mark.behaviour("share.post.unclear")
@pytest.mark.parametrize("unclear", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_post_that_may_be_out_is_not_sent_again(
    address, client, connect, is_connected, network, unclear
):
    connect()
    network.answers("statuses", **unclear)

    answer = client.post(address)

    assert answer.status_code == 502
    assert POST_UNCLEAR in text_of(answer)
    assert TEXT in text_of(answer)
    assert [request.url for request in network.requests[2:]] == [f"{NETWORK_URL}/statuses"]
    assert is_connected()


@pytest.mark.behaviour("share.disconnect")
def test_after_disconnecting_the_account_is_no_longer_connected(
    address, client, connect, is_connected
):
    connect()

    answer = client.post("/share/disconnect", data={"next": address})

    assert answer.status_code == 303
    assert answer.location == address
    assert "Your account is disconnected." in text_of(client.get(address))
    assert not is_connected()


@pytest.mark.behaviour("share.disconnect")
def test_nothing_can_be_posted_afterwards(address, client, connect):
    connect()
    client.post("/share/disconnect")

    assert client.post(address).status_code == 409


@pytest.mark.behaviour("share.disconnect")
def test_without_a_connection_there_is_nothing_to_forget(client):
    assert client.post("/share/disconnect").status_code == 303


@pytest.mark.behaviour("share.disconnect")
def test_an_organiser_who_disconnects_is_still_logged_in(connect, organiser_client):
    connect()
    organiser_client.post("/share/disconnect")

    assert organiser_client.get("/organiser").status_code == 200


@pytest.mark.behaviour("share.next")
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_disconnecting_does_not_lead_to_another_site(client, elsewhere):
    answer = client.post("/share/disconnect", data={"next": elsewhere})

    assert answer.location == "/"


@pytest.mark.behaviour("share.visitors")
def test_what_one_visitor_connects_is_not_connected_for_another(app, connect, is_connected):
    ada, bruno = app.test_client(), app.test_client()

    connect(ada)

    assert (is_connected(ada), is_connected(bruno)) == (True, False)


@pytest.mark.behaviour("share.visitors")
def test_nor_is_it_within_one_application_context(app, connect, is_connected):
    with app.app_context():
        ada, bruno = app.test_client(), app.test_client()

        connect(ada)

        assert (is_connected(ada), is_connected(bruno)) == (True, False)


@pytest.mark.behaviour("share.visitors")
def test_two_visitors_connect_at_once_and_each_posts_as_themselves(
    address, app, begin, come_back, network
):
    with app.app_context():
        visitors = {name: app.test_client() for name in ("ada", "bruno")}
        for name, visitor in visitors.items():
            begin(visitor, oauth_token=f"temporary-{name}")
        for name, visitor in visitors.items():
            network.gives_lasting(oauth_token=f"lasting-{name}")
            come_back(visitor, oauth_token=f"temporary-{name}")
        for visitor in visitors.values():
            network.takes_post()
            visitor.post(address)

    posts = [oauth_of(request)["oauth_token"] for request in network.requests[4:]]
    assert posts == ["lasting-ada", "lasting-bruno"]


@pytest.mark.behaviour("share.visitors")
def test_a_callback_of_one_visitor_is_refused_for_another(app, begin, come_back, is_connected):
    ada, bruno = app.test_client(), app.test_client()
    begin(ada)

    assert come_back(bruno).status_code == 400
    assert not is_connected(bruno)


@pytest.mark.behaviour("share.visitors")
def test_disconnecting_one_visitor_leaves_others_connected(app, connect, is_connected):
    with app.app_context():
        ada, bruno = app.test_client(), app.test_client()
        connect(ada)
        connect(bruno)

        ada.post("/share/disconnect")

        assert (is_connected(ada), is_connected(bruno)) == (False, True)


@pytest.mark.behaviour("share.cookie")
def test_the_temporary_secret_cannot_be_read_in_the_cookie(begin, cookie):
    begin(address="/share/authorize?next=/about")

    assert "/about" in cookie()
    assert "temporary secret" not in cookie()


@pytest.mark.behaviour("share.cookie")
def test_nor_can_the_lasting_one(connect, cookie):
    connect()

    assert "Your account is connected." in cookie()
    assert "lasting secret" not in cookie()


@pytest.mark.behaviour("share.cookie")
def test_under_a_new_secret_key_the_account_has_to_be_connected_again(
    address, app, client, connect, monkeypatch
):
    connect()
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
    monkeypatch.setitem(app.config, "SECRET_KEY", "a new one")

    page = client.get(address)

    # Flask still reads the session, by its old key; the credentials in it cannot be read any more.
    assert "Your account is connected." in text_of(page)
    assert f'href="/share/authorize?next={address}"' in page.text
