"""Pages that look at many rows run as many SQL statements as for a few rows, in both apps."""

import pytest
from sqlalchemy import event

from workbench.bench.shops import EVENT, Shop, Visitor, no_outside_world

PAGES = (
    "/",
    "/?sort=price&per_page=50",
    "/?q=event&category=music&when=month&sort=title",
    f"/organiser/events/{EVENT}/sales",
)


def count_statements(engine, visitor, page):
    statements = []

    def note(connection, cursor, statement, *rest):
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    answer = visitor.get(page)
    event.remove(engine, "before_cursor_execute", note)
    assert answer.status_code == 200
    return len(statements)


@pytest.mark.parametrize("name", ["before", "after"])
def test_more_events_and_more_orders_need_no_more_statements(name):
    with no_outside_world():
        shop = Shop(name)
        visitor = Visitor(shop.app)
        visitor.log_in()
        counts = []
        for events, orders in ((10, 3), (300, 20)):
            slugs = [f"event-{events}-{number}" for number in range(events)]
            shop.add_events(slugs)
            # The event list shows what was looked at last.
            visitor.client.set_cookie("recent", ",".join(slugs[:5]))
            for _ in range(orders):
                visitor.buy()
            counts.append({page: count_statements(shop.engine, visitor, page) for page in PAGES})

    few, many = counts
    assert many == few
    assert max(many.values()) <= 3


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_paid_checkout_of_one_seat_takes_13_statements_and_3_commits(name):
    """Hold the seat, note that it is paid and claim the mail, note that the mail is sent."""
    with no_outside_world():
        shop = Shop(name)
        visitor = Visitor(shop.app)
        steps = []
        event.listen(
            shop.engine, "before_cursor_execute", lambda *facts: steps.append("statement")
        )
        event.listen(shop.engine, "commit", lambda connection: steps.append("commit"))
        visitor.buy()

    assert (steps.count("statement"), steps.count("commit")) == (13, 3)
