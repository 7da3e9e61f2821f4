"""The sandbox network: a whole OAuth 1 exchange over real HTTP, and every way to be refused."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth1Session
from oauthlib.oauth1.rfc5849.signature import verify_hmac_sha1
from requests_oauthlib import OAuth1

from workbench.sandbox.credentials import Network
from workbench.sandbox.server import HOST, listen
from workbench.sandbox.social import LONGEST_NAME, LONGEST_POST, Social, running_social

KEY, SECRET = "the-box-office", "what the box office signs with"
CALLBACK = "http://127.0.0.1:5001/share/authorized?from=network"
FORM = "application/x-www-form-urlencoded"
TOKEN_REQUESTS = ["/oauth/request_token", "/oauth/access_token"]


@dataclass
class Credentials:
    """A token with its secret, temporary or for access."""

    token: str
    secret: str
    verifier: str | None = None

    def sign(self, **options: Any) -> OAuth1:
        """Return what signs a request, rightly unless the options say otherwise."""
        right = {
            "client_secret": SECRET,
            "resource_owner_key": self.token,
            "resource_owner_secret": self.secret,
            "verifier": self.verifier,
        }
        return OAuth1(KEY, **{**right, **options})


class Application:
    """Speaks to the network as a shop does, and as the person who uses it."""

    def __init__(self, network: Social) -> None:
        self.url = network.url

    def post(self, path: str, **how: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=5, allow_redirects=False, **how)

    def request_token(self, callback: str | None = CALLBACK, **options: Any) -> requests.Response:
        signer = OAuth1(KEY, **{"client_secret": SECRET, "callback_uri": callback, **options})
        return self.post("/oauth/request_token", auth=signer)

    def ask(self) -> Credentials:
        return credentials_in(self.request_token())

    def see(self, token: str) -> requests.Response:
        return requests.get(f"{self.url}/oauth/authorize", {"oauth_token": token}, timeout=5)

    def answer(self, token: str, answer: str, name: str = "ada", **how: Any) -> requests.Response:
        fields = {"oauth_token": token, "answer": answer, "name": name}
        return self.post("/oauth/authorize", data=fields, **how)

    def allowed(self, name: str = "ada") -> Credentials:
        """Return temporary credentials that the person has allowed."""
        asked = self.ask()
        (verifier,) = query_of(self.answer(asked.token, "allow", name))["oauth_verifier"]
        return Credentials(asked.token, asked.secret, verifier)

    def swap(self, temporary: Credentials, **options: Any) -> requests.Response:
        return self.post("/oauth/access_token", auth=temporary.sign(**options))

    def connect(self, name: str = "ada") -> Credentials:
        return credentials_in(self.swap(self.allowed(name)))

    def say(self, access: Credentials, status: str, **options: Any) -> requests.Response:
        return self.post("/statuses", auth=access.sign(**options), data={"status": status})

    def page(self) -> str:
        return requests.get(self.url, timeout=5).text


def credentials_in(answer: requests.Response) -> Credentials:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FORM)
    fields = dict(parse_qsl(answer.text))
    return Credentials(fields["oauth_token"], fields["oauth_token_secret"])


def query_of(answer: requests.Response) -> dict[str, list[str]]:
    """Return the parameters that the browser takes along to the application."""
    assert answer.status_code == 303, answer.text
    there, _, query = answer.headers["Location"].partition("?")
    assert there == CALLBACK.partition("?")[0]
    return parse_qs(query)


def assert_refused(answer: requests.Response) -> None:
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("OAuth ")
    assert answer.text.startswith("Refused: ") and answer.text.count("\n") == 1


@pytest.fixture(scope="module")
def network() -> Iterator[Social]:
    with running_social(client_key=KEY, client_secret=SECRET) as running:
        yield running


@pytest.fixture
def shop(network: Social, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setenv("no_proxy", HOST)
    return Application(network)


def test_all_steps_end_in_a_post(shop: Application, network: Social) -> None:
    access = shop.connect("grace")
    answer = shop.say(access, "I am going to Jazz & Blues <tonight>. http://127.0.0.1:5001/é")

    assert answer.status_code == 201
    post = network.posts()[-1]
    assert answer.json() == {"id": post.id, "user": "grace", "status": post.status}
    assert post.status == "I am going to Jazz & Blues <tonight>. http://127.0.0.1:5001/é"
    page = shop.page()
    assert "<strong>grace</strong>" in page
    assert "Jazz &amp; Blues &lt;tonight&gt;." in page


def test_posts_are_kept_in_order(shop: Application, network: Social) -> None:
    access = shop.connect()
    earlier = network.posts()
    for text in ("first", "second"):
        shop.say(access, text)

    assert [post.status for post in network.posts()[len(earlier) :]] == ["first", "second"]
    assert shop.page().index("second") < shop.page().index("first")


def test_temporary_credentials_say_that_the_callback_is_known(shop: Application) -> None:
    assert dict(parse_qsl(shop.request_token().text))["oauth_callback_confirmed"] == "true"


def test_person_is_asked_for_a_name_and_sees_the_application(shop: Application) -> None:
    page = shop.see(shop.ask().token)

    assert page.status_code == 200
    assert "127.0.0.1:5001" in page.text
    assert re.search(r'<input[^>]* name="name" value="ada"', page.text)
    assert re.findall(r"<button[^>]*>(\w+)<", page.text) == ["Allow", "Deny"]


def test_no_page_can_be_framed_or_kept(shop: Application) -> None:
    for page in (shop.see(shop.ask().token), requests.get(shop.url, timeout=5)):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert "form-action" not in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"


def test_allowing_takes_token_and_verifier_to_the_application(shop: Application) -> None:
    asked = shop.ask()
    query = query_of(shop.answer(asked.token, "allow"))

    assert query.keys() == {"from", "oauth_token", "oauth_verifier"}
    assert query["oauth_token"] == [asked.token]


@pytest.mark.parametrize("word", ["deny", "perhaps", ""])
def test_anything_but_allow_is_a_refusal(shop: Application, word: str) -> None:
    asked = shop.ask()
    query = query_of(shop.answer(asked.token, word, name=""))

    assert query == {
        "from": ["network"],
        "oauth_token": [asked.token],
        "oauth_problem": ["user_refused"],
    }
    assert shop.see(asked.token).status_code == 400
    assert_refused(shop.swap(asked, verifier="v" * 30))


@pytest.mark.parametrize("name", ["", "  ", "a" * (LONGEST_NAME + 1)])
def test_name_that_cannot_be_is_asked_again(shop: Application, name: str) -> None:
    asked = shop.ask()
    again = shop.answer(asked.token, "allow", name)

    assert again.status_code == 422
    assert f"1 to {LONGEST_NAME} letters" in again.text
    assert f'value="{name}"' in again.text
    assert "oauth_verifier" in query_of(shop.answer(asked.token, "allow", "a" * LONGEST_NAME))


@pytest.mark.parametrize("token", ["", "unknown", "é\0"])
def test_page_for_unknown_credentials_says_what_to_do(shop: Application, token: str) -> None:
    for page in (shop.see(token), shop.answer(token, "allow")):
        assert page.status_code == 400
        assert "begin again" in page.text
        assert "<form" not in page.text


def test_question_is_answered_once(shop: Application) -> None:
    temporary = shop.allowed()

    assert shop.see(temporary.token).status_code == 400
    for answer in ("allow", "deny"):
        assert shop.answer(temporary.token, answer, "mallory").status_code == 400
    assert shop.swap(temporary).status_code == 200


def test_form_of_another_site_allows_nothing(shop: Application) -> None:
    asked = shop.ask()
    for origin in ("http://127.0.0.1:5001", "null"):
        assert shop.answer(asked.token, "allow", headers={"Origin": origin}).status_code == 403

    assert shop.see(asked.token).status_code == 200
    own = shop.answer(asked.token, "allow", headers={"Origin": shop.url})
    assert "oauth_verifier" in query_of(own)


def test_a_program_without_pages_has_its_verifier_typed(shop: Application) -> None:
    asked = credentials_in(shop.request_token("oob"))

    page = shop.answer(asked.token, "allow")

    verifier = re.search(r"<code>(\w+)</code>", page.text)
    assert verifier
    swapped = shop.swap(Credentials(asked.token, asked.secret, verifier[1]))
    assert swapped.status_code == 200
    assert "A program" in shop.page()


def test_a_program_without_pages_can_be_denied(shop: Application) -> None:
    asked = credentials_in(shop.request_token("oob"))

    shop.answer(asked.token, "deny")

    assert shop.see(asked.token).status_code == 400


@pytest.mark.parametrize(
    "callback",
    [
        "/share/authorized",
        "javascript:alert(1)",
        "http://shop.example@evil.example/",
        "http://[::1/",
        "http://shop.example/\r\nSet-Cookie: a=b",
    ],
)
def test_callback_that_is_no_address_is_refused(shop: Application, callback: str) -> None:
    assert_refused(shop.request_token(callback))


@pytest.mark.parametrize("host", ["shop.example:99999", "shop..example", "a" * 64])
def test_callback_to_a_host_that_cannot_be_is_refused(shop: Application, host: str) -> None:
    assert shop.request_token(f"http://{host}/").status_code == 400


def test_missing_callback_is_named(shop: Application) -> None:
    answer = shop.request_token(None)

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, FORM)
    assert dict(parse_qsl(answer.text))["error_description"] == "Missing callback URI."


@pytest.mark.parametrize(
    "wrong", [{"client_key": "another-shop"}, {"client_secret": "guessed"}, {"client_secret": ""}]
)
def test_unknown_client_is_refused_everywhere(shop: Application, wrong: dict[str, str]) -> None:
    signer = OAuth1(**{"client_key": KEY, "client_secret": SECRET, **wrong}, callback_uri=CALLBACK)
    assert_refused(shop.post("/oauth/request_token", auth=signer))

    temporary, access = shop.allowed(), shop.connect()
    for credentials, path in ((temporary, "/oauth/access_token"), (access, "/statuses")):
        signer = credentials.sign()
        for name, value in wrong.items():
            setattr(signer.client, name, value)
        assert_refused(shop.post(path, auth=signer, data={"status": "Mine"}))
    assert shop.swap(temporary).status_code == 200


def test_other_signature_methods_are_refused(shop: Application) -> None:
    for method in ("PLAINTEXT", "HMAC-SHA256"):
        assert shop.request_token(signature_method=method).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"verifier": "v" * 30},
        {"resource_owner_secret": "guessed"},
        {"resource_owner_key": "t" * 30},
    ],
)
def test_wrong_part_of_temporary_credentials_is_refused(
    shop: Application, wrong: dict[str, str]
) -> None:
    temporary = shop.allowed()

    assert_refused(shop.swap(temporary, **wrong))
    assert shop.swap(temporary).status_code == 200


def test_verifier_is_for_its_own_temporary_credentials_only(shop: Application) -> None:
    one, another = shop.allowed(), shop.allowed()

    assert_refused(shop.swap(one, verifier=another.verifier))


def test_temporary_credentials_that_were_not_allowed_are_refused(shop: Application) -> None:
    assert_refused(shop.swap(shop.ask(), verifier="v" * 30))
    assert shop.swap(shop.ask()).status_code == 400


def test_temporary_credentials_are_swapped_once(shop: Application) -> None:
    temporary = shop.allowed()

    assert shop.swap(temporary).status_code == 200
    assert_refused(shop.swap(temporary))


def test_of_many_swaps_at_once_one_succeeds(
    shop: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = shop.allowed()
    together = Barrier(8)
    save = Network.save_access_token

    def save_slowly(*arguments: Any) -> None:
        time.sleep(0.05)
        save(*arguments)

    def swap(_: int) -> int:
        together.wait()
        return shop.swap(temporary).status_code

    monkeypatch.setattr(Network, "save_access_token", save_slowly)
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(swap, range(8))) == [200] + [401] * 7


def test_temporary_credentials_cannot_post(shop: Application) -> None:
    assert_refused(shop.say(shop.allowed(), "Too early"))


def test_access_of_another_person_is_refused(shop: Application, network: Social) -> None:
    ada, grace = shop.connect("ada"), shop.connect("grace")

    assert_refused(shop.say(ada, "In grace's name", resource_owner_key=grace.token))
    assert "In grace's name" not in [post.status for post in network.posts()]


def test_post_that_was_changed_on_its_way_is_refused(shop: Application, network: Social) -> None:
    request = requests.Request(
        "POST", f"{shop.url}/statuses", auth=shop.connect().sign(), data={"status": "I go"}
    ).prepare()
    request.body = b"status=I+do+not+go"
    request.headers["Content-Length"] = str(len(request.body))
    with requests.Session() as session:
        assert_refused(session.send(request, timeout=5))
    assert "I do not go" not in [post.status for post in network.posts()]


def test_text_that_the_signature_does_not_cover_is_not_posted(shop: Application) -> None:
    answer = shop.post(
        "/statuses", auth=shop.connect().sign(), files={"status": (None, "unsigned")}
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("seconds", [-700, 700])
def test_request_of_another_time_is_refused(shop: Application, seconds: int) -> None:
    timestamp = str(int(time.time()) + seconds)

    assert shop.request_token(timestamp=timestamp).status_code == 400
    assert_refused(shop.say(shop.connect(), "Too late", timestamp=timestamp))


def test_nonce_is_used_once_with_each_token(shop: Application) -> None:
    once = {"nonce": "a-nonce-of-mine", "timestamp": str(int(time.time()))}
    ada, grace = shop.connect("ada"), shop.connect("grace")

    assert shop.say(ada, "First", **once).status_code == 201
    assert_refused(shop.say(ada, "Second", **once))
    assert shop.say(grace, "Third", **once).status_code == 201


def test_signature_covers_the_address_with_all_its_letters(shop: Application) -> None:
    signer = shop.connect().sign()

    answer = shop.post("/statuses?lang=fran%C3%A7ais", auth=signer, data={"status": "Bonjour"})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", TOKEN_REQUESTS)
def test_credentials_are_asked_for_by_post_only(shop: Application, path: str) -> None:
    answer = requests.get(shop.url + path, auth=shop.allowed().sign(), timeout=5)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", [*TOKEN_REQUESTS, "/statuses"])
@pytest.mark.parametrize(
    ("header", "body", "query"),
    [
        (None, b"", ""),
        ("Basic YTpi", b"", ""),
        ("OAuth", b"", ""),
        ("OAuth oauth_nonce", b"", ""),
        ("OAuth oauth_nonce=", b"", ""),
        ('OAuth oauth_consumer_key="a", oauth_consumer_key="%FF"', b"", ""),
        ('OAuth oauth_timestamp="now", oauth_token="\xff"', b"", ""),
        ('OAuth oauth_token="a"', b"oauth_token=a", ""),
        (None, b"status=\xff\xfe", ""),
        (None, b"status=%zz&oauth_token=%zz", ""),
        (None, b"", "?a=%zz"),
        (None, b"", "?oauth_token=%C3%A9&b={}"),
    ],
)
def test_nonsense_is_refused_without_an_error(
    shop: Application, path: str, header: str | None, body: bytes, query: str
) -> None:
    headers = {"Content-Type": FORM, **({"Authorization": header} if header else {})}
    answer = shop.post(path + query, headers=headers, data=body)

    assert answer.status_code in (400, 401)
    assert len(answer.text) < 300
    assert not re.search("Traceback|<html|<!doctype", answer.text)


@pytest.mark.parametrize("status", ["", " \n", "a" * (LONGEST_POST + 1)])
def test_text_of_another_length_is_not_posted(shop: Application, status: str) -> None:
    answer = shop.say(shop.connect(), status)

    assert answer.status_code == 422
    assert answer.text == f"status: 1 to {LONGEST_POST} letters are needed.\n"


def test_letters_are_counted_and_not_bytes(shop: Application) -> None:
    assert shop.say(shop.connect(), "é" * LONGEST_POST).status_code == 201


def test_revoked_connection_can_no_longer_post(shop: Application) -> None:
    revoked, kept = shop.connect("ada who revokes"), shop.connect("ada who does not")
    row = shop.page().split(">ada who revokes</td>")[1].split("</tr>")[0]
    fields = dict(re.findall(r'<button name="(.*?)" value="(.*?)">Revoke<', row))
    answer = shop.post("/sandbox/revoke", data=fields)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "ada who revokes" not in shop.page()
    assert_refused(shop.say(revoked, "Still here?"))
    assert shop.say(kept, "Still here.").status_code == 201


@pytest.mark.parametrize("fields", [{}, {"number": ""}, {"number": "0"}, {"number": "x"}])
def test_revoking_nothing_changes_nothing(shop: Application, fields: dict[str, str]) -> None:
    access = shop.connect()

    assert shop.post("/sandbox/revoke", data=fields).status_code == 303
    assert shop.say(access, "Still here.").status_code == 201


def test_no_secret_is_on_a_page(shop: Application) -> None:
    asked, temporary, access = shop.ask(), shop.allowed(), shop.connect()
    shop.say(access, "Hello")
    page, question = shop.page(), shop.see(asked.token).text

    for secret in (KEY, SECRET, temporary.token, temporary.secret, access.token, access.secret):
        assert secret not in page + question
    assert asked.secret not in page + question and temporary.verifier not in page + question


@pytest.mark.parametrize("path", [*TOKEN_REQUESTS, "/statuses"])
def test_ordered_failures_come_and_go(shop: Application, path: str) -> None:
    order = {"calls": 2, "status": 503, "body": "<html>"}
    assert shop.post("/sandbox/fail", json=order).json() == order

    assert shop.page() and shop.see("").status_code == 400
    answers = [shop.post(path) for _ in range(3)]

    assert [answer.status_code for answer in answers[:2]] == [503, 503]
    assert answers[0].text == "<html>"
    assert answers[2].status_code in (400, 401)


def test_order_that_cannot_be_read_is_named(shop: Application) -> None:
    answer = shop.post("/sandbox/fail", json={"calls": "many"})

    assert answer.status_code == 422
    assert "calls: a whole number" in answer.json()["error"]["message"]


def test_unknown_address_is_one_line(shop: Application) -> None:
    answer = requests.get(f"{shop.url}/nowhere", timeout=5)

    assert (answer.status_code, answer.text.count("\n")) == (404, 1)


def test_each_network_is_empty_and_uses_the_given_port(shop: Application) -> None:
    listener = listen()
    port = listener.getsockname()[1]
    with running_social(client_key=KEY, client_secret=SECRET, listener=listener) as another:
        assert another.url == f"http://{HOST}:{port}"
        assert another.posts() == []
        assert_refused(Application(another).say(shop.connect(), "Not known here"))


def test_another_client_library_does_all_steps(shop: Application, network: Social) -> None:
    with OAuth1Session(KEY, SECRET, redirect_uri=CALLBACK) as client:
        asked = client.fetch_request_token(f"{shop.url}/oauth/request_token")
        address = client.create_authorization_url(f"{shop.url}/oauth/authorize")
        assert requests.get(address, timeout=5).status_code == 200
        back = shop.answer(asked["oauth_token"], "allow", "linus").headers["Location"]
        client.parse_authorization_response(back)
        client.fetch_access_token(f"{shop.url}/oauth/access_token")
        answer = client.post(f"{shop.url}/statuses", data={"status": "Héllo & bye = 100 %~"})
        again = requests.Session().send(answer.request, timeout=5)

    assert answer.status_code == 201
    assert_refused(again)
    posts = [(post.user, post.status) for post in network.posts()]
    assert posts.count(("linus", "Héllo & bye = 100 %~")) == 1


def test_bad_signature_of_another_client_library_is_refused(shop: Application) -> None:
    access = shop.connect()
    stranger = OAuth1Session(KEY, "guessed", redirect_uri=CALLBACK)
    thief = OAuth1Session(KEY, SECRET, token=access.token, token_secret="guessed")

    with stranger, pytest.raises(OAuthError, match="code 401"):
        stranger.fetch_request_token(f"{shop.url}/oauth/request_token")
    with thief:
        assert_refused(thief.post(f"{shop.url}/statuses", data={"status": "Forged"}))


@pytest.mark.parametrize(("secret", "good"), [("pfkkdhi9sl3r4s00", True), ("pfkkdhi9", False)])
def test_signature_in_section_1_2_of_the_rfc_is_good(secret: str, good: bool) -> None:
    request = SimpleNamespace(
        http_method="GET",
        uri="http://photos.example.net/photos?file=vacation.jpg&size=original",
        params=[
            ("file", "vacation.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ],
        signature="MdpQcU8iPSUjWoN/UDMsK2sui9I=",
    )

    assert verify_hmac_sha1(request, "kd94hf93k423kf44", secret) is good
