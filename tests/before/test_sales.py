"""What an event has brought in, by voucher, as a page and as CSV."""

import csv
from io import StringIO

import pytest

from tests.before.helpers import text_of

PAGE = "/organiser/events/the-glass-orchestra/sales"
CSV = f"{PAGE}?format=csv"


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


@pytest.fixture
def table(organiser_client):
    """Return a function that gets the report as CSV, as a list of rows."""

    def table(address=CSV, **options):
        answer = organiser_client.get(address, **options)
        assert answer.status_code == 200
        assert answer.content_type == "text/csv; charset=utf-8"
        return list(csv.reader(StringIO(answer.text, newline="")))

    return table


@pytest.mark.behaviour("sales.report")
def test_the_report_has_a_line_a_voucher_and_a_total(organiser_client, sell):
    sell()

    page = organiser_client.get(PAGE)

    assert page.status_code == 200
    text = text_of(page)
    assert "SPRING 1 2 €40.00 €10.00 €0.00 €6.39 €33.61" in text
    assert "no voucher 2 1 €50.00 €0.00 €12.50 €5.99 €31.51" in text
    # From the sums: to add up the lines would be a cent short.
    assert "Total 3 3 €90.00 €10.00 €12.50 €12.37 €65.13" in text


@pytest.mark.behaviour("sales.report")
def test_a_code_is_shown_as_it_is(add_event, add_order, add_voucher, organiser_client):
    add_order(add_event(), voucher_id=add_voucher("<b>&").id)

    assert "&lt;b&gt;&amp;" in organiser_client.get(PAGE).text


@pytest.mark.behaviour("sales.report")
def test_without_orders_the_report_says_so(add_event, organiser_client):
    add_event()

    assert "There are no orders yet." in text_of(organiser_client.get(PAGE))


@pytest.mark.behaviour("sales.csv")
def test_the_report_comes_as_csv(sell, table):
    sell()

    head, *lines, total = table()

    assert ",".join(head) == "voucher,orders,seats,gross,discounts,refunds,vat,net"
    assert sorted(lines) == [
        ["SPRING", "1", "2", "40.00", "10.00", "0.00", "6.39", "33.61"],
        ["no voucher", "2", "1", "50.00", "0.00", "12.50", "5.99", "31.51"],
    ]
    assert total == ["total", "3", "3", "90.00", "10.00", "12.50", "12.37", "65.13"]


@pytest.mark.behaviour("sales.csv")
def test_large_amounts_have_no_thousands_marks(add_event, add_order, table):
    add_order(add_event(), total_cents=11_900_000)

    assert table()[-1] == ["total", "1", "1", "119000.00", "0.00", "0.00", "19000.00", "100000.00"]


@pytest.mark.behaviour("sales.csv")
def test_without_orders_there_is_head_and_total(add_event, table):
    add_event()

    _, total = table()

    assert total == ["total", "0", "0", "0.00", "0.00", "0.00", "0.00", "0.00"]


@pytest.mark.behaviour("sales.csv")
def test_a_client_may_ask_for_csv_by_its_accept_header(sell, table):
    sell()

    assert table(PAGE, headers={"Accept": "text/csv"}) == table(CSV)


@pytest.mark.behaviour("sales.csv")
@pytest.mark.parametrize(
    ("address", "accepted", "answered"),
    [
        (PAGE, "text/html,*/*;q=0.8", "text/html"),
        (PAGE, "text/html,text/csv;q=0.5", "text/html"),
        (PAGE, "*/*", "text/html"),
        (f"{PAGE}?format=html", "text/csv", "text/html"),
        (CSV, "text/html", "text/csv"),
    ],
)
def test_the_address_goes_before_the_header(
    add_event, organiser_client, address, accepted, answered
):
    add_event()

    page = organiser_client.get(address, headers={"Accept": accepted})

    assert page.mimetype == answered


@pytest.mark.behaviour("sales.defused")
@pytest.mark.parametrize("code", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_code_that_looks_like_a_formula_is_defused(
    add_event, add_order, add_voucher, table, code
):
    add_order(add_event(), voucher_id=add_voucher(code).id)

    assert table()[1][0] == f"'{code}"


@pytest.mark.behaviour("sales.defused")
def test_a_code_with_a_comma_or_quotes_stays_one_cell(add_event, add_order, add_voucher, table):
    add_order(add_event(), voucher_id=add_voucher('A,"B"').id)

    assert table()[1][0] == 'A,"B"'


@pytest.mark.behaviour("sales.refusals")
@pytest.mark.parametrize("format_", ["xml", "CSV", ""])
def test_an_unknown_format_is_refused(add_event, organiser_client, format_):
    add_event()

    answer = organiser_client.get(f"{PAGE}?format={format_}")

    assert answer.status_code == 400
    assert "html" in text_of(answer)
    assert "csv" in text_of(answer)


@pytest.mark.behaviour("sales.refusals")
@pytest.mark.parametrize("address", [PAGE, CSV])
def test_an_unknown_event_is_not_found(organiser_client, address):
    answer = organiser_client.get(address)

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)
