"""When a voucher can be used, and what it takes off. The model is tested."""

import pytest

from tests.kit.helpers import NOW, TICK


@pytest.mark.behaviour("voucher.dates")
def test_a_voucher_cannot_be_used_before_its_first_instant(models):
    voucher = models.Voucher(valid_from=NOW + TICK)

    assert voucher.refusal(models.Event(), NOW) == models.VoucherRefusal.NOT_YET_VALID


@pytest.mark.behaviour("voucher.dates")
def test_a_voucher_cannot_be_used_after_its_last_instant(models):
    voucher = models.Voucher(valid_until=NOW - TICK)

    assert voucher.refusal(models.Event(), NOW) == models.VoucherRefusal.LAPSED


@pytest.mark.behaviour("voucher.event")
def test_a_voucher_for_another_event_cannot_be_used(models):
    voucher = models.Voucher(event_id=1)

    assert voucher.refusal(models.Event(id=2), NOW) == models.VoucherRefusal.OTHER_EVENT


@pytest.fixture
def refusal(models, session):
    """Return a function that asks a stored voucher why it cannot be used for an event at NOW."""
    return lambda voucher, event: session.get(models.Voucher, voucher.id).refusal(event, NOW)


@pytest.mark.behaviour("voucher.dates")
@pytest.mark.parametrize("dates", [{"valid_from": NOW}, {"valid_until": NOW}, {}], ids=repr)
def test_a_voucher_can_be_used_at_its_first_and_its_last_instant(
    add_voucher, models, refusal, dates
):
    assert refusal(add_voucher(**dates), models.Event()) is None


@pytest.mark.behaviour("voucher.event")
def test_a_voucher_can_be_used_for_its_own_event(add_event, add_voucher, refusal):
    event = add_event()

    assert refusal(add_voucher(event_id=event.id), event) is None


@pytest.mark.behaviour("voucher.uses")
@pytest.mark.parametrize(
    ("status", "is_used_up"),
    [
        ("pending", True),
        ("paid", True),
        ("declined", False),
        ("expired", False),
        ("cancelled", False),
    ],
)
def test_only_pending_and_paid_orders_use_a_voucher_up(
    add_event, add_order, add_voucher, models, refusal, status, is_used_up
):
    event, voucher = add_event(), add_voucher(max_uses=2)
    add_order(event, "paid", voucher_id=voucher.id)
    add_order(event, status, voucher_id=voucher.id)

    assert refusal(voucher, event) == (models.VoucherRefusal.USED_UP if is_used_up else None)


@pytest.mark.behaviour("voucher.uses")
def test_orders_with_another_voucher_do_not_count(add_event, add_order, add_voucher, refusal):
    event, voucher = add_event(), add_voucher(max_uses=1)
    add_order(event, voucher_id=add_voucher("AUTUMN").id)
    add_order(event)

    assert refusal(voucher, event) is None


@pytest.mark.behaviour("voucher.discount")
@pytest.mark.parametrize(
    ("percent", "gross", "discount"),
    [
        (15, 2500, 375),
        (10, 1005, 101),  # 100.5 is rounded up
        (10, 1025, 103),  # and 102.5 too
        (10, 1024, 102),
        (100, 2501, 2501),
    ],
)
def test_a_percentage_voucher_takes_its_share_off(models, percent, gross, discount):
    assert models.Voucher(kind="percent", value=percent).discount(gross) == discount


@pytest.mark.behaviour("voucher.discount")
@pytest.mark.parametrize(("value", "discount"), [(750, 750), (2500, 2500), (2501, 2500)])
def test_an_amount_voucher_takes_its_amount_off_and_never_more_than_all(models, value, discount):
    assert models.Voucher(kind="amount", value=value).discount(2500) == discount
