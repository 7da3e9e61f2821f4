"""Vouchers at the checkout: a voucher that cannot be used is refused with its reason.

When a voucher can be used is the model's: see tests/control/test_voucher_rules.py.
"""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.errors import VoucherRefused, VoucherUnknown
from tests.after.services.factories import a_purchase, a_voucher, add, an_event, saved
from tests.kit.helpers import NOW, TICK


@pytest.fixture
def event(session):
    return add(session, an_event(price_cents=0))


@pytest.fixture
def buy_with(checkout, event):
    """Return a function that buys a seat with a voucher."""
    return lambda code="SPRING": checkout.place(event, a_purchase(voucher_code=code))


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_voucher_that_does_not_exist_is_refused(buy_with, session):
    with pytest.raises(VoucherUnknown) as refused:
        buy_with("SPRING")

    assert refused.value.voucher == "SPRING"
    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_refused_voucher_goes_before_missing_seats(checkout, session):
    event = add(session, an_event(capacity=0))

    with pytest.raises(VoucherUnknown):
        checkout.place(event, a_purchase(voucher_code="NONE"))


@pytest.mark.parametrize(
    ("differences", "code"),
    [
        pytest.param(
            {"valid_from": NOW + TICK},
            "voucher_not_yet_valid",
            marks=pytest.mark.behaviour("checkout.voucher.early"),
        ),
        pytest.param(
            {"valid_until": NOW - TICK},
            "voucher_lapsed",
            marks=pytest.mark.behaviour("checkout.voucher.lapsed"),
        ),
        pytest.param(
            {"max_uses": 0},
            "voucher_used_up",
            marks=pytest.mark.behaviour("checkout.voucher.used_up"),
        ),
    ],
)
def test_a_voucher_that_cannot_be_used_is_refused_with_its_reason(
    buy_with, session, differences, code
):
    add(session, a_voucher(**differences))

    with pytest.raises(VoucherRefused) as refused:
        buy_with("SPRING")

    assert (refused.value.code, refused.value.voucher) == (code, "SPRING")
    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_another_event_is_refused_with_its_reason(buy_with, session):
    add(session, a_voucher(event=an_event("Winter Overtures")))

    with pytest.raises(VoucherRefused) as refused:
        buy_with("SPRING")

    assert refused.value.code == "voucher_for_another_event"
    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.case")
@pytest.mark.parametrize("code", ["spring", "Spring"])
def test_a_code_is_matched_in_any_case(buy_with, session, code):
    add(session, a_voucher("SPRING"))

    assert buy_with(code).status == "paid"
