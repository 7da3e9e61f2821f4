"""A walk through both apps at once: after every step, nothing differs between the two.

Pages, headers and cookies, requests to gateway and network, mails, and at the end all rows are
compared just as they are. For that, time does not move, and chance is the same for both.
"""

import json
import random
import re
import time
from importlib import import_module

import pytest
import responses

from tests.equivalence.both import Both, Outside
from workbench.sandbox.webhooks import sign

PACKAGES = ["before_mvt", "after_service_layer"]
SETTINGS = {
    "SECRET_KEY": "only for tests",
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
    "PAYMENTS_URL": "https://gateway.example",
    "PAYMENTS_API_KEY": "key of the shop",
    "PAYMENTS_WEBHOOK_SECRET": "shared with the gateway",
    "MAIL_HOST": "mail.example",
    "SHARE_URL": "https://network.example/oauth",
    "SHARE_CLIENT_KEY": "key of the shop at the network",
    "SHARE_CLIENT_SECRET": "shared with the network",
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
BACK = "/share/authorized?oauth_token=request_token"
VOUCHER = {"code": "jazz-10", "kind": "percent", "value": "10", "max_uses": "5"}

ERROR_RESPONSES = [
    "exit code 0",
    "exit code 1",
    "200 OK",
    "303 SEE OTHER",
    "400 BAD REQUEST",
    "401 UNAUTHORIZED",
    "402 PAYMENT REQUIRED",
    "403 FORBIDDEN",
    "404 NOT FOUND",
    "405 METHOD NOT ALLOWED",
    "409 CONFLICT",
    "410 GONE",
    "413 REQUEST ENTITY TOO LARGE",
    "422 UNPROCESSABLE ENTITY",
    "429 TOO MANY REQUESTS",
    "502 BAD GATEWAY",
    "503 SERVICE UNAVAILABLE",
]


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture
def both(monkeypatch, time_machine, settings):
    time_machine.move_to("2027-03-01 12:00+00:00", tick=False)
    chance, outside = random.Random(), Outside()
    # All randomness of the apps, that of `secrets` included, comes out of these two.
    monkeypatch.setattr("os.urandom", chance.randbytes)
    monkeypatch.setattr("random._urandom", chance.randbytes)
    monkeypatch.setattr("smtplib.SMTP", outside.connect)
    apps = {package: import_module(f"{package}.app").create_app(settings) for package in PACKAGES}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as transport:
        for method in ("GET", "POST"):
            address = re.compile("https://gateway.example/v1/")
            transport.add_callback(method, address, outside.answer)
        network = re.compile("https://network.example/")
        transport.add_callback("POST", network, outside.answer_as_network)
        yield Both(apps, outside, chance, time_machine)
    for app in apps.values():
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()


def test_both_apps_answer_the_same(both):
    open_the_shop(both)
    look_around(both)
    be_refused(both)
    buy_and_cancel(both)
    tell_friends(both)
    organise(both)
    sell_at_the_counter(both)
    wait_in_line(both)
    hear_the_gateway(both)
    let_people_in(both)
    guess_passwords(both)
    both.compare_rows()
    # The walk went everywhere: two apps that refuse everything are the same, too.
    assert set(ERROR_RESPONSES) <= set(both.answers)


@pytest.mark.parametrize("settings", [{**SETTINGS, "SITE_URL": "https://shop.example"}])
def test_both_apps_answer_the_same_over_https(both):
    both.run("init-db")
    both.run("seed")
    both.get("/", base_url="https://shop.example")
    both.get("/", base_url="https://elsewhere.example")
    both.get(GLASS, base_url="https://shop.example")

    assert both.answers[2:] == ["200 OK", "400 BAD REQUEST", "200 OK"]


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


def tell_friends(both):
    order = buy(both, "the-glass-orchestra")
    share = order.replace("/orders", "/share")
    both.get(share)
    both.post(share)
    ask_the_network(both, share)
    connect(both, share)
    both.get(share)
    both.get(f"{BACK}&oauth_verifier=v")
    both.post(share, csrf_token="")
    both.get(share)
    both.post(share)
    both.get(share)
    for status in (204, 302, 400, 403, 500, 401):
        with both.network_says(status, "Its words."):
            both.post(share)
    both.get(share)
    connect(both, "//elsewhere.example")
    both.post("/share/disconnect", next="//elsewhere.example")
    connect(both, share)
    both.get("/share/authorize")
    both.get(share)
    both.post("/share/disconnect", next=share)
    both.get(f"{BACK}&oauth_verifier=v")
    both.get(f"{share}x")
    both.post(f"{order}/cancel")
    both.get(share)
    both.post(share)


def ask_the_network(both, share):
    """Connect, or try to: it is not allowed, it is refused, the answer cannot be read."""
    both.get(f"{BACK}&oauth_verifier=v")
    both.get(f"/share/authorize?next={share}")
    both.get("/share/authorized")
    both.get(f"{BACK}s&oauth_verifier=v")
    both.get(f"{BACK}&oauth_problem=user_refused")
    both.get(f"{BACK}&oauth_verifier=v")
    credentials = "oauth_token=request_token&oauth_token_secret=secret"
    for status, text in (
        (401, "Its words."),
        (500, "Its words."),
        (302, credentials),
        (201, credentials),
        (200, credentials),
        (200, "oauth_token=&oauth_token_secret=secret&oauth_callback_confirmed=true"),
        (200, "<h1>Its words</h1>"),
    ):
        with both.network_says(status, text):
            both.get("/share/authorize")
        both.get("/share/authorize")
        with both.network_says(status, text):
            both.get(f"{BACK}&oauth_verifier=v")
        both.get(f"{BACK}&oauth_verifier=v")


def connect(both, next_):
    both.get(f"/share/authorize?next={next_}")
    both.get(f"{BACK}&oauth_verifier=v")


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


def sell_at_the_counter(both):
    counter = "/organiser/events/the-glass-orchestra/sell"
    both.get(counter)
    both.post(counter, **ADA, quantity="1")
    log_in(both)
    for slug in ("young-fiddlers", "late-laughs", "winter-overtures", "rush-hour-quartet", "none"):
        both.get(f"/organiser/events/{slug}/sell")
        both.post(f"/organiser/events/{slug}/sell", **ADA, quantity="50")
    for difference in (
        {"quantity": "51"},
        {"email": "ada"},
        {"voucher": "none"},
        {"card_token": " "},
        {"card_token": "tok_declined"},
        {"card_token": "tok_error"},
        {"quantity": "12", "voucher": "fiver"},
    ):
        both.get(counter)
        both.post(counter, **{**ADA, "quantity": "2", **difference})
    both.post(counter, name="", quantity="none")
    both.get("/organiser")
    both.post("/logout")


def wait_in_line(both):
    both.wait(hours=8)
    both.run("jobs", "remind")
    both.run("jobs", "remind")
    log_in(both)
    both.post("/organiser/events/new", **{**EVENT, "title": "Two Seats", "capacity": "2"})
    full = "/events/two-seats"
    buy(both, "two-seats", quantity="2")
    both.get(full)
    for email, quantity in (("ada", "0"), (" ", "11"), ("ada@example.org", "2")):
        both.post(f"{full}/waitlist", email=email, quantity=quantity)
    both.post(f"{full}/waitlist", email="ADA@example.org", quantity="1")
    both.post(f"{full}/waitlist", email="bruno@example.org", quantity="1")
    for event in ("/events/none", GLASS, "/events/winter-overtures"):
        both.post(f"{event}/waitlist", email="ada@example.org", quantity="1")
    both.get("/waitlist/none")
    larger = {"title": "Two More Seats", "slug": "two-seats", "capacity": "4"}
    both.post("/organiser/events/two-seats/edit", **{**EVENT, **larger})
    use_an_offer(both, full, both.find(r"(/waitlist/[\w-]+)"))
    offer = both.find(r"(/waitlist/[\w-]+)")
    both.get(offer)
    both.wait(hours=49)
    both.get(offer)
    both.run("jobs", "expire")
    both.run("jobs", "expire")


def use_an_offer(both, event, offer):
    """Buy with an offer, and cancel: then the next visitor gets one."""
    seats = {**ADA, "quantity": "2"}
    for difference in (
        {"email": "eve@example.org"},
        {"quantity": "3"},
        {"offer": "none"},
        {"card_token": "tok_declined"},
    ):
        both.get(offer)
        both.post(f"{event}/checkout", **{**seats, **difference})
    both.get(offer)
    order = both.post(f"{event}/checkout", **seats)
    assert order
    both.get(offer)
    both.post(f"{event}/checkout", **seats, checkout_id="another form")
    both.post(f"{order}/cancel")


def hear_the_gateway(both):
    lost, failed = hold(both, card_token="tok_lost"), hold(both, card_token="tok_error")
    charge = both.charge_of(lost)
    both.send_webhook(b"{}", "")
    both.send_webhook(b"{", sign(SETTINGS["PAYMENTS_WEBHOOK_SECRET"], b"{", int(time.time())))
    both.send_webhook(b" " * 1024 * 1024 + b"{}", "")
    send_webhook(both, charge, secret="a guess")
    for seconds in (-301, 301):
        send_webhook(both, charge, age_seconds=seconds)
    for difference in ({"reference": "NOONE"}, {"amount": 1}, {"amount": "1"}, {"id": "a\0"}):
        send_webhook(both, {**charge, **difference})
    send_webhook(both, charge, "charge.disputed")
    send_webhook(both, charge, age_seconds=300)
    for kind in ("charge.succeeded", "charge.failed"):
        send_webhook(both, charge, kind)
    for kind in ("charge.failed", "charge.failed", "charge.succeeded"):
        send_webhook(both, {**charge, "reference": failed.split("/")[2]}, kind)
    for order in (lost, failed):
        both.get(order)
    ask_the_gateway(both)


def ask_the_gateway(both):
    lost, unknown = hold(both, card_token="tok_lost"), hold(both, card_token="tok_error")
    both.run("jobs", "reconcile")
    log_in(both)
    both.post("/organiser/events/new", **{**EVENT, "title": "One Chair", "capacity": "1"})
    late = hold(both, "one-chair", card_token="tok_lost")
    both.wait(minutes=31)
    buy(both, "one-chair")
    for job in ("expire", "reconcile", "expire", "reconcile"):
        both.run("jobs", job)
    for order in (lost, unknown, late):
        both.get(order)
    both.run("jobs", "none")


def hold(both, slug="the-glass-orchestra", **differences):
    """Buy a seat without an answer about the charge; return the address of the order."""
    assert not buy(both, slug, **differences)
    return both.find(r'"(/orders/\w+/[\w-]+)"')


def send_webhook(both, charge, kind="charge.succeeded", *, age_seconds=0, secret=None):
    """Let the gateway send a webhook about a charge."""
    facts = {name: charge[name] for name in ("id", "amount", "reference")}
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"charge": facts}}).encode()
    secret = secret or SETTINGS["PAYMENTS_WEBHOOK_SECRET"]
    both.send_webhook(body, sign(secret, body, int(time.time()) - age_seconds))


