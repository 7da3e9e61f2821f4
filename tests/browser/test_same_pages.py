"""The main journeys in both apps at once: on each page the same words, and the same pixels.

Each page is also looked at by axe, and no window may meet an error or ask another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import time_machine as clock_of_tests
from playwright.sync_api import Browser, Page

from workbench.run import ORGANISER, PASSWORD
from workbench.sandbox.server import HOST

from .twins import CHANCE, Twins, find_barriers, press, running_twins

GLASS = "/events/the-glass-orchestra"
PAPER_WHALE = "/events/the-paper-whale"
COUNTER = f"/organiser{GLASS}/sell"
SALES = f"/organiser{GLASS}/sales"
VOUCHER = "Voucher (optional)"
ADA = {"Name": "Ada Lovelace", "E-mail": "ada@example.org", "Seats": "2", "Card": "tok_visa"}
JAZZ = {
    "Title": "Jazz Night",
    "Summary": "Loud.",
    "Venue": "Mill Barn",
    "Starts at (UTC)": "2027-05-01T19:30",
    "Seats": "50",
    "Price (€)": "12.50",
}
# What may go wrong in one window, and what is then reported.
TROUBLES = {
    "document.querySelector('h1').setAttribute('aria-label', 'About us')": "About us",
    "document.querySelector('h1').className = 'other'": "other",
    "document.styleSheets[0].insertRule('h1 { color: green }')": "looks different",
    "console.error('broken')": "console: broken",
    "setTimeout(() => { throw new Error('broken') })": "page error: broken",
    "open('http://elsewhere.example/')": "request to http://elsewhere.example/",
}


@pytest.fixture
def clock(
    time_machine: clock_of_tests.TimeMachineFixture,
) -> clock_of_tests.TimeMachineFixture:
    """The time of both shops, which does not move."""
    time_machine.move_to("2027-03-01 12:00+00:00", tick=False)
    return time_machine


@pytest.fixture
def both(
    browser: Browser,
    clock: clock_of_tests.TimeMachineFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Twins]:
    # All randomness of the apps, that of `secrets` included, comes out of these two.
    monkeypatch.setattr("os.urandom", CHANCE.draw)
    monkeypatch.setattr("random._urandom", CHANCE.draw)
    monkeypatch.setenv("no_proxy", HOST)
    with running_twins(browser, tmp_path) as twins:
        yield twins


def buy(both: Twins, differences: Mapping[str, str]) -> None:
    both.open(GLASS)
    both.type({**ADA, **differences})
    both.press("Buy")


def log_in(both: Twins) -> None:
    both.open("/login")
    both.type({"Name": ORGANISER, "Password": PASSWORD})
    both.press("Log in")


def test_barriers_are_really_found(browser: Browser) -> None:
    with browser.new_page() as page:
        page.set_content("""
            <p style="color: #777; background: #fff">pale</p>
            <input name="q" style="width: 500px">
        """)
        found = find_barriers(page)

    for expected in ("color contrast", "Form elements", "level-one heading", "lang attribute"):
        assert any(expected in barrier for barrier in found), found
    assert any("px wide on a phone" in barrier for barrier in found)


def test_differences_and_troubles_are_really_found(both: Twins) -> None:
    after = both.twins["after"]
    for script, sentence in TROUBLES.items():
        both.open("/about")
        after.page.evaluate(f"() => {{ {script} }}")

        with pytest.raises(pytest.fail.Exception, match=sentence):
            both.look("About")
        after.troubles.clear()


def test_looking_around(both: Twins) -> None:
    both.open("/")
    both.look("Events")
    both.type({"Search": "glass"})
    both.press("Show")
    both.look("Events")
    both.follow("The Glass Orchestra")
    both.look("The Glass Orchestra")
    both.open("/?when=past&sort=title&per_page=25")
    both.look("Events")
    both.follow("Winter Overtures")
    both.look("Winter Overtures")
    both.open("/?category=music&when=month&sort=price")
    both.look("Events")
    both.open("/?q=nothing-like-this")
    both.look("Events")
    both.open("/?page=99")
    both.look("Events")
    both.follow("About")
    both.look("About")

    both.open("/events/no-such-event")
    both.look("Not Found")
    both.open("/orders/ABCDE/no-such-secret")
    both.look("Not Found")
    both.open("/?page=0")
    both.look("Bad Request")
    both.open("/logout")
    both.look("Method Not Allowed")
    both.open("/share/authorized")
    both.look("Bad Request")


def test_buying_and_cancelling(both: Twins) -> None:
    for refused in (
        {"Name": "", "E-mail": "nonsense", "Seats": "99"},
        {VOUCHER: "lastyear"},
        {"Card": "tok_declined"},
    ):
        buy(both, refused)
        both.look("The Glass Orchestra")
    buy(both, {"Card": "tok_error"})
    both.look("Order ")
    both.follow("See your order")
    both.look("Order ")
    buy(both, {"Seats": "6", VOUCHER: "glass25"})
    both.look("Order ")

    both.do(cancel_in_another_window)
    both.press("Cancel this order")
    both.look("Order ")
    both.open(both.address().removesuffix("/cancel"))
    both.look("Order ")
    both.open(both.address().replace("/orders/", "/share/"))
    both.look("Conflict")


def cancel_in_another_window(page: Page) -> None:
    window = page.context.new_page()
    window.goto(page.url)
    press(window, "Cancel this order")
    window.close()


def test_waiting_for_seats(both: Twins, clock: clock_of_tests.TimeMachineFixture) -> None:
    for email, seats in (("nonsense", "0"), ("ada@example.org", "2"), ("late@example.org", "1")):
        both.open(PAPER_WHALE)
        both.type({"E-mail": email, "Seats": seats})
        both.press("Join the waiting list")
        both.look("The Paper Whale")
    add_three_seats(both)

    offer = address_in(both.last_mail(to="ada@example.org"))
    both.open(offer)
    both.look("The Paper Whale")
    for card in ("tok_declined", "tok_visa"):
        both.type({"Name": "Ada Lovelace", "Card": card})
        both.press("Buy")
        both.look("The Paper Whale" if card == "tok_declined" else "Order ")
    both.open(offer)
    both.look("Gone")

    clock.shift(49 * 60 * 60)
    both.open(address_in(both.last_mail(to="late@example.org")))
    both.look("Gone")


def add_three_seats(both: Twins) -> None:
    log_in(both)
    both.open(f"/organiser{PAPER_WHALE}/edit")
    both.do(lambda page: page.get_by_label("Seats", exact=True).fill("143"))
    both.press("Save")


def address_in(mail: str) -> str:
    """Return the address of the offer in a mail."""
    found = re.search(r"/waitlist/\S+", mail)
    assert found is not None
    return found[0]


def test_sharing_an_order(both: Twins) -> None:
    buy(both, {})
    both.follow("Tell your friends")
    both.look("Tell your friends")
    sharing = both.address()
    both.follow("Connect your account")
    both.look("May this application post for you?")
    both.press("Deny")
    both.look("Forbidden")

    both.open(sharing)
    both.follow("Connect your account")
    both.press("Allow")
    both.look("Tell your friends")
    both.press("Post this")
    both.look("Tell your friends")
    both.do(disconnect_in_another_window)
    both.press("Post this")
    both.look("Tell your friends")


def disconnect_in_another_window(page: Page) -> None:
    window = page.context.new_page()
    window.goto(page.url)
    press(window, "Disconnect")
    window.close()


def test_organising_events_and_vouchers(both: Twins) -> None:
    both.open("/organiser")
    both.look("Organiser login")
    log_in(both)
    both.look("Your events")
    both.follow("New event")
    both.look("New event")
    both.press("Save")
    both.look("New event")
    both.type(JAZZ)
    both.press("Save")
    both.look("Your events")
    both.follow("Edit Jazz Night")
    both.look("Jazz Night")
    both.follow("Vouchers")
    both.look("Vouchers")
    both.press("Save")
    both.look("Vouchers")
    both.type({"Code": "jazz-10", "Value": "10", "Uses": "5"})
    both.press("Save")
    both.look("Vouchers")
    both.press("Log out")
    both.look("Events")

    both.open("/login")
    for guesses in range(1, 7):
        both.type({"Name": ORGANISER, "Password": "a guess"})
        both.press("Log in")
        if guesses in (1, 6):
            both.look("Organiser login")


def test_selling_and_checking_in(both: Twins) -> None:
    log_in(both)
    both.open(f"/organiser{PAPER_WHALE}/sell")
    both.look("The Paper Whale")
    both.open(COUNTER)
    both.look("The Glass Orchestra")
    both.press("Sell")
    both.look("The Glass Orchestra")
    both.type({**ADA, "Seats": "12", VOUCHER: "welcome10"})
    both.press("Sell")
    both.look("Order ")
    code = both.last_mail(to="ada@example.org").partition("\n1. ")[2].split()[0]

    both.open(SALES)
    both.look("The Glass Orchestra")
    for typed in ("", "no-such-ticket", code, code):
        both.type({"Ticket": typed})
        both.press("Check in")
        both.look("The Glass Orchestra")
