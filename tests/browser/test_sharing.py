"""Sharing an order: the shop posts in the buyer's name, without JavaScript."""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from workbench.run import Stack

from .steps import allow, ask_network, connect, open_sharing, skip_to_content

STRANGE = "This answer belongs to no connection that was begun here: begin again."


@pytest.fixture
def user() -> str:
    """A name at the network that no other test has: all of them see the same page there."""
    return f"ada {secrets.token_hex(4)}"


@pytest.fixture
def stranger(browser: Browser, app_url: str) -> Iterator[Page]:
    """A page of another visitor, with cookies of their own."""
    with browser.new_context(base_url=app_url, java_script_enabled=False) as window:
        yield window.new_page()


@pytest.fixture
def token_secrets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The token secrets that the network gives to the shop, which runs in this process."""
    given: list[str] = []
    send = requests.Session.send

    def listen(*args: Any, **options: Any) -> requests.Response:
        answer = send(*args, **options)
        given.extend(parse_qs(answer.text).get("oauth_token_secret", []))
        return answer

    monkeypatch.setattr(requests.Session, "send", listen)
    return given


def shows_connected(page: Page, connected: bool) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Tell your friends")
    expect(page.get_by_role("button", name="Post this")).to_have_count(int(connected))
    expect(page.get_by_role("link", name="Connect your account")).to_have_count(1 - connected)


def readable_session(page: Page) -> str:
    """Return what can be read of the session in the cookie without a key."""
    cookies = page.context.cookies()
    (value,) = (cookie["value"] for cookie in cookies if cookie["name"].startswith("session_"))
    packed = value.startswith(".")
    payload = value.lstrip(".").split(".")[0]
    content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return (zlib.decompress(content) if packed else content).decode()


def test_post_is_seen_at_the_network(page: Page, stack: Stack, user: str) -> None:
    open_sharing(page)
    shows_connected(page, False)
    sharing, text = page.url, page.get_by_role("blockquote").inner_text()

    connect(page, user=user)
    expect(page.get_by_role("status")).to_have_text("Your account is connected.")
    expect(page).to_have_url(sharing)
    shows_connected(page, True)

    page.get_by_role("button", name="Post this").click()
    expect(page.get_by_role("status")).to_have_text("Your post is out.")
    expect(page).to_have_url(sharing)

    page.goto(stack.social)
    post = page.get_by_role("article").filter(has_text=user)
    expect(post).to_have_count(1)
    expect(post).to_contain_text(text)


def test_disconnected_account_is_asked_for_again(page: Page, user: str) -> None:
    open_sharing(page)
    sharing = page.url
    connect(page, user=user)
    page.get_by_role("button", name="Disconnect").click()

    expect(page.get_by_role("status")).to_have_text("Your account is disconnected.")
    expect(page).to_have_url(sharing)
    shows_connected(page, False)


def test_one_connection_is_good_for_every_order(page: Page, user: str) -> None:
    open_sharing(page)
    connect(page, user=user)
    open_sharing(page)

    shows_connected(page, True)


def test_a_person_who_denies_gets_a_message_and_can_begin_again(page: Page, user: str) -> None:
    open_sharing(page)
    sharing = page.url
    ask_network(page)
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("main")).to_contain_text(
        "You did not allow the shop to post in your name."
    )

    page.goto(sharing)
    shows_connected(page, False)
    connect(page, user=user)
    shows_connected(page, True)


def test_callback_is_good_once_and_in_one_browser(page: Page, stranger: Page, user: str) -> None:
    open_sharing(page)
    sharing = page.url
    with page.expect_request("**/share/authorized?*") as callback:
        connect(page, user=user)

    for window in (page, stranger):
        window.goto(callback.value.url)
        expect(window.get_by_role("main")).to_contain_text(STRANGE)
    page.goto(sharing)
    shows_connected(page, True)


def test_connection_that_another_visitor_began_is_refused(
    page: Page, stranger: Page, user: str
) -> None:
    open_sharing(page)
    ask_network(page)
    mine = page.url
    open_sharing(stranger)
    ask_network(stranger)

    page.goto(stranger.url)
    allow(page, user=user)
    expect(page.get_by_role("main")).to_contain_text(STRANGE)

    page.goto(mine)
    allow(page, user=user)
    shows_connected(page, True)


def test_post_after_revocation_asks_to_connect_again(page: Page, stack: Stack, user: str) -> None:
    open_sharing(page)
    sharing = page.url
    connect(page, user=user)
    page.goto(stack.social)
    page.get_by_role("row").filter(has_text=user).get_by_role("button", name="Revoke").click()

    page.goto(sharing)
    page.get_by_role("button", name="Post this").click()

    expect(page.get_by_role("alert")).to_have_text(
        "The network no longer accepts the connection: connect your account again."
    )
    expect(page.get_by_role("alert")).to_be_focused()
    shows_connected(page, False)


def test_cookie_does_not_show_the_secrets(page: Page, user: str, token_secrets: list[str]) -> None:
    open_sharing(page)
    ask_network(page)
    during = readable_session(page)
    temporary = dict(parse_qsl(urlsplit(page.url).query))["oauth_token"]
    allow(page, user=user)
    shows_connected(page, True)
    afterwards = readable_session(page)

    assert len(token_secrets) == 2
    for session in (during, afterwards):
        assert "oauth1.share" in session
        assert [secret for secret in [*token_secrets, temporary] if secret in session] == []


def test_orders_can_be_shared_with_the_keyboard_alone(page: Page, user: str) -> None:
    open_sharing(page)
    skip_to_content(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Connect your account")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    page.get_by_label("name").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(user)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Allow")).to_be_focused()
    page.keyboard.press("Enter")

    shows_connected(page, True)
    skip_to_content(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Post this")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your post is out.")
