"""Which vouchers a checkout accepts."""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.errors import VoucherRefused
from tests.after.factories import a_purchase, a_voucher, add, an_event, an_order, saved
from tests.after.helpers import NOW, TICK


@pytest.fixture
def event(session):
    return add(session, an_event(price_cents=0))


@pytest.fixture
def buy_with(checkout, event):
    """Return a function that buys a seat with a voucher."""
    return lambda code="SPRING": checkout.place(event, a_purchase(voucher_code=code))


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_voucher_that_does_not_exist_is_refused(buy_with, session):
    with pytest.raises(VoucherRefused, match=r"^There is no voucher SPRING\.$"):
        buy_with("SPRING")

    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_refused_voucher_goes_before_missing_seats(checkout, session):
    event = add(session, an_event(capacity=0))

    with pytest.raises(VoucherRefused):
        checkout.place(event, a_purchase(voucher_code="NONE"))


@pytest.mark.behaviour("checkout.voucher.early")
def test_a_voucher_before_its_first_instant_is_refused(buy_with, session):
    add(session, a_voucher(valid_from=NOW + TICK))

    with pytest.raises(VoucherRefused, match=r"^The voucher SPRING is not valid yet\.$"):
        buy_with("SPRING")

    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.early")
def test_a_voucher_holds_from_its_first_instant_on(buy_with, session):
    add(session, a_voucher(valid_from=NOW))

    assert buy_with("SPRING").status == "paid"


@pytest.mark.behaviour("checkout.voucher.lapsed")
def test_a_voucher_after_its_last_instant_is_refused(buy_with, session):
    add(session, a_voucher(valid_until=NOW - TICK))

    with pytest.raises(VoucherRefused, match=r"^The voucher SPRING is no longer valid\.$"):
        buy_with("SPRING")

    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.lapsed")
def test_a_voucher_holds_at_its_last_instant(buy_with, session):
    add(session, a_voucher(valid_until=NOW))

    assert buy_with("SPRING").status == "paid"


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_another_event_is_refused(buy_with, session):
    add(session, a_voucher(event=an_event("Winter Overtures")))

    with pytest.raises(VoucherRefused, match=r"^The voucher SPRING is for another event\.$"):
        buy_with("SPRING")

    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_this_event_is_accepted(buy_with, event, session):
    add(session, a_voucher(event=event))

    assert buy_with("SPRING").status == "paid"


@pytest.mark.behaviour("checkout.voucher.used_up")
@pytest.mark.parametrize("status_of_use", ["pending", "paid"])
def test_pending_and_paid_orders_use_a_voucher_up(buy_with, event, session, status_of_use):
    voucher = add(session, a_voucher(max_uses=2))
    add(session, an_order(event, "paid", voucher=voucher, number=1))
    add(session, an_order(event, status_of_use, voucher=voucher, number=2))

    with pytest.raises(VoucherRefused, match=r"^The voucher SPRING is used up\.$"):
        buy_with("SPRING")

    assert len(saved(session, Order)) == 2


@pytest.mark.behaviour("checkout.voucher.used_up")
@pytest.mark.parametrize("status_of_use", ["declined", "expired", "cancelled"])
def test_other_orders_do_not_use_a_voucher_up(buy_with, event, session, status_of_use):
    voucher = add(session, a_voucher(max_uses=2))
    add(session, an_order(event, "paid", voucher=voucher, number=1))
    add(session, an_order(event, status_of_use, voucher=voucher, number=2))

    assert buy_with("SPRING").status == "paid"


@pytest.mark.behaviour("checkout.voucher.case")
@pytest.mark.parametrize("code", ["spring", "Spring"])
def test_a_code_is_matched_in_any_case(buy_with, session, code):
    add(session, a_voucher("SPRING"))

    assert buy_with(code).status == "paid"
