"""What a page says of a rule is what the shop does.

No number is typed here: each is read from the page, and then the shop is held to it. So a page
with a number of its own fails as soon as the rule changes.
"""

import re

import pytest

from tests.kit.helpers import DAY, HOUR, NOW, TICK, text_of

UNITS = {"hours": HOUR, "days": DAY}


@pytest.fixture
def read(client):
    """Return a function that finds a pattern in the text of a page, and gives its groups."""

    def read(address, pattern):
        text = text_of(client.get(address))
        found = re.findall(pattern, text)
        assert found, f"nothing like {pattern} in: {text}"
        return found

    return read


@pytest.mark.behaviour("event.page.group_rate")
def test_the_group_rate_applies_from_as_many_seats_as_the_page_says(
    add_event, buy, gateway, read, stored
):
    event = add_event(price_cents=1000, capacity=1000, max_per_order=1000)
    [shown] = read(f"/events/{event.slug}", r"(\d+) % off from (\d+) seats")
    percent, group_from = map(int, shown)

    for quantity in (group_from - 1, group_from):
        gateway.charges()
        buy(event, checkout_id=f"form-{quantity}", quantity=quantity)

    without_rate, with_rate = stored("Order")
    assert without_rate.discount_cents == 0
    assert with_rate.discount_cents == 10 * percent * group_from


@pytest.mark.behaviour("event.page.group_rate")
@pytest.mark.usefixtures("organiser_client")
def test_the_counter_says_the_same_of_the_group_rate_and_the_vat(add_event, read):
    event = add_event()
    pattern = r"\d+ % off from \d+ seats.*\d+ % VAT"

    on_the_web = read(f"/events/{event.slug}", pattern)

    assert read(f"/organiser/events/{event.slug}/sell", pattern) == on_the_web


@pytest.mark.behaviour("event.page.vat")
def test_an_order_has_as_much_vat_in_it_as_the_page_of_its_event_says(add_event, add_order, read):
    event = add_event()
    [percent] = map(int, read(f"/events/{event.slug}", r"Prices include (\d+) % VAT"))

    order = add_order(event, total_cents=100_00 + percent * 100)

    address = f"/orders/{order.reference}/{order.secret}"
    assert read(address, r"VAT included €([\d.]+)") == [f"{percent}.00"]


@pytest.mark.behaviour("order.page.refund_ladder")
def test_a_cancellation_refunds_what_the_page_of_the_order_says(
    add_event, add_order, cancel, gateway, read, stored
):
    def order_for(time_left):
        event = add_event(f"In {time_left}", starts_at=NOW + time_left)
        return add_order(event, total_cents=100_00)

    order = order_for(1000 * DAY)
    steps = [
        (int(number) * UNITS[unit], int(percent))
        for number, unit, percent in read(
            f"/orders/{order.reference}/{order.secret}",
            r"(\d+) (hours|days) before the start you get (\d+) % back",
        )
    ]

    # A refund is what the step says until its last instant; a tick later the next step's.
    later = [percent for _, percent in steps[1:]] + [0]
    for (ahead, percent), next_percent in zip(steps, later, strict=True):
        for time_left, expected in ((ahead, percent), (ahead - TICK, next_percent)):
            if expected:
                gateway.refunds()
            cancel(order_for(time_left))
            assert stored("Order")[-1].refund_cents == expected * 100


@pytest.mark.behaviour("waitlist.page.offer_hours")
def test_an_offer_stands_for_as_long_as_the_waiting_list_says(
    add_entry, add_event, add_order, cancel, client, clock, mailbox, read, stored
):
    event = add_event(capacity=1)
    order = add_order(event, total_cents=0)
    entry = add_entry(event)
    [(number, unit)] = read(f"/events/{event.slug}", r"hold them for you for (\d+) (hours|days)")

    cancel(order)

    last_instant = NOW + int(number) * UNITS[unit]
    assert [entry.offered_until for entry in stored("WaitlistEntry")] == [last_instant]
    for instant, status in ((last_instant, 200), (last_instant + TICK, 410)):
        clock.move_to(instant)
        assert client.get(f"/waitlist/{entry.token}").status_code == status
