"""A walk through both apps at once: after every step, nothing tells the one from the other.

Pages, headers and cookies, requests to the gateway, mails, and at the end all rows are compared
just as they are. For that, time stands still, and chance is the same for both.
"""

import random
import re
from importlib import import_module

import pytest
import responses

from tests.equivalence.both import Both, Outside

PACKAGES = ["before_mvt", "after_service_layer"]
SETTINGS = {
    "SECRET_KEY": "only for tests",
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
    "PAYMENTS_URL": "https://gateway.example",
    "PAYMENTS_API_KEY": "key of the shop",
    "MAIL_HOST": "mail.example",
}
GLASS = "/events/the-glass-orchestra"
ADA = {"name": "Ada Okafor", "email": "ada@example.org", "card_token": "tok_visa"}
EVENT = {
    "title": "Jazz Night",
    "summary": "Loud.",
    "venue": "Mill Barn",
    "category": "music",
    "starts_at": "2027-05-01 19:30",
    "capacity": "50",
    "price": "12.50",
    "early_bird_price": "9",
    "early_bird_until": "2027-04-01 12:00",
    "max_per_order": "8",
    "published": "y",
}
VOUCHER = {"code": "jazz-10", "kind": "percent", "value": "10", "max_uses": "5"}

ANSWERS = [
    "exit code 0",
    "exit code 1",
    "200 OK",
    "303 SEE OTHER",
    "400 BAD REQUEST",
    "401 UNAUTHORIZED",
    "402 PAYMENT REQUIRED",
    "404 NOT FOUND",
    "405 METHOD NOT ALLOWED",
    "409 CONFLICT",
    "422 UNPROCESSABLE ENTITY",
    "503 SERVICE UNAVAILABLE",
]


@pytest.fixture
def both(monkeypatch, time_machine):
    time_machine.move_to("2027-03-01 12:00+00:00", tick=False)
    chance, outside = random.Random(), Outside()
    # All randomness of the apps, that of `secrets` included, comes out of these two.
    monkeypatch.setattr("os.urandom", chance.randbytes)
    monkeypatch.setattr("random._urandom", chance.randbytes)
    monkeypatch.setattr("smtplib.SMTP", outside)
    apps = {package: import_module(f"{package}.app").create_app(SETTINGS) for package in PACKAGES}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as transport:
        transport.add_callback("POST", re.compile("https://gateway.example/v1/"), outside.answer)
        yield Both(apps, outside, chance)
    for app in apps.values():
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()


def test_both_apps_answer_the_same(both):
    open_the_shop(both)
    look_around(both)
    be_refused(both)
    buy_and_cancel(both)
    organise(both)
    both.compare_rows()
    # The walk went everywhere: two apps that refuse everything are the same, too.
    assert set(ANSWERS) <= set(both.answers)


def open_the_shop(both):
    both.get("/")
    both.run("seed")
    both.run("init-db")
    both.run("seed")
    both.run("seed")
    both.run("create-organiser", "Greta", "--password", "correct horse")
    both.run("create-organiser", "Greta", "--password", "correct horse")
    both.run("create-organiser", "Ada", "--password", "short")


def look_around(both):
    for query in ("", "q=GLASS", "q=%25", "category=music&when=month&sort=price", "per_page=25"):
        both.get(f"/?{query}")
    for query in ("when=past&sort=title", "when=week", "page=2", "page=99", "q=nowhere"):
        both.get(f"/?{query}")
    for query in ("sort=size", "category=opera", "page=0", "per_page=7", "q=a%00b"):
        both.get(f"/?{query}")
    both.get(f"/?q={'x' * 101}")
    for slug in ("the-glass-orchestra", "late-laughs", "ask-an-astronomer", "winter-overtures"):
        both.get(f"/events/{slug}")
    for page in ("/events/none", "/", "/about", "/healthz", "/nowhere", "/logout"):
        both.get(page)


