"""What can be measured of a page that everybody can use. It does not replace trying it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from workbench.run import Stack

from .steps import (
    PAPER_WHALE,
    PHYSICS_OF_SOUP,
    add_seats,
    buy,
    check_in,
    connect,
    join_waiting_list,
    log_in,
    open_event,
    open_offer,
    open_sharing,
    skip_to_content,
)

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
EVENT = "/events/the-glass-orchestra"
NEW_EVENT = "/organiser/events/new"
VOUCHERS = "/organiser/vouchers"
SALES = "/organiser/events/the-glass-orchestra/sales"
COUNTER = "/organiser/events/the-glass-orchestra/sell"
SOLD_OUT_COUNTER = "/organiser/events/the-paper-whale/sell"
PHONE = 360

UNLABELLED = """() => [...document.querySelectorAll("input, select, textarea")]
    .filter((field) => field.type !== "hidden" && !field.labels.length)
    .map((field) => field.outerHTML)"""

# Of each field marked as wrong: the sentences that are tied to it.
SENTENCES = """() => Object.fromEntries(
    [...document.querySelectorAll("[aria-invalid=true]")].map((field) => [
        field.name,
        (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean)
            .map((id) => document.getElementById(id).innerText),
    ]))"""


def submit(page: Page, address: str, button: str) -> None:
    """Send the form of a page as it is: empty."""
    page.goto(address)
    page.get_by_role("button", name=button).click()


def cancel_order(page: Page) -> None:
    buy(page)
    page.get_by_role("button", name="Cancel this order").click()


def connect_account(page: Page) -> None:
    open_sharing(page)
    connect(page, user="ada")


def forget_connection(page: Page) -> None:
    """Post where one was connected a moment ago, and was disconnected in another window."""
    connect_account(page)
    window = page.context.new_page()
    window.goto(page.url)
    window.get_by_role("button", name="Disconnect").click()
    expect(window.get_by_role("status")).to_be_visible()
    page.get_by_role("button", name="Post this").click()


def refuse_place(page: Page) -> None:
    join_waiting_list(page, PAPER_WHALE, email="nonsense", seats="0")


def refuse_ticket(page: Page) -> None:
    page.goto(SALES)
    check_in(page, "no-such-ticket")


class Visit(NamedTuple):
    """How to come to a page, and the heading that tells that it is the right one."""

    go: Callable[[Page], object]
    heading: str


PUBLIC_PAGES = {
    "events": Visit(lambda page: page.goto("/"), "Events"),
    "no events": Visit(lambda page: page.goto("/?q=nothing-like-this"), "Events"),
    "event": Visit(open_event, "The Glass Orchestra"),
    "event with errors": Visit(lambda page: submit(page, EVENT, "Buy"), "The Glass Orchestra"),
    "sold-out event": Visit(lambda page: page.goto(PAPER_WHALE), "The Paper Whale"),
    "waiting list with errors": Visit(refuse_place, "The Paper Whale"),
    "order": Visit(buy, "Order "),
    "cancelled order": Visit(cancel_order, "Order "),
    "sharing": Visit(open_sharing, "Tell your friends"),
    "sharing, connected": Visit(connect_account, "Tell your friends"),
    "sharing refused": Visit(forget_connection, "Tell your friends"),
    "strange callback": Visit(lambda page: page.goto("/share/authorized"), "Bad Request"),
    "login": Visit(lambda page: page.goto("/login"), "Organiser login"),
    "login refused": Visit(lambda page: submit(page, "/login", "Log in"), "Organiser login"),
    "about": Visit(lambda page: page.goto("/about"), "About"),
    "not found": Visit(lambda page: page.goto("/events/no-such-event"), "Not Found"),
    "bad query": Visit(lambda page: page.goto("/?page=0"), "Bad Request"),
}
ORGANISER_PAGES = {
    "dashboard": Visit(lambda page: page.goto("/organiser"), "Your events"),
    "new event": Visit(lambda page: page.goto(NEW_EVENT), "New event"),
    "new event with errors": Visit(lambda page: submit(page, NEW_EVENT, "Save"), "New event"),
    "vouchers": Visit(lambda page: page.goto(VOUCHERS), "Vouchers"),
    "vouchers with errors": Visit(lambda page: submit(page, VOUCHERS, "Save"), "Vouchers"),
    "sales": Visit(lambda page: page.goto(SALES), "The Glass Orchestra"),
    "no code": Visit(lambda page: submit(page, SALES, "Check in"), "The Glass Orchestra"),
    "ticket refused": Visit(refuse_ticket, "The Glass Orchestra"),
    "counter": Visit(lambda page: page.goto(COUNTER), "The Glass Orchestra"),
    "counter with errors": Visit(
        lambda page: submit(page, COUNTER, "Sell"), "The Glass Orchestra"
    ),
    "sold-out counter": Visit(lambda page: page.goto(SOLD_OUT_COUNTER), "The Paper Whale"),
}


def barriers(page: Page) -> list[str]:
    """Return what would keep somebody from using the page."""
    found = [f"no label: {field}" for field in page.evaluate(UNLABELLED)]
    if page.get_by_role("heading", level=1).count() != 1:
        found.append("not one h1")
    if page.locator("html").get_attribute("lang") != "en":
        found.append("the language is not said")
    if not page.title():
        found.append("no title")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{scheme}, little contrast: {text}" for text in page.evaluate(CONTRAST)]
    page.set_viewport_size({"width": PHONE, "height": 740})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > PHONE:
        found.append(f"{width} px wide on a phone of {PHONE} px")
    return found


@pytest.mark.parametrize("visit", PUBLIC_PAGES.values(), ids=PUBLIC_PAGES)
def test_public_page_has_no_barriers(page: Page, visit: Visit) -> None:
    visit.go(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text(visit.heading)
    assert barriers(page) == []


@pytest.mark.parametrize("visit", ORGANISER_PAGES.values(), ids=ORGANISER_PAGES)
def test_organiser_page_has_no_barriers(page: Page, visit: Visit) -> None:
    log_in(page)
    visit.go(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text(visit.heading)
    assert barriers(page) == []


def test_offer_has_no_barriers(page: Page, stack: Stack, app_url: str) -> None:
    join_waiting_list(page, PHYSICS_OF_SOUP, email="soup@example.org", seats="1")
    add_seats(page, "The Physics of Soup", 1)
    open_offer(page, stack, app_url, email="soup@example.org")

    expect(page.get_by_role("heading", level=1)).to_have_text("The Physics of Soup")
    assert barriers(page) == []


def test_barriers_are_really_found(page: Page) -> None:
    page.set_content("""
        <p style="color: #777; background: #fff">pale</p>
        <input name="q" style="width: 500px">
    """)

    found = barriers(page)

    assert 'light, little contrast: P "pale": 4.48' in found
    for expected in ("no label", "not one h1", "language", "no title", "px wide"):
        assert any(expected in barrier for barrier in found), expected


def test_skip_link_leads_past_the_navigation(page: Page) -> None:
    page.goto("/")
    skip_to_content(page)
    page.keyboard.press("Tab")

    expect(page.get_by_role("main").locator(":focus")).to_have_count(1)


def test_errors_are_tied_to_their_fields(page: Page) -> None:
    page.goto(EVENT)
    page.get_by_label("E-mail").fill("nonsense")
    page.get_by_label("Seats").fill("99")
    page.get_by_role("button", name="Buy").click()

    sentences = page.evaluate(SENTENCES)

    assert sorted(sentences) == ["email", "name", "quantity"]
    assert "e-mail" in sentences["email"][0]
    assert "name" in sentences["name"][0]
    assert "1 to 10" in sentences["quantity"][0]


def test_errors_at_the_counter_are_tied_to_their_fields(page: Page) -> None:
    log_in(page)
    submit(page, COUNTER, "Sell")

    sentences = page.evaluate(SENTENCES)

    assert sorted(sentences) == ["email", "name"]
    assert [field for field, tied in sentences.items() if not tied] == []


def test_errors_of_the_waiting_list_are_tied_to_their_fields(page: Page) -> None:
    refuse_place(page)

    sentences = page.evaluate(SENTENCES)

    assert sorted(sentences) == ["email", "quantity"]
    assert "e-mail" in sentences["email"][0]
    assert "1 to 10" in sentences["quantity"][0]


def test_errors_of_the_organiser_are_tied_to_their_fields(page: Page) -> None:
    log_in(page)
    submit(page, NEW_EVENT, "Save")

    sentences = page.evaluate(SENTENCES)

    assert {"title", "summary", "venue", "starts_at", "capacity", "price"} <= set(sentences)
    assert [field for field, tied in sentences.items() if not tied] == []


def test_list_of_errors_links_to_the_fields(page: Page) -> None:
    submit(page, EVENT, "Buy")
    page.get_by_role("alert").get_by_role("link").filter(has_text="Name").click()

    expect(page.get_by_label("Name")).to_be_focused()
