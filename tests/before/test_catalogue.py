"""The list of events: what is found, in which order, and what is remembered."""

import re

import pytest

from tests.kit.helpers import DAY, NOW, TICK, text_of


def titles(page):
    """Return the titles of the events in the list."""
    return re.findall(r"<h2><a[^>]*>([^<]*)</a></h2>", page.text)


def recent_titles(page):
    """Return the titles under "Recently viewed"."""
    _, _, section = page.text.partition("Recently viewed")
    return re.findall(r"<li><a[^>]*>([^<]*)</a></li>", section)


@pytest.fixture
def add_events(add_event):
    """Return a function that stores so many events, one a day: Event 1, Event 2…"""

    def add_events(number):
        for day in range(1, number + 1):
            add_event(f"Event {day}", starts_at=NOW + day * DAY)

    return add_events


@pytest.mark.behaviour("list.published")
def test_the_list_shows_published_events_to_come_the_earliest_first(add_event, client):
    add_event("Later", starts_at=NOW + 2 * DAY)
    add_event("Sooner", starts_at=NOW + DAY)
    add_event("Begins now", starts_at=NOW)
    add_event("Draft", published=False)

    assert titles(client.get("/")) == ["Sooner", "Later"]


@pytest.mark.behaviour("list.published")
def test_an_event_is_listed_with_its_price_and_the_seats_left(add_event, add_order, client):
    event = add_event(capacity=10, price_cents=1250)
    add_order(event, quantity=3)
    add_order(event, "pending", quantity=2)
    add_order(event, "declined", quantity=2)

    text = text_of(client.get("/"))

    assert "2027-03-31 12:00 UTC Harbour Hall · Music €12.50 5 seats left" in text


@pytest.mark.behaviour("list.published")
def test_a_free_event_without_seats_left_is_listed_as_such(add_event, add_order, client):
    event = add_event(capacity=2, price_cents=0)
    add_order(event, quantity=3)

    assert "Free Sold out" in text_of(client.get("/"))


@pytest.mark.behaviour("list.published")
def test_an_early_bird_price_is_listed_as_such(add_event, client):
    add_event(early_bird_price_cents=1900, early_bird_until=NOW)

    assert "€19.00 Early bird" in text_of(client.get("/"))


@pytest.mark.behaviour("list.search")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("GLASS", ["The Glass Orchestra"]),
        ("lindenhof", ["100% Dance"]),
        ("DVOŘÁK", ["The Glass Orchestra"]),
        ("100%", ["100% Dance"]),
        ("o_", ["Snake_case"]),
        ("  glass   orchestra ", ["The Glass Orchestra"]),
        ("opera", []),
    ],
)
def test_a_search_looks_into_title_venue_and_summary(add_event, client, words, found):
    add_event("The Glass Orchestra", summary="Dvořák in 1001 glasses.", venue="Harbour Hall")
    add_event("100% Dance", summary="Shoes off.", venue="Lindenhof")
    add_event("Snake_case", summary="A talk, also about foo_bar.", venue="Old Library")

    assert titles(client.get("/", query_string={"q": words})) == found


@pytest.mark.behaviour("list.category")
@pytest.mark.parametrize(
    ("category", "found"), [("talks", ["Bridges"]), ("comedy", []), ("", ["Bridges", "Chorus"])]
)
def test_a_category_narrows_the_list(add_event, client, category, found):
    add_event("Bridges", category="talks", starts_at=NOW + DAY)
    add_event("Chorus", category="music", starts_at=NOW + 2 * DAY)

    assert titles(client.get("/", query_string={"category": category})) == found


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
def test_the_list_is_cut_by_time(add_event, client, when, found):
    add_event("Last week", starts_at=NOW - 7 * DAY)
    add_event("Begins now", starts_at=NOW)
    add_event("In 7 days", starts_at=NOW + 7 * DAY)
    add_event("A second later", starts_at=NOW + 7 * DAY + TICK)
    add_event("In 30 days", starts_at=NOW + 30 * DAY)
    add_event("After that", starts_at=NOW + 30 * DAY + TICK)

    assert titles(client.get("/", query_string={"when": when})) == found


@pytest.mark.behaviour("list.sort")
@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("date", ["beta", "Gamma", "Alpha"]),
        ("price", ["Gamma", "Alpha", "beta"]),
        ("title", ["Alpha", "beta", "Gamma"]),
    ],
)
def test_the_list_is_sorted(add_event, client, sort, found):
    early_bird = {"early_bird_price_cents": 500, "early_bird_until": NOW}
    add_event("Alpha", starts_at=NOW + 3 * DAY, price_cents=1000)
    add_event("beta", starts_at=NOW + DAY, price_cents=2000)
    add_event("Gamma", starts_at=NOW + 2 * DAY, price_cents=3000, **early_bird)

    assert titles(client.get("/", query_string={"sort": sort})) == found


@pytest.mark.behaviour("list.sort")
@pytest.mark.parametrize("when", ["upcoming", "past"])
def test_events_at_the_same_instant_are_listed_in_the_order_in_which_they_came(
    add_event, client, when
):
    starts_at = NOW + DAY if when == "upcoming" else NOW - DAY
    add_event("First", starts_at=starts_at)
    add_event("Second", starts_at=starts_at)

    assert titles(client.get("/", query_string={"when": when})) == ["First", "Second"]


