"""What a keyboard and a screen reader need. What axe can measure is in test_same_pages.py."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .steps import PAPER_WHALE, join_waiting_list, log_in, skip_to_content

EVENT = "/events/the-glass-orchestra"
NEW_EVENT = "/organiser/events/new"
COUNTER = "/organiser/events/the-glass-orchestra/sell"

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


def refuse_place(page: Page) -> None:
    join_waiting_list(page, PAPER_WHALE, email="nonsense", seats="0")


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
