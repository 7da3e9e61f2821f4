"""Finding an order: reference and secret are needed, both exactly."""

import pytest

from after_service_layer.services.errors import OrderNotFound
from after_service_layer.services.orders import find_order
from tests.after.services.factories import add, an_event, an_order


@pytest.mark.behaviour("cancel.unknown_order")
@pytest.mark.behaviour("order.secret")
@pytest.mark.parametrize(
    ("reference", "secret"),
    [
        ("A0001", "secret-2"),
        ("A0001", "SECRET-1"),
        ("a0001", "secret-1"),
        ("A0001", "wörong"),
        ("ZZZZZ", "secret-1"),
    ],
)
def test_an_order_is_found_by_its_own_reference_and_secret_only(session, reference, secret):
    event = an_event()
    first = add(session, an_order(event, number=1))
    add(session, an_order(event, number=2))

    assert find_order(session, "A0001", "secret-1") == first
    with pytest.raises(OrderNotFound):
        find_order(session, reference, secret)