def let_people_in(both):
    log_in(both)
    both.post("/organiser/vouchers", **{**VOUCHER, "code": "-half", "value": "50"})
    event = "/organiser/events/two-chairs"
    both.get(f"{event}/sales")
    gone = buy(both, "two-chairs")
    code_of_gone = both.find(r"\n1\. (\S+)")
    both.post(f"{gone}/cancel")
    order = buy(both, "two-chairs", quantity="2", voucher="-half")
    code = both.find(r"\n1\. (\S+)")
    both.get(f"{event}/sales")
    for typed in (" ", "none", code_of_gone, code, code):
        both.post(f"{event}/checkin", code=typed)
    both.get(f"{event}/sales")
    both.post(f"{order}/cancel")
    for elsewhere in ("night-train", "none"):
        both.post(f"/organiser/events/{elsewhere}/checkin", code=code)
    for query in ("format=csv", "format=html", "format=pdf"):
        both.get(f"{event}/sales?{query}")
    both.get(f"{event}/sales", headers={"Accept": "text/csv"})
    both.get("/organiser/events/none/sales")
    both.get("/organiser/events/the-glass-orchestra/sales?format=csv")
    both.post("/logout")
    both.get(f"{event}/sales")
    both.post(f"{event}/checkin", code=code)


def log_in(both):
    both.get("/login")
    both.post("/login", name="Greta", password="correct horse")
    # The form token of before went with the login.
    both.get("/organiser")


def guess_passwords(both):
    both.get("/login")
    for _ in range(6):
        both.post("/login", name="GRETA", password="wrong")
    log_in(both)
    both.wait(minutes=6)
    log_in(both)
    both.post("/login", name="x" * 1024 * 1024)
