"""The list and the page of an event: the query is parsed, the cookies are kept."""

import re

import pytest

from after_service_layer.services.catalogue import EventQuery, SearchResult
from after_service_layer.views import catalogue
from tests.kit.helpers import DAY, NOW, hidden_value, text_of


@pytest.fixture
def queries(monkeypatch):
    """All searches that the list has asked for; each finds nothing."""
    queries = []

    def search_events(session, query, *, now):
        queries.append(query)
        return SearchResult(rows=[], total=0, pages=1)

    monkeypatch.setattr(catalogue, "search_events", search_events)
    return queries


@pytest.mark.behaviour("list.published")
@pytest.mark.behaviour("list.pages")
def test_the_list_shows_what_the_search_finds(add_event, add_order, client):
    add_event("Full price", capacity=5, price_cents=1250, starts_at=NOW + DAY)
    add_event("Early bird", early_bird_price_cents=1900, early_bird_until=NOW)
    add_order(add_event("Free", capacity=1, price_cents=0))

    text = text_of(client.get("/"))

    assert "Full price 2027-03-02 12:00 UTC Harbour Hall · Music €12.50 5 seats left" in text
    assert "€19.00 Early bird" in text
    assert "Free Sold out" in text
    assert "3 events found" in text


@pytest.mark.behaviour("list.search")
@pytest.mark.behaviour("list.category")
@pytest.mark.behaviour("list.when")
@pytest.mark.behaviour("list.sort")
@pytest.mark.behaviour("list.pages")
@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("", EventQuery()),
        (
            "q=+glass++orchestra+&category=music&when=week&sort=title&page=2&per_page=25",
            EventQuery("glass orchestra", "music", "week", "title", page=2, per_page=25),
        ),
    ],
)
def test_the_query_string_is_parsed(client, queries, typed, query):
    assert client.get(f"/?{typed}").status_code == 200

    assert queries == [query]


@pytest.mark.behaviour("list.refusals")
@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("page", "1.5", "give a whole number from 1 on."),
        ("page", "", "give a whole number from 1 on."),
        ("page", "9999999999", "give a whole number from 1 on."),
        ("per_page", "ten", "choose one of 10, 25, 50."),
    ],
)
def test_a_number_that_cannot_be_parsed_is_refused(client, queries, key, value, accepted):
    page = client.get("/", query_string={key: value})

    assert page.status_code == 400
    assert f"{key} cannot be '{value}': {accepted}" in text_of(page)
    assert queries == []


@pytest.mark.behaviour("list.pages")
def test_the_links_to_other_pages_keep_the_query(add_event, client):
    for day in range(11):
        add_event(f"Event {day}")

    page = client.get("/?q=event&sort=title")

    assert re.search(r'href="/\?page=2&amp;q=event&[^"]*sort=title[^"]*">Next</a>', page.text)


@pytest.mark.behaviour("list.per_page.remembered")
@pytest.mark.parametrize(("cookie", "per_page"), [("25", 25), ("11", 10), ("many", 10), ("", 10)])
def test_the_number_of_events_a_page_comes_from_the_cookie(client, queries, cookie, per_page):
    client.set_cookie("per_page", cookie)

    client.get("/")

    assert [query.per_page for query in queries] == [per_page]


@pytest.mark.behaviour("list.per_page.remembered")
def test_the_number_of_events_a_page_is_remembered(client, queries):
    client.get("/?per_page=25")
    client.get("/")

    assert [query.per_page for query in queries] == [25, 25]


@pytest.mark.behaviour("list.recent")
def test_the_last_five_events_visited_are_remembered(add_event, client):
    for day in range(6):
        add_event(f"Event {day}")
    for day in (0, 1, 2, 3, 4, 5, 2):
        client.get(f"/events/event-{day}")

    cookie = client.get_cookie("recent")
    assert cookie.decoded_value == "event-2,event-5,event-4,event-3,event-1"
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Lax", 365 * 86400)
    _, _, recent = client.get("/").text.partition("Recently viewed")
    titles = re.findall(r"<li><a[^>]*>([^<]*)</a></li>", recent)
    assert titles == ["Event 2", "Event 5", "Event 4", "Event 3", "Event 1"]


@pytest.mark.behaviour("list.recent")
@pytest.mark.parametrize("cookie", ["", ",,,", "<b>!</b>", "x" * 4000])
def test_a_cookie_of_recent_events_that_makes_no_sense_is_ignored(client, cookie):
    client.set_cookie("recent", cookie)

    page = client.get("/")

    assert page.status_code == 200
    assert "Recently viewed" not in page.text


@pytest.mark.behaviour("event.page")
def test_the_page_shows_price_seats_left_and_the_checkout_form(add_event, client):
    add_event(capacity=1, price_cents=2500, early_bird_price_cents=1900, early_bird_until=NOW)

    page = client.get("/events/the-glass-orchestra")

    text = text_of(page)
    assert "€19.00 a seat Early bird until 2027-03-01 12:00 UTC, then €25.00." in text
    assert "1 seat left" in text
    assert 'action="/events/the-glass-orchestra/checkout"' in page.text
    assert 'action="/events/the-glass-orchestra/waitlist"' not in page.text
    assert len(hidden_value(page, "checkout_id")) >= 16


@pytest.mark.behaviour("event.sold_out")
def test_the_page_of_a_sold_out_event_has_the_waiting_list_form(add_event, add_order, client):
    add_order(add_event(capacity=1))

    page = client.get("/events/the-glass-orchestra")

    assert "Sold out." in text_of(page)
    assert 'action="/events/the-glass-orchestra/checkout"' not in page.text
    assert 'action="/events/the-glass-orchestra/waitlist"' in page.text


@pytest.mark.behaviour("event.closed")
def test_the_page_of_an_event_that_has_started_has_no_form(add_event, client):
    add_event(starts_at=NOW)

    page = client.get("/events/the-glass-orchestra")

    assert "Sales are closed." in text_of(page)
    assert "<form" not in page.text.partition("<main")[2]
