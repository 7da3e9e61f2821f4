"""Steps that several tests take on the way to what they are about."""

from __future__ import annotations

from playwright.sync_api import Page

from workbench.run import ORGANISER, PASSWORD

# Seventeen days ahead in the seed: there are seats, and a cancellation gives everything back.
EVENT = "The Glass Orchestra"


def open_event(page: Page) -> None:
    page.goto("/?q=glass+orchestra")
    page.get_by_role("heading", name=EVENT).get_by_role("link").click()


def fill_in(page: Page, *, card: str) -> None:
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Seats").fill("2")
    page.get_by_label("Voucher").fill("welcome10")
    page.get_by_label("Card").fill(card)


def buy(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_visa")
    page.get_by_role("button", name="Buy").click()


def log_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Name").fill(ORGANISER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
