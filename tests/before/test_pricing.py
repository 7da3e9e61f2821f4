"""What an order costs, as it is charged and stored.

The price of one seat and what a voucher takes off are the models': see tests/control.
"""

import json

import pytest

from tests.kit.helpers import NOW


@pytest.fixture
def price_of(buy, gateway, stored):
    """Return a function that buys, and gives what was charged and the order that is stored."""

    def price_of(event, **fields):
        gateway.charges()
        buy(event, **fields)
        [request] = gateway.requests
        [order] = stored("Order")
        return json.loads(request.body)["amount"], order

    return price_of


@pytest.mark.behaviour("price.early_bird")
def test_each_seat_has_the_early_bird_price_while_it_holds(add_event, price_of):
    event = add_event(price_cents=2500, early_bird_price_cents=1900, early_bird_until=NOW)

    charged, order = price_of(event, quantity=2)

    assert charged == order.total_cents == 3800
    assert order.discount_cents == 0


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
def test_from_six_seats_on_ten_percent_are_taken_off(
    add_event, price_of, quantity, price, discount, total
):
    event = add_event(price_cents=price)

    charged, order = price_of(event, quantity=quantity)

    assert (order.discount_cents, order.total_cents, charged) == (discount, total, total)


@pytest.mark.behaviour("price.voucher.percent")
def test_a_percentage_voucher_takes_its_share_off(add_event, add_voucher, price_of):
    event = add_event(price_cents=1005)
    voucher = add_voucher(kind="percent", value=10)

    charged, order = price_of(event, voucher="SPRING")

    assert (order.discount_cents, order.total_cents, charged) == (101, 904, 904)
    assert order.voucher_id == voucher.id


@pytest.mark.behaviour("price.voucher.amount")
def test_an_amount_voucher_takes_its_amount_off(add_event, add_voucher, price_of):
    event = add_event(price_cents=2500)
    voucher = add_voucher(kind="amount", value=750)

    charged, order = price_of(event, quantity=2, voucher="SPRING")

    assert (order.discount_cents, order.total_cents, charged) == (750, 4250, 4250)
    assert order.voucher_id == voucher.id


@pytest.mark.behaviour("price.best_discount")
@pytest.mark.parametrize(
    ("percent", "discount", "is_used"), [(9, 1000, False), (10, 1000, False), (11, 1100, True)]
)
def test_of_group_rate_and_voucher_the_one_that_saves_more_applies(
    add_event, add_voucher, price_of, percent, discount, is_used
):
    event = add_event(price_cents=1000)
    voucher = add_voucher(kind="percent", value=percent)

    charged, order = price_of(event, quantity=10, voucher="SPRING")

    assert (order.discount_cents, charged) == (discount, 10000 - discount)
    assert order.voucher_id == (voucher.id if is_used else None)


@pytest.mark.behaviour("price.best_discount")
def test_a_voucher_that_takes_nothing_off_is_not_used(add_event, add_voucher, buy, stored):
    event = add_event(price_cents=0)
    add_voucher(kind="amount", value=500)

    buy(event, voucher="SPRING")

    [order] = stored("Order")
    assert order.voucher_id is None
