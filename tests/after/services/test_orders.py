"""What the buyer's page says of a cancellation: the refund of this instant."""

import pytest

from after_service_layer.services.cancellation import refund_now
from after_service_layer.services.errors import EventStarted, OrderNotPaid
from tests.after.services.factories import an_event, an_order
from tests.kit.helpers import DAY, NOW, TICK


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("time_left", "refund"), [(14 * DAY, 2501), (14 * DAY - TICK, 1251), (2 * DAY - TICK, 0)]
)
def test_what_a_cancellation_would_refund_now(time_left, refund):
    order = an_order(an_event(starts_at=NOW + time_left), total_cents=2501)

    assert refund_now(order, now=NOW) == refund


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("status", "starts_at", "refusal"),
    [
        ("pending", NOW + DAY, OrderNotPaid),
        ("cancelled", NOW + DAY, OrderNotPaid),
        ("paid", NOW, EventStarted),
    ],
)
def test_there_is_no_refund_where_there_is_no_cancellation(status, starts_at, refusal):
    order = an_order(an_event(starts_at=starts_at), status)

    with pytest.raises(refusal):
        refund_now(order, now=NOW)
