"""What an event has brought in, by voucher; and tables for a spreadsheet program."""

import pytest

from after_service_layer.services.sales import Line, sales_by_voucher, sales_total
from after_service_layer.support.spreadsheet import csv_text, plain_euros
from tests.after.factories import a_voucher, add, an_event, an_order

SPRING = Line("SPRING", 1, 2, 4000, 1000, 0)
WITHOUT = Line("no voucher", 2, 1, 5000, 0, 1250)


@pytest.mark.behaviour("sales.report")
@pytest.mark.parametrize(
    ("gross", "refunds", "vat", "net"),
    [(11900, 0, 1900, 10000), (5000, 1250, 599, 3151), (2500, 2500, 0, 0), (0, 0, 0, 0)],
)
def test_what_was_given_back_has_no_vat_in_it(gross, refunds, vat, net):
    line = Line("SPRING", 1, 1, gross, 0, refunds)

    assert (line.vat_cents, line.net_cents) == (vat, net)


@pytest.mark.behaviour("sales.report")
def test_the_total_is_of_the_sums():
    total = sales_total([SPRING, WITHOUT])

    assert total == Line("total", 3, 3, 9000, 1000, 1250)
    # To add up the lines would be a cent short.
    assert (total.vat_cents, total.net_cents) == (1237, 6513)


@pytest.mark.behaviour("sales.report")
def test_the_total_of_nothing_is_nothing():
    assert sales_total([]) == Line("total", 0, 0, 0, 0, 0)


@pytest.mark.behaviour("sales.report")
def test_there_is_a_line_a_voucher_and_one_for_the_rest(session):
    event, spring = an_event(), a_voucher("SPRING")
    with_voucher = {"voucher": spring, "total_cents": 4000, "discount_cents": 1000}
    add(session, an_order(event, quantity=2, number=1, **with_voucher))
    add(session, an_order(event, quantity=1, number=2))
    add(session, an_order(event, "cancelled", refund_cents=1250, number=3))

    assert sales_by_voucher(session, event) == [SPRING, WITHOUT]


@pytest.mark.behaviour("sales.report")
@pytest.mark.parametrize("status", ["pending", "declined", "expired"])
def test_only_orders_that_were_paid_are_sales(session, status):
    event = an_event()
    add(session, an_order(event, status, voucher=a_voucher()))

    assert sales_by_voucher(session, event) == []


@pytest.mark.behaviour("sales.report")
def test_another_event_s_orders_are_its_own(session):
    event = add(session, an_event())
    add(session, an_order(an_event("Jazz")))

    assert sales_by_voucher(session, event) == []


@pytest.mark.behaviour("sales.report")
def test_the_lines_come_by_code_and_the_rest_last(session):
    event = an_event()
    vouchers = [None, a_voucher("ZEBRA"), a_voucher("ANT")]
    for number, voucher in enumerate(vouchers):
        add(session, an_order(event, voucher=voucher, number=number))

    codes = [line.voucher for line in sales_by_voucher(session, event)]

    assert codes == ["ANT", "ZEBRA", "no voucher"]


@pytest.mark.behaviour("sales.csv")
def test_a_table_is_lines_with_commas():
    assert csv_text([["voucher", "seats"], ["SPRING", 2]]) == "voucher,seats\r\nSPRING,2\r\n"


@pytest.mark.behaviour("sales.csv")
@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0.00"), (5, "0.05"), (1250, "12.50"), (11_900_000, "119000.00"), (-1250, "-12.50")],
)
def test_an_amount_is_a_number_of_euros_without_marks(cents, text):
    assert plain_euros(cents) == text


@pytest.mark.behaviour("sales.defused")
@pytest.mark.parametrize("code", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_text_that_looks_like_a_formula_is_defused(code):
    assert csv_text([[code]]) == f"'{code}\r\n"


@pytest.mark.behaviour("sales.defused")
def test_a_text_that_starts_with_a_line_break_is_defused_too():
    assert csv_text([["\r=1"]]) == '"\'\r=1"\r\n'


@pytest.mark.behaviour("sales.defused")
def test_a_number_is_none():
    assert csv_text([[-1]]) == "-1\r\n"


@pytest.mark.behaviour("sales.defused")
def test_a_text_with_a_comma_or_quotes_stays_one_cell():
    assert csv_text([['A,"B"']]) == '"A,""B"""\r\n'
