"""What an order decides by itself: its status, its payment, its refund. The model is tested."""

from itertools import product

import pytest

from tests.kit.helpers import MINUTE, NOW, TICK

STATUSES = ["pending", "paid", "declined", "expired", "cancelled"]
ALLOWED = {
    ("pending", "paid"),
    ("pending", "declined"),
    ("pending", "expired"),
    ("paid", "cancelled"),
    ("declined", "paid"),
    ("expired", "paid"),
}
LAPSED = {"hold_until": NOW - TICK}


@pytest.mark.behaviour("order.transitions")
@pytest.mark.parametrize(("status", "to"), sorted(ALLOWED))
def test_an_order_moves_by_the_ways_that_there_are(models, status, to):
    order = models.Order(status=status)

    order.move_to(to)

    assert order.status == to


@pytest.mark.behaviour("order.transitions")
@pytest.mark.parametrize(("status", "to"), sorted({*product(STATUSES, STATUSES)} - ALLOWED))
def test_an_order_moves_by_no_other_way(models, status, to):
    order = models.Order(status=status)

    with pytest.raises(ValueError, match=f"^An order cannot go from {status} to {to}"):
        order.move_to(to)

    assert order.status == status


@pytest.mark.behaviour("order.transitions")
def test_these_are_all_statuses(models):
    assert [*models.OrderStatus] == STATUSES
    assert set(models.TRANSITIONS) == {*STATUSES}


@pytest.mark.behaviour("order.pay")
def test_a_paid_order_has_its_charge_and_a_ticket_for_each_code(models):
    order = models.Order(status="pending")

    order.pay("ch_1", ["code-1", "code-2"], NOW)

    assert (order.status, order.charge_id) == ("paid", "ch_1")
    assert [ticket.code for ticket in order.tickets] == ["code-1", "code-2"]


@pytest.mark.behaviour("order.pay")
def test_its_confirmation_is_claimed_for_a_minute(models):
    order = models.Order(status="pending")

    order.pay(None, ["code-1"], NOW)

    assert (order.charge_id, order.mail_claimed_until) == (None, NOW + MINUTE)


@pytest.mark.behaviour("order.pay")
@pytest.mark.parametrize(("status", "then"), [("offered", "taken"), ("lapsed", "lapsed")])
def test_an_offer_that_stands_is_used_when_its_order_is_paid(models, status, then):
    order = models.Order(status="declined", offer=models.WaitlistEntry(status=status))

    order.pay("ch_1", ["code-1"], NOW)

    assert order.offer.status == then


@pytest.mark.behaviour("order.pay")
def test_a_cancelled_order_cannot_be_paid(models):
    order = models.Order(status="cancelled")

    with pytest.raises(ValueError, match="cannot go from cancelled to paid"):
        order.pay("ch_1", ["code-1"], NOW)

    assert order.tickets == []


@pytest.mark.behaviour("order.settled")
@pytest.mark.parametrize(
    ("status", "charge_id", "is_settled"),
    [
        ("paid", None, True),
        ("cancelled", None, True),
        ("pending", None, False),
        ("declined", None, False),
        ("expired", None, False),
        ("declined", "ch_1", True),
        ("expired", "ch_1", True),
    ],
)
def test_an_order_is_settled_when_paid_cancelled_or_charged(models, status, charge_id, is_settled):
    assert models.Order(status=status, charge_id=charge_id).is_settled == is_settled


@pytest.mark.behaviour("order.refund_due")
@pytest.mark.parametrize(("cents", "state"), [(1, "due"), (0, "none")])
def test_a_refund_of_something_is_due(models, cents, state):
    order = models.Order()

    order.mark_refund_due(cents)

    assert (order.refund_cents, order.refund_state) == (cents, state)


@pytest.mark.behaviour("order.payable")
@pytest.mark.parametrize("hold_until", [NOW + TICK, NOW])
def test_a_pending_order_whose_hold_stands_can_be_paid(models, hold_until):
    assert models.Order(status="pending", hold_until=hold_until).can_be_paid(NOW)


