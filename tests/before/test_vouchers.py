"""Vouchers at the checkout: each reason to refuse one has its sentence on the page.

When a voucher can be used is the model's: see tests/control/test_voucher_rules.py.
"""

import pytest

from tests.kit.helpers import NOW, TICK, text_of


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


@pytest.mark.parametrize(
    ("differences", "sentence"),
    [
        pytest.param(
            {"valid_from": NOW + TICK},
            "The voucher SPRING is not valid yet.",
            marks=pytest.mark.behaviour("checkout.voucher.early"),
        ),
        pytest.param(
            {"valid_until": NOW - TICK},
            "The voucher SPRING is no longer valid.",
            marks=pytest.mark.behaviour("checkout.voucher.lapsed"),
        ),
        pytest.param(
            {"max_uses": 0},
            "The voucher SPRING is used up.",
            marks=pytest.mark.behaviour("checkout.voucher.used_up"),
        ),
    ],
)
def test_a_voucher_that_cannot_be_used_is_refused_with_its_sentence(
    add_event, add_full_voucher, buy_with, stored, differences, sentence
):
    add_full_voucher(**differences)

    status, text = buy_with(add_event())

    assert status == 422
    assert sentence in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.other_event")
def test_a_voucher_for_another_event_is_refused_with_its_sentence(
    add_event, add_full_voucher, buy_with, stored
):
    add_full_voucher(event_id=add_event("Winter Overtures").id)

    status, text = buy_with(add_event())

    assert status == 422
    assert "The voucher SPRING is for another event." in text
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.voucher.case")
@pytest.mark.parametrize("code", ["spring", "Spring", " SPRING "])
def test_a_code_is_matched_in_any_case(add_event, add_full_voucher, buy_with, code):
    add_full_voucher()

    status, _ = buy_with(add_event(), code)

    assert status == 303
