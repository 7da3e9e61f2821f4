"""Finding an event: what is found, in which order, and what cannot be searched for."""

import pytest

from after_service_layer.services.catalogue import EventQuery, recent_events, search_events
from after_service_layer.services.errors import InvalidQuery
from tests.after.services.factories import add, an_event, an_order
from tests.kit.helpers import DAY, NOW, TICK


@pytest.fixture
def search(session):
    """Return a function that runs a search."""

    def search(**query):
        return search_events(session, EventQuery(**query), now=NOW)

    return search


@pytest.fixture
def eleven_events(session):
    """Event 1, Event 2… one a day."""
    events = [an_event(f"Event {day}", starts_at=NOW + day * DAY) for day in range(1, 12)]
    session.add_all(events)
    session.commit()
    return events


def titles(listing):
    return [event.title for event, _ in listing.rows]


@pytest.mark.behaviour("list.published")
def test_the_list_has_published_events_to_come_the_earliest_first(session, search):
    add(session, an_event("Later", starts_at=NOW + 2 * DAY))
    add(session, an_event("Sooner", starts_at=NOW + DAY))
    add(session, an_event("Begins now", starts_at=NOW))
    add(session, an_event("Draft", published=False))

    assert titles(search()) == ["Sooner", "Later"]


@pytest.mark.behaviour("list.published")
def test_an_event_is_listed_with_the_seats_left(session, search):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3, number=1))
    add(session, an_order(event, "pending", quantity=2, number=2))
    add(session, an_order(event, "declined", quantity=2, number=3))

    assert search().rows == [(event, 5)]


@pytest.mark.behaviour("list.published")
@pytest.mark.parametrize("sold", [2, 3])
def test_an_event_without_seats_left_is_listed(session, search, sold):
    event = add(session, an_event(capacity=2))
    add(session, an_order(event, quantity=sold))

    assert search().rows == [(event, 0)]


@pytest.mark.behaviour("list.search")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("GLASS", ["The Glass Orchestra"]),
        ("lindenhof", ["100% Dance"]),
        ("DVOŘÁK", ["The Glass Orchestra"]),
        ("100%", ["100% Dance"]),
        ("o_", ["Snake_case"]),
        ("glass orchestra", ["The Glass Orchestra"]),
        ("opera", []),
    ],
)
def test_a_search_looks_into_title_venue_and_summary(session, search, words, found):
    add(session, an_event(summary="Dvořák in 1001 glasses.", venue="Harbour Hall"))
    add(session, an_event("100% Dance", summary="Shoes off.", venue="Lindenhof"))
    add(session, an_event("Snake_case", summary="About foo_bar.", venue="Old Library"))

    assert titles(search(q=words)) == found


@pytest.mark.behaviour("list.category")
@pytest.mark.parametrize(
    ("category", "found"), [("talks", ["Bridges"]), ("comedy", []), ("", ["Bridges", "Chorus"])]
)
def test_a_category_narrows_the_list(session, search, category, found):
    add(session, an_event("Bridges", category="talks", starts_at=NOW + DAY))
    add(session, an_event("Chorus", category="music", starts_at=NOW + 2 * DAY))

    assert titles(search(category=category)) == found


@pytest.mark.behaviour("list.when")
@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("upcoming", ["In 7 days", "A second later", "In 30 days", "After that"]),
        ("week", ["In 7 days"]),
        ("month", ["In 7 days", "A second later", "In 30 days"]),
        ("past", ["Begins now", "Last week"]),
    ],
)
def test_the_list_is_cut_by_time(session, search, when, found):
    add(session, an_event("Last week", starts_at=NOW - 7 * DAY))
    add(session, an_event("Begins now", starts_at=NOW))
    add(session, an_event("In 7 days", starts_at=NOW + 7 * DAY))
    add(session, an_event("A second later", starts_at=NOW + 7 * DAY + TICK))
    add(session, an_event("In 30 days", starts_at=NOW + 30 * DAY))
    add(session, an_event("After that", starts_at=NOW + 30 * DAY + TICK))

    assert titles(search(when=when)) == found