@pytest.mark.behaviour("list.sort")
def test_sorting_by_price_forgets_an_early_bird_that_is_over(add_event, client):
    over = {"early_bird_price_cents": 500, "early_bird_until": NOW - TICK}
    add_event("Was cheap", price_cents=3000, **over)
    add_event("Is cheap", price_cents=1000)

    assert titles(client.get("/?sort=price")) == ["Is cheap", "Was cheap"]


@pytest.mark.behaviour("list.pages")
def test_the_list_is_cut_into_pages(add_events, client):
    add_events(11)

    first, second = client.get("/"), client.get("/?page=2")

    assert titles(first) == [f"Event {day}" for day in range(1, 11)]
    assert titles(second) == ["Event 11"]
    assert "11 events found, page 2 of 2" in text_of(second)


@pytest.mark.behaviour("list.pages")
def test_ten_events_fill_one_page(add_events, client):
    add_events(10)

    page = client.get("/")

    assert len(titles(page)) == 10
    assert ">Next</a>" not in page.text


@pytest.mark.behaviour("list.pages")
def test_the_links_to_other_pages_keep_the_query(add_events, client):
    add_events(11)

    page = client.get("/?q=event&sort=title")

    assert re.search(r'href="/\?page=2&amp;q=event&[^"]*sort=title[^"]*">Next</a>', page.text)


@pytest.mark.behaviour("list.pages")
def test_a_page_past_the_end_is_empty_and_says_so(add_events, client):
    add_events(11)

    page = client.get("/?page=3")

    assert page.status_code == 200
    assert titles(page) == []
    assert "There is no page 3: the last one is page 2." in text_of(page)


@pytest.mark.behaviour("list.pages")
def test_a_list_without_events_says_so(client):
    page = client.get("/?page=2")

    assert page.status_code == 200
    assert "No event fits." in text_of(page)


@pytest.mark.behaviour("list.refusals")
@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("category", "opera", "choose one of music, theatre, comedy, talks, family."),
        ("when", "today", "choose one of upcoming, week, month, past."),
        ("when", "", "choose one of upcoming, week, month, past."),
        ("sort", "venue", "choose one of date, price, title."),
        ("per_page", "11", "choose one of 10, 25, 50."),
        ("per_page", "010", "choose one of 10, 25, 50."),
        ("page", "0", "give a whole number from 1 on."),
        ("page", "-1", "give a whole number from 1 on."),
        ("page", "1.5", "give a whole number from 1 on."),
        ("page", "", "give a whole number from 1 on."),
        ("page", "9999999999", "give a whole number from 1 on."),
    ],
)
def test_a_value_outside_its_list_is_refused(client, key, value, sentence):
    page = client.get("/", query_string={key: value})

    assert page.status_code == 400
    assert f"{key} cannot be '{value}': {sentence}" in text_of(page)


@pytest.mark.behaviour("list.refusals")
@pytest.mark.parametrize(("letters", "status"), [(100, 200), (101, 400)])
def test_a_search_has_up_to_100_letters(client, letters, status):
    page = client.get("/", query_string={"q": "x" * letters})

    assert page.status_code == status
    assert ("use up to 100 letters." in text_of(page)) == (status == 400)


@pytest.mark.behaviour("list.per_page.remembered")
def test_the_number_of_events_a_page_is_remembered(add_events, client):
    add_events(11)
    client.get("/?per_page=25")

    assert len(titles(client.get("/"))) == 11


@pytest.mark.behaviour("list.per_page.remembered")
@pytest.mark.parametrize("nonsense", ["11", "many", ""])
def test_a_remembered_number_that_makes_no_sense_is_ignored(add_events, client, nonsense):
    add_events(11)
    client.set_cookie("per_page", nonsense)

    page = client.get("/")

    assert page.status_code == 200
    assert len(titles(page)) == 10


@pytest.mark.behaviour("list.recent")
def test_the_last_five_events_visited_are_shown_the_latest_first(add_events, client):
    add_events(6)
    for day in (1, 2, 3, 4, 5, 6, 3):
        client.get(f"/events/event-{day}")

    page = client.get("/")

    assert recent_titles(page) == [f"Event {day}" for day in (3, 6, 5, 4, 2)]
    cookie = client.get_cookie("recent")
    assert cookie.decoded_value == "event-3,event-6,event-5,event-4,event-2"
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Lax", 365 * 86400)


@pytest.mark.behaviour("list.recent")
def test_unknown_and_unpublished_events_are_left_out_of_the_recent_ones(add_event, client):
    add_event("Draft", published=False)
    add_event("Known")
    client.set_cookie("recent", "unknown,draft,known")

    assert recent_titles(client.get("/")) == ["Known"]


@pytest.mark.behaviour("list.recent")
@pytest.mark.parametrize("nonsense", ["", ",,,", "<b>!</b>", "x" * 4000])
def test_a_cookie_of_recent_events_that_makes_no_sense_is_ignored(client, nonsense):
    client.set_cookie("recent", nonsense)

    page = client.get("/")

    assert page.status_code == 200
    assert "Recently viewed" not in page.text