def be_refused(both):
    buy = f"{GLASS}/checkout"
    both.get(GLASS)
    both.post(buy, **ADA, quantity="1", csrf_token="")
    both.post(buy, **{**ADA, "name": " ", "email": "ada", "quantity": "11"})
    both.post(buy, **{**ADA, "name": "Ada\0"}, quantity="1")
    both.post(buy, **{**ADA, "card_token": " "}, quantity="1")
    for voucher in ("none", "soon20", "lastyear"):
        both.post(buy, **ADA, quantity="1", voucher=voucher)
    both.post("/events/night-train/checkout", **ADA, quantity="1", voucher="GLASS25")
    both.post("/events/late-laughs/checkout", **ADA, quantity="1")
    both.post("/events/winter-overtures/checkout", **ADA, quantity="1")
    both.post("/events/none/checkout", **ADA, quantity="1")
    both.post(buy, **{**ADA, "card_token": "tok_declined"}, quantity="2")
    both.post(buy, **{**ADA, "card_token": "tok_error"}, quantity="2")


def buy_and_cancel(both):
    orders = [
        buy(both, "the-glass-orchestra", quantity="6", voucher="glass25"),
        buy(both, "the-glass-orchestra", quantity="7", voucher="fiver", name=" Ada  O. "),
        buy(both, "the-glass-orchestra", voucher="friends", card_token=""),
        buy(both, "the-glass-orchestra", card_token="tok_stuck"),
        buy(both, "young-fiddlers", quantity="3", email="bounce@example.org"),
        buy(both, "rush-hour-quartet", voucher="once"),
        buy(both, "ask-an-astronomer", quantity="10", card_token=""),
    ]
    assert all(orders)
    for order in orders:
        both.get(order)
        both.post(f"{order}/cancel")
        both.get(order)
    both.post(f"{orders[0]}/cancel")
    both.get(f"{orders[0]}x")
    both.post(f"{orders[0]}x/cancel")
    # The form that was sent last leads to its order again, and the voucher is free again.
    both.post("/events/ask-an-astronomer/checkout", name="", quantity="none")
    buy(both, "night-train", voucher="once")
    buy(both, "night-train", voucher="once")


def buy(both, slug, **differences):
    """Buy a seat, and return the address of the order."""
    both.get(f"/events/{slug}")
    return both.post(f"/events/{slug}/checkout", **{**ADA, "quantity": "1", **differences})


def organise(both):
    both.get("/organiser")
    both.get("/login?next=/organiser/vouchers")
    both.post("/login?next=/organiser/vouchers", name="Greta", password="wrong")
    both.post("/login?next=//elsewhere.example", name="Greta", password="correct horse")
    both.get("/organiser")
    both.get("/organiser/events/new")
    for difference in ({}, {}, {"slug": "jazz--2"}, {"price": "1e3"}, {"early_bird_until": ""}):
        both.post("/organiser/events/new", **{**EVENT, **difference})
    both.get("/organiser/events/jazz-night/edit")
    both.get("/organiser/events/none/edit")
    both.post("/organiser/events/none/edit", **EVENT)
    edit = "/organiser/events/late-laughs/edit"
    for difference in ({"slug": "jazz-night"}, {"capacity": "59"}, {"starts_at": "soon"}):
        both.post(edit, **{**EVENT, **difference})
    both.post(edit, **{**EVENT, "slug": "later-laughs", "capacity": "60"})
    both.get("/organiser/vouchers")
    for difference in ({}, {}, {"event": "none"}, {"kind": "gift"}, {"value": "12.5"}):
        both.post("/organiser/vouchers", **{**VOUCHER, **difference})
    both.post("/organiser/vouchers", **{**VOUCHER, "code": "x", "event": "night-train"})
    both.get("/organiser/vouchers")
    both.get("/events/later-laughs")
    both.get("/organiser")
    both.post("/logout")
    both.get("/organiser/vouchers")