@pytest.mark.behaviour("list.sort")
@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("date", ["beta", "Gamma", "Alpha"]),
        ("price", ["Gamma", "Alpha", "beta"]),
        ("title", ["Alpha", "beta", "Gamma"]),
    ],
)
def test_the_list_is_sorted(session, search, sort, found):
    early_bird = {"early_bird_price_cents": 500, "early_bird_until": NOW}
    add(session, an_event("Alpha", starts_at=NOW + 3 * DAY, price_cents=1000))
    add(session, an_event("beta", starts_at=NOW + DAY, price_cents=2000))
    add(session, an_event("Gamma", starts_at=NOW + 2 * DAY, price_cents=3000, **early_bird))

    assert titles(search(sort=sort)) == found


@pytest.mark.behaviour("list.sort")
def test_sorting_by_price_ignores_an_early_bird_price_that_is_over(session, search):
    over = {"early_bird_price_cents": 500, "early_bird_until": NOW - TICK}
    add(session, an_event("Was cheap", price_cents=3000, **over))
    add(session, an_event("Is cheap", price_cents=1000))

    assert titles(search(sort="price")) == ["Is cheap", "Was cheap"]


@pytest.mark.behaviour("list.sort")
@pytest.mark.parametrize("when", ["upcoming", "past"])
def test_what_is_the_same_in_sorting_keeps_its_order(session, search, when):
    starts_at = NOW + DAY if when == "upcoming" else NOW - DAY
    for title in ("Beta", "Alpha", "Gamma"):
        add(session, an_event(title, starts_at=starts_at))

    assert titles(search(when=when)) == ["Beta", "Alpha", "Gamma"]


@pytest.mark.behaviour("list.pages")
def test_the_list_is_cut_into_pages(eleven_events, search):
    first, second = search(), search(page=2)

    assert [event for event, _ in first.rows] == eleven_events[:10]
    assert [event for event, _ in second.rows] == eleven_events[10:]
    assert (second.total, second.pages) == (11, 2)


@pytest.mark.behaviour("list.pages")
def test_a_page_past_the_end_is_empty(eleven_events, search):
    listing = search(page=3)

    assert (listing.rows, listing.total, listing.pages) == ([], 11, 2)


@pytest.mark.behaviour("list.pages")
def test_a_list_without_events_has_one_empty_page(search):
    listing = search(page=2)

    assert (listing.rows, listing.total, listing.pages) == ([], 0, 1)


@pytest.mark.behaviour("list.refusals")
@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("category", "opera", ("music", "theatre", "comedy", "talks", "family")),
        ("when", "today", ("upcoming", "week", "month", "past")),
        ("when", "", ("upcoming", "week", "month", "past")),
        ("sort", "venue", ("date", "price", "title")),
        ("per_page", 11, (10, 25, 50)),
        ("page", 0, "give a whole number from 1 on"),
        ("page", -1, "give a whole number from 1 on"),
    ],
)
def test_a_value_that_is_not_accepted_is_refused(field, value, accepted):
    with pytest.raises(InvalidQuery) as error:
        EventQuery(**{field: value})

    assert error.value.code == "invalid_query"
    assert error.value.facts == {"field": field, "value": value, "accepted": accepted}


@pytest.mark.behaviour("list.refusals")
def test_a_search_has_up_to_100_letters():
    assert EventQuery(q="x" * 100).q == "x" * 100

    with pytest.raises(InvalidQuery) as error:
        EventQuery(q="x" * 101)

    assert error.value.facts == {
        "field": "q",
        "value": f"{'x' * 20}…",
        "accepted": "use up to 100 letters",
    }


@pytest.mark.behaviour("list.recent")
def test_recent_events_come_in_the_order_of_the_visits(session):
    for title in ("Alpha", "Beta", "Gamma"):
        add(session, an_event(title))

    events = recent_events(session, ["beta", "gamma", "alpha"])

    assert [event.title for event in events] == ["Beta", "Gamma", "Alpha"]


@pytest.mark.behaviour("list.recent")
def test_unknown_and_unpublished_events_are_left_out_of_the_recent_ones(session):
    add(session, an_event("Draft", published=False))
    known = add(session, an_event("Known"))

    assert recent_events(session, ["unknown", "draft", "known"]) == [known]
