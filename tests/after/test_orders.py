"""What the buyer's page of an order is made of: the VAT in its total, and its refund."""

import pytest

from after_service_layer.services.cancellation import refund_now
from after_service_layer.services.errors import CannotCancel
from after_service_layer.support.money import net_of
from tests.after.factories import an_event, an_order
from tests.after.helpers import DAY, NOW, TICK


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("total", "vat"), [(2500, 399), (11900, 1900), (1, 0), (123456, 19711), (0, 0)]
)
def test_a_total_has_its_vat_in_it(total, vat):
    assert total - net_of(total) == vat


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("time_left", "refund"), [(14 * DAY, 2501), (14 * DAY - TICK, 1251), (2 * DAY - TICK, 0)]
)
def test_what_a_cancellation_would_give_back_now(time_left, refund):
    order = an_order(an_event(starts_at=NOW + time_left), total_cents=2501)

    assert refund_now(order, now=NOW) == refund


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("status", "starts_at"), [("pending", NOW + DAY), ("cancelled", NOW + DAY), ("paid", NOW)]
)
def test_there_is_no_refund_where_there_is_no_cancellation(status, starts_at):
    order = an_order(an_event(starts_at=starts_at), status)

    with pytest.raises(CannotCancel):
        refund_now(order, now=NOW)
