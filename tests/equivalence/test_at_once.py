"""What several people do at the very same moment, in either app: nothing is sold or paid twice.

Between looking and deciding both apps are made to wait for a moment. So without a lock, all who
are at it would decide on what they saw first.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import Barrier

import pytest
import responses
from sqlalchemy import select

from tests.equivalence.both import Outside

PACKAGES = ["before_mvt", "after_service_layer"]
NOW = datetime.now(UTC)
A_MOMENT = 0.05


class Shop:
    """One app, and people who use it all at once."""

    def __init__(self, app, db, models):
        self.app = app
        self.db = db
        self.models = models
        self.organiser = self.add(models.Organiser(name="Greta", password_hash=""))

    def add(self, row):
        with self.app.app_context():
            self.db.session.add(row)
            self.db.session.commit()
            self.db.session.refresh(row)
        return row

    def add_event(self, slug="jazz", **differences):
        facts = {
            "title": "Jazz",
            "summary": "Loud.",
            "venue": "Mill Barn",
            "category": "music",
            "starts_at": NOW + timedelta(days=30),
            "capacity": 100,
            "price_cents": 0,
            "published": True,
        }
        return self.add(self.models.Event(slug=slug, **{**facts, **differences}))

    def count_orders(self):
        with self.app.app_context():
            return len(self.db.session.scalars(select(self.models.Order)).all())

    def send_at_once(self, *forms):
        """Send forms, given by address and fields, in the same moment; return the answers."""
        barrier = Barrier(len(forms))

        def send(form):
            address, fields = form
            client = self.app.test_client()
            with client.session_transaction() as cookie:
                cookie["organiser"], cookie["organiser_session"] = self.organiser.id, 0
            barrier.wait()
            return client.post(address, data=fields)

        with ThreadPoolExecutor(len(forms)) as people:
            return sorted(people.map(send, forms), key=lambda answer: answer.status_code)


@pytest.fixture(params=PACKAGES)
def shop(request, monkeypatch, tmp_path):
    app_module, database, models = (
        import_module(f"{request.param}.{name}") for name in ("app", "database", "models")
    )
    monkeypatch.setattr(models.Event, "seats_taken", then_wait(models.Event.seats_taken))
    monkeypatch.setattr("smtplib.SMTP", Outside().connect)
    url = request.config.getoption("database")
    app = app_module.create_app(
        {
            "SECRET_KEY": "only for tests",
            "WTF_CSRF_ENABLED": False,
            # SQLite in memory has one connection: no request would have to wait for another.
            "SQLALCHEMY_DATABASE_URI": (
                f"sqlite:///{tmp_path}/shop.sqlite" if url == "sqlite://" else url
            ),
            "PAYMENTS_URL": "https://gateway.example",
        }
    )
    with app.app_context():
        database.db.create_all()
    yield Shop(app, database.db, models)
    with app.app_context():
        database.db.drop_all()
        database.db.engine.dispose()


def then_wait(look):
    """Return a method that looks and then waits, so that what it saw may be out of date."""

    def look_and_wait(*arguments):
        seen = look(*arguments)
        time.sleep(A_MOMENT)
        return seen

    return look_and_wait


def purchase(event, **differences):
    """Return the checkout form of one seat, by address and fields."""
    fields = {
        "checkout_id": "form-1",
        "name": "Ada Okafor",
        "email": "ada@example.org",
        "quantity": "1",
    }
    return f"/events/{event.slug}/checkout", {**fields, **differences}


def statuses(answers):
    return [answer.status_code for answer in answers]


def test_the_last_seat_is_sold_once(shop):
    event = shop.add_event(capacity=1)

    answers = shop.send_at_once(
        *(purchase(event, checkout_id=f"form-{number}") for number in range(3))
    )

    assert statuses(answers) == [303, 409, 409]
    assert shop.count_orders() == 1


def test_a_form_that_is_sent_twice_makes_one_order(shop):
    event = shop.add_event()

    first, second = shop.send_at_once(purchase(event), purchase(event))

    assert statuses([first, second]) == [303, 303]
    assert first.location == second.location
    assert shop.count_orders() == 1


def test_the_last_use_of_a_voucher_is_used_once(shop):
    events = [shop.add_event(slug, price_cents=1000) for slug in ("jazz", "blues")]
    shop.add(shop.models.Voucher(code="FRIENDS", kind="percent", value=100, max_uses=1))

    answers = shop.send_at_once(
        *(purchase(event, checkout_id=event.slug, voucher="FRIENDS") for event in events)
    )

    assert statuses(answers) == [303, 422]
    assert shop.count_orders() == 1


def test_an_order_is_cancelled_and_refunded_once(shop, monkeypatch):
    started = shop.models.Event.has_started
    monkeypatch.setattr(shop.models.Event, "has_started", then_wait(started))
    event = shop.add_event(price_cents=2500)
    shop.add(
        shop.models.Order(
            reference="ABCDE",
            secret="secret",
            checkout_id="form-1",
            event_id=event.id,
            name="Ada Okafor",
            email="ada@example.org",
            quantity=1,
            total_cents=2500,
            status="paid",
            charge_id="ch_1",
            created_at=NOW,
            hold_until=NOW,
        )
    )

    with responses.RequestsMock() as transport:
        refund = {"id": "re_1", "status": "succeeded", "amount": 2500}
        transport.post("https://gateway.example/v1/refunds", status=201, json=refund)
        answers = shop.send_at_once(*[("/orders/ABCDE/secret/cancel", {})] * 2)
        refunds = len(transport.calls)

    assert statuses(answers) == [303, 409]
    assert refunds == 1


def test_a_hall_does_not_become_smaller_than_what_is_sold(shop):
    event = shop.add_event(capacity=2)
    edit = {
        "title": "Jazz",
        "summary": "Loud.",
        "venue": "Mill Barn",
        "category": "music",
        "starts_at": "2099-01-01 19:30",
        "capacity": "1",
        "price": "0",
        "max_per_order": "2",
        "published": "y",
    }

    answers = shop.send_at_once(
        purchase(event, quantity="2"), ("/organiser/events/jazz/edit", edit)
    )

    assert statuses(answers) in ([303, 409], [303, 422])


def test_of_many_guesses_at_once_five_are_answered(shop):
    guess = {"name": "Greta", "password": "wrong"}

    answers = shop.send_at_once(*[("/login", guess)] * 12)

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 7
