"""Which vouchers a checkout accepts."""

import pytest

from tests.before.helpers import NOW, TICK, text_of


@pytest.fixture
def buy_with(buy):
    """Return a function that buys with the voucher SPRING, and gives status and words."""

    def buy_with(event, code="SPRING"):
        answer = buy(event, voucher=code)
        return answer.status_code, text_of(answer)

    return buy_with


@pytest.fixture
def add_full_voucher(add_voucher):
    """Return a function that stores a voucher over everything: it is accepted with no charge."""
    return lambda **differences: add_voucher("SPRING", kind="percent", value=100, **differences)


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_voucher_that_does_not_exist_is_refused(add_event, buy_with, stored):
    status, text = buy_with(add_event(), code="SPRING")

    assert status == 422
    assert "There is no voucher SPRING." in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.unknown")
def test_a_refused_voucher_goes_before_missing_seats(add_event, buy_with):
    status, _ = buy_with(add_event(capacity=0), code="NONE")

    assert status == 422


@pytest.mark.behaviour("checkout.voucher.early")
def test_a_voucher_before_its_first_instant_is_refused(
    add_event, add_full_voucher, buy_with, stored
):
    add_full_voucher(valid_from=NOW + TICK)

    status, text = buy_with(add_event())

    assert status == 422
    assert "The voucher SPRING is not valid yet." in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.early")
def test_a_voucher_holds_from_its_first_instant_on(add_event, add_full_voucher, buy_with):
    add_full_voucher(valid_from=NOW)

    status, _ = buy_with(add_event())

    assert status == 303


@pytest.mark.behaviour("checkout.voucher.lapsed")
def test_a_voucher_after_its_last_instant_is_refused(
    add_event, add_full_voucher, buy_with, stored
):
    add_full_voucher(valid_until=NOW - TICK)

    status, text = buy_with(add_event())

    assert status == 422
    assert "The voucher SPRING is no longer valid." in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.lapsed")
def test_a_voucher_holds_at_its_last_instant(add_event, add_full_voucher, buy_with):
    add_full_voucher(valid_until=NOW)

    status, _ = buy_with(add_event())

    assert status == 303


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_another_event_is_refused(add_event, add_full_voucher, buy_with, stored):
    add_full_voucher(event_id=add_event("Winter Overtures").id)

    status, text = buy_with(add_event())

    assert status == 422
    assert "The voucher SPRING is for another event." in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_this_event_is_accepted(add_event, add_full_voucher, buy_with):
    event = add_event()
    add_full_voucher(event_id=event.id)

    status, _ = buy_with(event)

    assert status == 303


@pytest.mark.behaviour("checkout.voucher.used_up")
@pytest.mark.parametrize("status_of_use", ["pending", "paid"])
def test_pending_and_paid_orders_use_a_voucher_up(
    add_event, add_full_voucher, add_order, buy_with, stored, status_of_use
):
    event = add_event()
    voucher = add_full_voucher(max_uses=2)
    add_order(event, "paid", voucher_id=voucher.id)
    add_order(event, status_of_use, voucher_id=voucher.id)

    status, text = buy_with(event)

    assert status == 422
    assert "The voucher SPRING is used up." in text
    assert len(stored("Order")) == 2


@pytest.mark.behaviour("checkout.voucher.used_up")
@pytest.mark.parametrize("status_of_use", ["declined", "expired", "cancelled"])
def test_other_orders_do_not_use_a_voucher_up(
    add_event, add_full_voucher, add_order, buy_with, status_of_use
):
    event = add_event()
    voucher = add_full_voucher(max_uses=2)
    add_order(event, "paid", voucher_id=voucher.id)
    add_order(event, status_of_use, voucher_id=voucher.id)

    status, _ = buy_with(event)

    assert status == 303


@pytest.mark.behaviour("checkout.voucher.case")
@pytest.mark.parametrize("code", ["spring", "Spring", " SPRING "])
def test_a_code_is_matched_in_any_case(add_event, add_full_voucher, buy_with, code):
    add_full_voucher()

    status, _ = buy_with(add_event(), code)

    assert status == 303
