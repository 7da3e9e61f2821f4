"""What an order costs: a function of event, seats, voucher and instant.

The price of one seat and what a voucher takes off are the models': see tests/control.
"""

import pytest

from after_service_layer.models import VoucherKind
from after_service_layer.services.pricing import Price, price_order
from tests.after.services.factories import a_voucher, an_event
from tests.kit.helpers import NOW


@pytest.mark.behaviour("price.early_bird")
def test_each_seat_has_the_early_bird_price_while_it_holds():
    event = an_event(price_cents=2500, early_bird_price_cents=1900, early_bird_until=NOW)

    assert price_order(event, 2, None, now=NOW) == Price(3800, 0, None)


@pytest.mark.behaviour("price.group")
@pytest.mark.parametrize(
    ("quantity", "price", "discount", "total"),
    [
        (5, 2500, 0, 12500),
        (6, 2500, 1500, 13500),
        (7, 2500, 1750, 15750),
        (7, 125, 88, 787),  # 87.5 is rounded up
        (6, 333, 200, 1798),
    ],
)
def test_from_six_seats_on_ten_percent_are_taken_off(quantity, price, discount, total):
    event = an_event(price_cents=price)

    assert price_order(event, quantity, None, now=NOW) == Price(total, discount, None)


@pytest.mark.behaviour("price.voucher.percent")
def test_a_percentage_voucher_takes_its_share_off():
    voucher = a_voucher(kind=VoucherKind.PERCENT, value=10)

    price = price_order(an_event(price_cents=1005), 1, voucher, now=NOW)

    assert price == Price(904, 101, voucher)


@pytest.mark.behaviour("price.voucher.amount")
def test_an_amount_voucher_takes_its_amount_off():
    voucher = a_voucher(kind=VoucherKind.AMOUNT, value=750)

    price = price_order(an_event(price_cents=2500), 2, voucher, now=NOW)

    assert price == Price(4250, 750, voucher)


@pytest.mark.behaviour("price.best_discount")
@pytest.mark.parametrize(
    ("percent", "discount", "is_used"), [(9, 1000, False), (10, 1000, False), (11, 1100, True)]
)
def test_of_group_rate_and_voucher_the_one_that_saves_more_applies(percent, discount, is_used):
    voucher = a_voucher(kind=VoucherKind.PERCENT, value=percent)

    price = price_order(an_event(price_cents=1000), 10, voucher, now=NOW)

    assert price == Price(10000 - discount, discount, voucher if is_used else None)


@pytest.mark.behaviour("price.best_discount")
def test_a_voucher_that_takes_nothing_off_is_not_used():
    voucher = a_voucher(kind=VoucherKind.AMOUNT, value=500)

    assert price_order(an_event(price_cents=0), 1, voucher, now=NOW) == Price(0, 0, None)
