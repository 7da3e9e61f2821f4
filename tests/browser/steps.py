"""Steps that several tests take on the way to what they are about."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from workbench.run import ORGANISER, PASSWORD, Stack

# Seventeen days ahead in the seed: there are seats, and a cancellation gives everything back.
EVENT = "The Glass Orchestra"

# Sold out in the seed. Each is for one test, so that no other one waits for the same seats.
LATE_LAUGHS = "/events/late-laughs"
MIDNIGHT_MOZART = "/events/midnight-mozart"
PAPER_WHALE = "/events/the-paper-whale"
PHYSICS_OF_SOUP = "/events/the-physics-of-soup"
VINYL_BINGO = "/events/vinyl-bingo"


def open_event(page: Page) -> None:
    page.goto("/?q=glass+orchestra")
    page.get_by_role("heading", name=EVENT).get_by_role("link").click()


def fill_in(page: Page, *, card: str, seats: str = "2") -> None:
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Seats").fill(seats)
    page.get_by_label("Voucher").fill("welcome10")
    page.get_by_label("Card").fill(card)


def skip_to_content(page: Page) -> None:
    """Go past the navigation with the keyboard: the first stop of every page leads there."""
    page.wait_for_load_state()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    # The browser takes a moment, and a Tab before that would go to the navigation.
    expect(page.get_by_role("main")).to_be_focused()


def type_purchase(page: Page, *, seats: str, button: str) -> None:
    """Fill in the form that comes next and send it, with the keyboard alone."""
    typed = {
        "Name": "Ada Lovelace",
        "E-mail": "ada@example.org",
        "Seats": seats,
        "Voucher": "",
        "Card": "tok_visa",
    }
    for label, text in typed.items():
        page.keyboard.press("Tab")
        expect(page.get_by_label(label)).to_be_focused()
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=button)).to_be_focused()
    page.keyboard.press("Enter")


def buy(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_visa")
    page.get_by_role("button", name="Buy").click()


def open_sharing(page: Page) -> None:
    """Buy tickets, and go to the page that shares the order."""
    buy(page)
    page.get_by_role("link", name="Tell your friends").click()
    expect(page.get_by_role("heading", name="Tell your friends")).to_be_visible()


def ask_network(page: Page) -> None:
    """Go on from there to the social network, which asks whether the shop may post."""
    page.get_by_role("link", name="Connect your account").click()
    expect(page.get_by_role("button", name="Allow")).to_be_visible()


def allow(page: Page, *, user: str) -> None:
    """Type a name at the network, and allow the connection."""
    page.get_by_label("name").fill(user)
    page.get_by_role("button", name="Allow").click()


def connect(page: Page, *, user: str) -> None:
    """Go to the network and come back connected."""
    ask_network(page)
    allow(page, user=user)
    expect(page.get_by_role("button", name="Post this")).to_be_visible()


def join_waiting_list(page: Page, event: str, *, email: str, seats: str) -> None:
    """Join the waiting list of the event with this address, or try to."""
    page.goto(event)
    form = page.get_by_role("form", name="Waiting list")
    form.get_by_label("E-mail").fill(email)
    form.get_by_label("Seats").fill(seats)
    form.get_by_role("button").click()


def open_offer(page: Page, stack: Stack, app_url: str, *, email: str) -> None:
    """Follow the link in the mail of this app to this address."""
    page.goto(stack.mail)
    mail = page.get_by_role("article").filter(has_text=email)
    mail.get_by_role("link", name=f"{app_url}/waitlist/").click()


def log_in(page: Page, address: str = "/login") -> None:
    """Go to this address, which asks for it, and log in."""
    page.goto(address)
    page.get_by_label("Name").fill(ORGANISER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def add_seats(page: Page, title: str, more: int) -> None:
    """Make the event larger, as its organiser does."""
    log_in(page)
    page.get_by_role("link", name=f"Edit {title}").click()
    seats = page.get_by_label("Seats", exact=True)
    seats.fill(str(int(seats.input_value()) + more))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Your events")).to_be_visible()


def open_counter(page: Page) -> None:
    log_in(page)
    page.get_by_role("link", name=f"Sell {EVENT}").click()
    expect(page.get_by_role("heading", name="Sell at the counter")).to_be_visible()


def check_in(page: Page, code: str) -> None:
    """Type the code of a ticket where the sales of its event are shown."""
    page.get_by_label("Ticket").fill(code)
    page.get_by_role("button", name="Check in").click()
