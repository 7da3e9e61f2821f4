"""Which process may send a mail now, and whether the mail is still true. The models are tested."""

import pytest

from tests.kit.helpers import DAY, MINUTE, NOW, TICK


@pytest.fixture
def order(add_event, add_order, models, session):
    """A paid order whose confirmation was not sent."""
    return session.get(models.Order, add_order(add_event(), confirmation_sent_at=None).id)


@pytest.mark.behaviour("mail.claimed")
@pytest.mark.parametrize(("later", "claimed"), [(MINUTE, False), (MINUTE + TICK, True)])
def test_a_mail_is_claimed_by_one_process_for_a_minute(models, order, later, claimed):
    confirmation = models.Order.confirmation_sent_at

    assert order.claim_mail(confirmation, NOW)
    assert order.claim_mail(confirmation, NOW + later) == claimed


@pytest.mark.behaviour("mail.claimed")
def test_a_mail_that_was_sent_cannot_be_claimed_again(models, order, session):
    confirmation = models.Order.confirmation_sent_at
    order.claim_mail(confirmation, NOW)

    order.finish_mail(confirmation, NOW)

    session.refresh(order)
    assert (order.confirmation_sent_at, order.mail_claimed_until) == (NOW, None)
    assert not order.claim_mail(confirmation, NOW)


@pytest.mark.behaviour("mail.claimed")
def test_a_mail_that_could_not_be_sent_can_be_claimed_at_once(models, order, session):
    confirmation = models.Order.confirmation_sent_at
    order.claim_mail(confirmation, NOW)

    order.finish_mail(confirmation, None)

    session.refresh(order)
    assert (order.confirmation_sent_at, order.mail_claimed_until) == (None, None)
    assert order.claim_mail(confirmation, NOW)


@pytest.mark.behaviour("mail.claimed")
def test_a_mail_has_an_id_of_its_own_that_stays_the_same(models):
    orders = [models.Order(id=number, created_at=NOW) for number in (1, 2)]
    columns = [models.Order.confirmation_sent_at, models.Order.reminder_sent_at]

    ids = [order.mail_id(column) for order in orders for column in columns]

    assert len(set(ids)) == 4
    assert ids == [order.mail_id(column) for order in orders for column in columns]


DUE = {
    "confirmation_sent_at": {"paid"},
    "reminder_sent_at": {"paid"},
    "refund_notice_sent_at": {"declined", "expired"},
}


@pytest.mark.behaviour("mail.due")
@pytest.mark.parametrize("mail", DUE)
@pytest.mark.parametrize("status", ["pending", "paid", "declined", "expired", "cancelled"])
def test_the_mail_of_an_order_is_due_in_these_states(
    add_event, add_order, models, session, mail, status
):
    stored = add_order(add_event(), status, confirmation_sent_at=None)

    order = session.get(models.Order, stored.id)

    assert order.claim_mail(getattr(models.Order, mail), NOW) == (status in DUE[mail])


@pytest.mark.behaviour("mail.due")
@pytest.mark.parametrize(("starts_at", "is_due"), [(NOW + TICK, True), (NOW, False)])
def test_a_reminder_is_due_until_the_event_starts(
    add_event, add_order, models, session, starts_at, is_due
):
    order = session.get(models.Order, add_order(add_event(starts_at=starts_at)).id)

    assert order.claim_mail(models.Order.reminder_sent_at, NOW) == is_due


@pytest.mark.behaviour("mail.due")
@pytest.mark.parametrize(
    ("status", "offered_until", "is_due"),
    [
        ("offered", NOW, True),
        ("offered", NOW - TICK, False),
        ("waiting", NOW + DAY, False),
        ("taken", NOW + DAY, False),
        ("lapsed", NOW + DAY, False),
    ],
)
def test_the_mail_of_an_offer_is_due_while_the_offer_stands(
    add_entry, add_event, models, session, status, offered_until, is_due
):
    facts = {"offered_until": offered_until, "offer_sent_at": None}
    stored = add_entry(add_event(), status, **facts)

    entry = session.get(models.WaitlistEntry, stored.id)

    assert entry.claim_mail(models.WaitlistEntry.offer_sent_at, NOW) == is_due
