"""The sales report of an event: a line for each voucher, and the total."""

import pytest

from after_service_layer.services.sales import Line, sales_by_voucher, sales_total
from tests.after.services.factories import a_voucher, add, an_event, an_order

SPRING = Line("SPRING", 1, 2, 4000, 1000, 0)
WITHOUT = Line("no voucher", 2, 1, 5000, 0, 1250)


@pytest.mark.behaviour("sales.report")
@pytest.mark.parametrize(
    ("gross", "refunds", "vat", "net"),
    [(11900, 0, 1900, 10000), (5000, 1250, 599, 3151), (2500, 2500, 0, 0), (0, 0, 0, 0)],
)
def test_a_refund_has_no_vat_in_it(gross, refunds, vat, net):
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
def test_the_orders_of_another_event_do_not_count(session):
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
