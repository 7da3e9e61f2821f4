"""What buyers and organisers do, done with mouse or keyboard, without JavaScript."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from workbench.run import Stack

from .steps import buy, fill_in, log_in, open_event, skip_to_content, type_purchase


def test_buyer_gets_tickets_and_a_mail(page: Page, stack: Stack) -> None:
    buy(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Order ")
    tickets = page.get_by_role("region", name="Your tickets").get_by_role("listitem")
    expect(tickets).to_have_count(2)
    order_url = page.url
    codes = tickets.all_inner_texts()

    page.goto(stack.mail)
    mail = page.get_by_role("article").filter(has_text=order_url)
    expect(mail.get_by_role("link", name=order_url)).to_be_visible()
    for code in codes:
        expect(mail).to_contain_text(code)


def test_link_in_the_mail_opens_the_order(page: Page, stack: Stack) -> None:
    buy(page)
    order_url = page.url

    page.goto(stack.mail)
    page.get_by_role("link", name=order_url).click()

    expect(page).to_have_url(order_url)
    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()


def test_declined_buyer_sees_the_form_as_typed(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_declined")
    page.get_by_role("button", name="Buy").click()

    expect(page.get_by_role("alert")).to_contain_text("declined")
    expect(page.get_by_label("Name")).to_have_value("Ada Lovelace")
    expect(page.get_by_label("E-mail")).to_have_value("ada@example.org")
    expect(page.get_by_label("Seats")).to_have_value("2")
    expect(page.get_by_label("Voucher")).to_have_value("welcome10")
    expect(page.get_by_label("Card")).to_have_value("tok_declined")


def test_declined_buyer_can_try_another_card(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_declined")
    page.get_by_role("button", name="Buy").click()
    page.get_by_label("Card").fill("tok_visa")
    page.get_by_role("button", name="Buy").click()

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()


def test_slow_payment_is_confirmed_by_the_gateway_itself(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_slow")
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("main")).to_contain_text("Your seats are held.")
    page.get_by_role("link", name="See your order").click()

    # The webhook comes a moment after the gateway's answer, for which the shop did not wait.
    tickets = page.get_by_role("heading", name="Your tickets")
    give_up_at = time.monotonic() + 10
    while not tickets.count() and time.monotonic() < give_up_at:
        page.wait_for_timeout(250)
        page.reload()
    expect(tickets).to_be_visible()


def test_cancelled_order_is_refunded(page: Page, stack: Stack) -> None:
    buy(page)
    reference = page.url.split("/")[-2]
    page.get_by_role("button", name="Cancel this order").click()

    expect(page.get_by_role("status")).to_contain_text("cancelled")
    expect(page.get_by_role("main")).to_contain_text("We have refunded")
    expect(page.get_by_role("heading", name="Your tickets")).to_have_count(0)

    page.goto(stack.gateway)
    charge = page.get_by_role("row").filter(has_text=reference).get_by_role("cell")
    charge_id, amount, refunded = (charge.nth(column).inner_text() for column in (0, 3, 5))
    assert refunded == amount
    refunds = page.get_by_role("region", name="Refunds")
    expect(refunds.get_by_role("row").filter(has_text=charge_id)).to_contain_text(amount)


def test_ticket_can_be_bought_with_the_keyboard_alone(page: Page) -> None:
    open_event(page)
    skip_to_content(page)

    type_purchase(page, seats="1", button="Buy")

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()


def test_enter_in_a_field_buys_too(page: Page) -> None:
    open_event(page)
    fill_in(page, card="tok_visa")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()


def test_focus_can_be_seen(page: Page) -> None:
    open_event(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")

    expect(page.locator(":focus")).not_to_have_css("outline-style", "none")


@pytest.mark.parametrize("published", [True, False])
def test_organiser_creates_an_event(page: Page, published: bool) -> None:
    log_in(page)
    title = f"Reading by candle light {published}"
    page.get_by_role("link", name="New event").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Summary").fill("Bring a blanket.")
    page.get_by_label("Venue").fill("Old Library")
    page.get_by_label("Category").select_option("talks")
    page.get_by_label("Starts at").fill("2099-03-04T19:30")
    page.get_by_label("Seats", exact=True).fill("30")
    page.get_by_label("Price (€)", exact=True).fill("12.50")
    page.get_by_label("Published").set_checked(published)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("rowheader", name=title)).to_be_visible()
    page.goto("/?q=candle")
    expect(page.get_by_role("link", name=title)).to_have_count(1 if published else 0)
