"""What visitors do who come too late for a seat, without JavaScript."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from workbench.run import Stack

from .steps import (
    LATE_LAUGHS,
    MIDNIGHT_MOZART,
    PAPER_WHALE,
    VINYL_BINGO,
    add_seats,
    join_waiting_list,
    open_offer,
    skip_to_content,
)


def test_waiting_list_can_be_joined_with_the_keyboard_alone(page: Page) -> None:
    page.goto(MIDNIGHT_MOZART)
    expect(page.get_by_role("main")).to_contain_text("Sold out.")
    expect(page.get_by_role("button", name="Buy")).to_have_count(0)
    skip_to_content(page)

    for label, text in {"E-mail": "keys@example.org", "Seats": "2"}.items():
        page.keyboard.press("Tab")
        expect(page.get_by_label(label)).to_be_focused()
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Join the waiting list")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_have_text(
        "You are on the waiting list. We will write when seats come free."
    )


def test_joining_again_keeps_the_place(page: Page) -> None:
    join_waiting_list(page, MIDNIGHT_MOZART, email="twice@example.org", seats="1")
    join_waiting_list(page, MIDNIGHT_MOZART, email="Twice@Example.org", seats="3")

    expect(page.get_by_role("status")).to_have_text(
        "You are on the waiting list already and keep your place."
    )


def test_refused_place_shows_the_form_as_typed(page: Page) -> None:
    join_waiting_list(page, PAPER_WHALE, email="nonsense", seats="99")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value("nonsense")
    expect(page.get_by_label("Seats")).to_have_value("99")
    page.get_by_role("alert").get_by_role("link").filter(has_text="Seats").click()
    expect(page.get_by_label("Seats")).to_be_focused()


def test_offer_in_the_mail_leads_to_tickets(page: Page, stack: Stack, app_url: str) -> None:
    join_waiting_list(page, VINYL_BINGO, email="patient@example.org", seats="2")
    add_seats(page, "Vinyl Bingo", 2)
    page.goto(VINYL_BINGO)
    expect(page.get_by_role("main")).to_contain_text("Sold out.")

    open_offer(page, stack, app_url, email="patient@example.org")
    offer = page.url
    expect(page.get_by_role("main")).to_contain_text("2 seats are held for patient@example.org")
    expect(page.get_by_role("main")).not_to_contain_text("Sold out.")
    expect(page.get_by_label("E-mail")).to_have_value("patient@example.org")
    expect(page.get_by_label("Seats")).to_have_value("2")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Card").fill("tok_visa")
    page.get_by_role("button", name="Buy").click()
    tickets = page.get_by_role("region", name="Your tickets").get_by_role("listitem")
    expect(tickets).to_have_count(2)

    page.goto(offer)
    expect(page.get_by_role("main")).to_contain_text("The offer was used already.")


def test_declined_card_leaves_the_offer(page: Page, stack: Stack, app_url: str) -> None:
    join_waiting_list(page, LATE_LAUGHS, email="declined@example.org", seats="1")
    add_seats(page, "Late Laughs", 1)
    open_offer(page, stack, app_url, email="declined@example.org")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Card").fill("tok_declined")
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("alert")).to_contain_text("declined")
    expect(page.get_by_role("main")).to_contain_text("1 seat is held for declined@example.org")

    page.get_by_label("Card").fill("tok_visa")
    page.get_by_role("button", name="Buy").click()

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()
