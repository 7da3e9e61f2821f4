"""What an organiser looks up and does when the doors open, without JavaScript."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.sync_api import Page, expect

from .steps import EVENT, buy, check_in, log_in, skip_to_content


def open_sales(page: Page) -> None:
    log_in(page)
    page.get_by_role("link", name=f"Sales of {EVENT}").click()


def bought_ticket(page: Page) -> str:
    """Buy two seats and return the code of one of them."""
    buy(page)
    return page.get_by_role("region", name="Your tickets").get_by_role("code").first.inner_text()


def test_sales_are_shown_by_voucher(page: Page) -> None:
    buy(page)
    open_sales(page)

    expect(page.get_by_role("heading", level=1)).to_have_text(EVENT)
    table = page.get_by_role("table")
    for line in ("no voucher", "WELCOME10", "Total"):
        expect(table.get_by_role("rowheader", name=line, exact=True)).to_be_visible()


def test_sales_can_be_downloaded_as_csv(page: Page) -> None:
    buy(page)
    open_sales(page)
    in_total = page.get_by_role("row").filter(has_text="Total").get_by_role("cell")
    orders, seats, gross = (in_total.nth(column).inner_text() for column in range(3))

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    content = Path(download.value.path()).read_text("utf-8")

    lines = list(csv.DictReader(io.StringIO(content)))
    assert lines[-1]["voucher"] == "total"
    assert (lines[-1]["orders"], lines[-1]["seats"]) == (orders, seats)
    assert f"€{float(lines[-1]['gross']):,.2f}" == gross


def test_ticket_is_checked_in_once(page: Page) -> None:
    code = bought_ticket(page)
    open_sales(page)
    check_in(page, code)
    expect(page.get_by_role("status")).to_have_text("Ada Lovelace is checked in.")

    check_in(page, code)
    expect(page.get_by_role("alert")).to_contain_text("This ticket was checked in at ")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Ticket")).to_have_value(code)


def test_ticket_of_a_cancelled_order_is_refused(page: Page) -> None:
    code = bought_ticket(page)
    reference = page.url.split("/")[-2]
    page.get_by_role("button", name="Cancel this order").click()
    open_sales(page)
    check_in(page, code)

    expect(page.get_by_role("alert")).to_have_text(f"The order {reference} is cancelled.")


def test_ticket_can_be_checked_in_with_the_keyboard_alone(page: Page) -> None:
    code = bought_ticket(page)
    open_sales(page)
    skip_to_content(page)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Ticket")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_have_text("Ada Lovelace is checked in.")
