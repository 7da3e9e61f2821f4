"""The list and the page of an event, as they are read; and the cookies of the list."""

import re

import pytest

from tests.after.helpers import DAY, NOW, hidden_value, text_of

BUY_BUTTON = "<button>Buy</button>"
JOIN_BUTTON = "<button>Join the waiting list</button>"


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
def test_the_list_shows_price_and_seats_left(add_event, add_order, client):
    add_event("Dear", capacity=5, price_cents=1250)
    add_event("Soon dearer", early_bird_price_cents=1900, early_bird_until=NOW)
    add_order(add_event("Free", capacity=1, price_cents=0))

    text = text_of(client.get("/"))

    assert "Dear 2027-03-31 12:00 UTC Harbour Hall · Music €12.50 5 seats left" in text
    assert "€19.00 Early bird" in text
    assert "Free Sold out" in text


@pytest.mark.behaviour("list.search")
@pytest.mark.behaviour("list.category")
@pytest.mark.behaviour("list.when")
@pytest.mark.behaviour("list.sort")
def test_the_query_reaches_the_search(add_event, client):
    add_event("Orchestra", starts_at=NOW + DAY)
    add_event("An orchestra", starts_at=NOW + 2 * DAY)
    add_event("Orchestra in a month", starts_at=NOW + 20 * DAY)
    add_event("Orchestra talk", category="talks", starts_at=NOW + DAY)
    add_event("Choir", starts_at=NOW + DAY)

    page = client.get("/?q=orchestra&category=music&when=week&sort=title")

    assert titles(page) == ["An orchestra", "Orchestra"]


@pytest.mark.behaviour("list.pages")
def test_the_links_to_other_pages_keep_the_query(add_events, client):
    add_events(11)

    page = client.get("/?q=event&sort=title")

    assert "11 events found, page 1 of 2" in text_of(page)
    assert re.search(r'href="/\?page=2&amp;q=event&[^"]*sort=title[^"]*">Next</a>', page.text)


@pytest.mark.behaviour("list.pages")
def test_a_page_past_the_end_says_so(add_events, client):
    add_events(11)

    page = client.get("/?page=3")

    assert page.status_code == 200
    assert "There is no page 3: the last one is page 2." in text_of(page)


@pytest.mark.behaviour("list.pages")
def test_a_list_without_events_says_so(client):
    page = client.get("/?page=2")

    assert page.status_code == 200
    assert "No event fits." in text_of(page)


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

    assert recent_titles(client.get("/")) == [
        "Event 3",
        "Event 6",
        "Event 5",
        "Event 4",
        "Event 2",
    ]


@pytest.mark.behaviour("list.recent")
def test_the_cookie_of_recent_events_keeps_five_and_is_not_for_scripts(add_event, client):
    for day in range(6):
        add_event(f"Event {day}")
        client.get(f"/events/event-{day}")

    cookie = client.get_cookie("recent")
    assert cookie.decoded_value == "event-5,event-4,event-3,event-2,event-1"
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Lax", 365 * 86400)


@pytest.mark.behaviour("list.recent")
@pytest.mark.parametrize("nonsense", ["", ",,,", "<b>!</b>", "x" * 4000])
def test_a_cookie_of_recent_events_that_makes_no_sense_is_ignored(client, nonsense):
    client.set_cookie("recent", nonsense)

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
    assert BUY_BUTTON in page.text
    assert JOIN_BUTTON not in page.text


@pytest.mark.behaviour("event.page")
def test_the_page_without_an_early_bird_shows_the_price_only(add_event, client):
    add_event(price_cents=2500)

    text = text_of(client.get("/events/the-glass-orchestra"))

    assert "€25.00 a seat" in text
    assert "Early bird" not in text


@pytest.mark.behaviour("event.page")
def test_every_form_has_a_checkout_id_of_its_own(add_event, client):
    add_event()
    pages = [client.get("/events/the-glass-orchestra") for _ in range(2)]

    first, second = (hidden_value(page, "checkout_id") for page in pages)

    assert first != second
    assert len(first) >= 16


@pytest.mark.behaviour("event.sold_out")
def test_with_no_seats_left_the_page_has_the_waiting_list_form(add_event, add_order, client):
    event = add_event(capacity=4)
    add_order(event, quantity=4)

    page = client.get("/events/the-glass-orchestra")

    assert "Sold out." in text_of(page)
    assert BUY_BUTTON not in page.text
    assert 'action="/events/the-glass-orchestra/waitlist"' in page.text
    assert JOIN_BUTTON in page.text


@pytest.mark.behaviour("event.closed")
@pytest.mark.parametrize("sold", [0, 1])
def test_from_the_start_on_sales_are_closed(add_event, add_order, client, sold):
    add_order(add_event(starts_at=NOW, capacity=1), quantity=sold)

    page = client.get("/events/the-glass-orchestra")

    assert "Sales are closed." in text_of(page)
    assert BUY_BUTTON not in page.text
    assert JOIN_BUTTON not in page.text
