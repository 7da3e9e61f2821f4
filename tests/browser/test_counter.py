"""What an organiser sells at the counter, without JavaScript."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .steps import EVENT, fill_in, log_in, open_counter, open_event, skip_to_content, type_purchase

COUNTER = "/organiser/events/the-glass-orchestra/sell"


def sell(page: Page, *, seats: str, card: str = "tok_visa") -> None:
    """Sell so many seats at the counter, or try to."""
    open_counter(page)
    fill_in(page, card=card, seats=seats)
    page.get_by_role("button", name="Sell").click()


def test_counter_sells_more_seats_than_the_web(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_visa", seats="12")
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose 1 to 10 seats.")

    sell(page, seats="12")

    tickets = page.get_by_role("region", name="Your tickets").get_by_role("listitem")
    expect(tickets).to_have_count(12)


def test_too_many_seats_show_the_form_as_typed(page: Page) -> None:
    sell(page, seats="51")

    expect(page.get_by_role("alert")).to_contain_text("Choose 1 to 50 seats.")
    expect(page.get_by_role("alert")).to_be_focused()
    typed = {
        "Name": "Ada Lovelace",
        "E-mail": "ada@example.org",
        "Seats": "51",
        "Voucher": "welcome10",
        "Card": "tok_visa",
    }
    for label, text in typed.items():
        expect(page.get_by_label(label)).to_have_value(text)


def test_declined_card_can_be_replaced_at_the_counter(page: Page) -> None:
    sell(page, seats="1", card="tok_declined")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    expect(page.get_by_label("Card")).to_have_value("tok_declined")

    page.get_by_label("Card").fill("tok_visa")
    page.get_by_role("button", name="Sell").click()

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()


def test_counter_is_for_organisers(page: Page) -> None:
    log_in(page, COUNTER)

    expect(page.get_by_role("heading", level=1)).to_have_text(EVENT)
    expect(page.get_by_role("button", name="Sell")).to_be_visible()


def test_tickets_can_be_sold_with_the_keyboard_alone(page: Page) -> None:
    open_counter(page)
    skip_to_content(page)

    type_purchase(page, seats="2", button="Sell")

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()