@pytest.fixture
def can_be_paid(models, session):
    """Return a function that asks a stored order whether it can be paid at NOW."""
    return lambda order: session.get(models.Order, order.id).can_be_paid(NOW)


@pytest.mark.behaviour("order.payable")
@pytest.mark.parametrize("status", ["pending", "expired", "declined"])
@pytest.mark.parametrize(("sold", "payable"), [(2, True), (3, False)])
def test_an_order_whose_hold_is_over_needs_its_seats(
    add_event, add_order, can_be_paid, status, sold, payable
):
    event = add_event(capacity=4)
    add_order(event, quantity=sold)

    assert can_be_paid(add_order(event, status, quantity=2, **LAPSED)) == payable


@pytest.mark.behaviour("order.payable")
@pytest.mark.parametrize(
    ("status", "max_uses", "payable"),
    [
        ("expired", 2, True),
        ("declined", 2, True),
        ("expired", 1, False),
        ("declined", 1, False),
        # It has a use of its voucher as long as it is pending.
        ("pending", 1, True),
    ],
)
def test_an_order_that_was_ended_needs_a_use_of_its_voucher_again(
    add_event, add_order, add_voucher, can_be_paid, status, max_uses, payable
):
    event, voucher = add_event(), add_voucher(max_uses=max_uses)
    add_order(event, voucher_id=voucher.id)

    order = add_order(event, status, voucher_id=voucher.id, **LAPSED)

    assert can_be_paid(order) == payable


@pytest.mark.behaviour("order.payable")
def test_the_uses_of_its_voucher_are_counted_under_a_lock(
    add_event, add_order, add_voucher, can_be_paid, models, session
):
    voucher = add_voucher()

    can_be_paid(add_order(add_event(), "expired", voucher_id=voucher.id))

    assert session.get(models.Voucher, voucher.id).locks_taken == 1


@pytest.mark.behaviour("order.payable")
@pytest.mark.parametrize(
    ("capacity", "offered_until", "payable"),
    [(2, NOW, True), (2, NOW - TICK, True), (1, NOW, False)],
    ids=["its offer holds them", "nothing holds them", "fewer seats than ordered"],
)
def test_an_order_may_take_the_seats_of_its_own_offer(
    add_entry, add_event, add_order, can_be_paid, capacity, offered_until, payable
):
    event = add_event(capacity=capacity)
    offer = add_entry(event, "offered", quantity=capacity, offered_until=offered_until)

    order = add_order(event, "declined", quantity=2, offer_id=offer.id)

    assert can_be_paid(order) == payable


@pytest.mark.behaviour("order.payable")
def test_an_order_may_not_take_the_seats_of_the_offer_of_another(
    add_entry, add_event, add_order, can_be_paid
):
    event = add_event(capacity=1)
    add_entry(event, "offered")

    assert not can_be_paid(add_order(event, "declined"))


@pytest.mark.behaviour("order.decline")
def test_a_declined_order_without_an_offer_is_only_declined(models):
    order = models.Order(status="pending")

    order.decline(NOW)

    assert order.status == "declined"


@pytest.mark.behaviour("order.decline")
@pytest.mark.parametrize(("sold", "status"), [(0, "offered"), (1, "taken")])
def test_the_offer_of_a_declined_order_stands_again_while_all_its_seats_are_free(
    add_entry, add_event, add_order, models, session, sold, status
):
    event = add_event(capacity=2)
    offer = add_entry(event, "taken", quantity=2)
    if sold:
        add_order(event, quantity=sold)
    stored = add_order(event, "pending", quantity=1, offer_id=offer.id)

    order = session.get(models.Order, stored.id)
    order.decline(NOW)

    assert (order.offer.status, order.offer.offered_until) == (status, offer.offered_until)
