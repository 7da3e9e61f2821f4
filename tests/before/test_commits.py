"""What must be stored before the gateway is asked, seen as another process sees it."""

import pytest

from tests.kit.helpers import MINUTE, NOW


@pytest.fixture
def shared_app(shared_app, make_app, pytestconfig, tmp_path):
    """SQLite in memory has a single connection, which sees what is not committed, too."""
    if pytestconfig.getoption("database") != "sqlite://":
        yield shared_app
        return
    with make_app(f"sqlite:///{tmp_path}/shop.sqlite") as app:
        yield app


@pytest.fixture
def orders_seen(gateway, stored):
    """Return the list that gets, at each call of the gateway, the orders committed by then."""
    orders = []

    def look(response):
        orders.extend(stored("Order"))
        return response

    gateway.transport.response_callback = look
    return orders


@pytest.mark.behaviour("checkout.hold")
def test_the_order_is_stored_as_pending_before_the_card_is_charged(
    add_event, buy, gateway, orders_seen, stored
):
    event = add_event(price_cents=2500)
    gateway.charges()

    buy(event, quantity=2)

    [order] = orders_seen
    assert (order.status, order.quantity, order.total_cents) == ("pending", 2, 5000)
    assert (order.created_at, order.hold_until) == (NOW, NOW + 30 * MINUTE)
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("cancel.refund_due")
def test_the_order_is_stored_as_cancelled_before_the_refund(
    add_event, add_order, cancel, gateway, orders_seen, stored
):
    add_order(add_event())
    gateway.refunds()

    cancel(*stored("Order"))

    [order] = orders_seen
    assert (order.status, order.refund_state) == ("cancelled", "due")
    assert [order.refund_state for order in stored("Order")] == ["done"]
