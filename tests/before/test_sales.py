"""What an event has brought in, by voucher, as a page and as CSV."""

import pytest

from tests.kit.helpers import text_of
from tests.kit.pages import SALES_PAGE

CSV = f"{SALES_PAGE}?format=csv"


@pytest.fixture
def sell(add_event, add_order, add_voucher):
    """Return a function that stores an event and its sales, some with a voucher of this code."""

    def sell(code="SPRING"):
        event, voucher = add_event(), add_voucher(code)
        with_voucher = {"total_cents": 4000, "discount_cents": 1000, "voucher_id": voucher.id}
        add_order(event, quantity=2, **with_voucher)
        add_order(event, quantity=1, total_cents=2500)
        add_order(event, "cancelled", quantity=1, total_cents=2500, refund_cents=1250)
        for status in ("pending", "declined", "expired"):
            add_order(event, status, quantity=9, total_cents=9900, voucher_id=voucher.id)
        add_order(add_event("Jazz"), quantity=9, total_cents=9900)

    return sell


@pytest.mark.behaviour("sales.report")
def test_the_report_has_a_line_a_voucher_and_a_total(organiser_client, sell):
    sell()

    page = organiser_client.get(SALES_PAGE)

    assert page.status_code == 200
    text = text_of(page)
    assert "SPRING 1 2 €40.00 €10.00 €0.00 €6.39 €33.61" in text
    assert "no voucher 2 1 €50.00 €0.00 €12.50 €5.99 €31.51" in text
    # From the sums: to add up the lines would be a cent short.
    assert "Total 3 3 €90.00 €10.00 €12.50 €12.37 €65.13" in text


@pytest.mark.behaviour("sales.report")
def test_a_code_is_shown_as_it_is(add_event, add_order, add_voucher, organiser_client):
    add_order(add_event(), voucher_id=add_voucher("<b>&").id)

    assert "&lt;b&gt;&amp;" in organiser_client.get(SALES_PAGE).text


@pytest.mark.behaviour("sales.report")
def test_without_orders_the_report_says_so(add_event, organiser_client):
    add_event()

    assert "There are no orders yet." in text_of(organiser_client.get(SALES_PAGE))


@pytest.mark.behaviour("sales.csv")
def test_the_report_comes_as_csv(sell, sales_table):
    sell()

    head, *lines, total = sales_table()

    assert ",".join(head) == "voucher,orders,seats,gross,discounts,refunds,vat,net"
    assert sorted(lines) == [
        ["SPRING", "1", "2", "40.00", "10.00", "0.00", "6.39", "33.61"],
        ["no voucher", "2", "1", "50.00", "0.00", "12.50", "5.99", "31.51"],
    ]
    assert total == ["total", "3", "3", "90.00", "10.00", "12.50", "12.37", "65.13"]


@pytest.mark.behaviour("sales.defused")
def test_a_code_that_looks_like_a_formula_is_defused(
    add_event, add_order, add_voucher, sales_table
):
    add_order(add_event(), voucher_id=add_voucher("=1+1").id)

    assert sales_table()[1][0] == "'=1+1"


@pytest.mark.behaviour("sales.refusals")
@pytest.mark.parametrize("format_", ["xml", "CSV", ""])
def test_an_unknown_format_is_refused(add_event, organiser_client, format_):
    add_event()

    answer = organiser_client.get(f"{SALES_PAGE}?format={format_}")

    assert answer.status_code == 400
    assert "html" in text_of(answer)
    assert "csv" in text_of(answer)


@pytest.mark.behaviour("sales.refusals")
@pytest.mark.parametrize("address", [SALES_PAGE, CSV])
def test_an_unknown_event_is_not_found(organiser_client, address):
    answer = organiser_client.get(address)

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)
