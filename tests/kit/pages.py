"""The page kit: an app with fresh tables for each test, its client, rows, buying, stand-ins.

Every test that goes through a page uses it, in both suites. Nothing here is imported from an app
by name: the fixture `package` says which one is tested.
"""

import csv
import importlib
import json
from contextlib import contextmanager
from io import StringIO
from itertools import count

import pytest
import responses
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from tests.kit.helpers import (
    DAY,
    MINUTE,
    NOW,
    PAYMENTS_URL,
    SHARE_CLIENT_SECRET,
    SHARE_URL,
    WEBHOOK_SECRET,
    Gateway,
    Mailbox,
    Network,
    elsewhere,
    signature,
)

PASSWORD = "correct horse"
PURCHASE = {
    "checkout_id": "form-1",
    "name": "Ada Okafor",
    "email": "ada@example.org",
    "quantity": "1",
    "voucher": "",
    "card_token": "tok_visa",
}
EVENT_FORM = {
    "title": "Winter Overtures",
    "slug": "",
    "summary": "Brahms and a short new piece.",
    "venue": "Harbour Hall",
    "category": "music",
    "starts_at": "2027-05-01 19:30",
    "capacity": "120",
    "price": "12.50",
    "early_bird_price": "",
    "early_bird_until": "",
    "max_per_order": "8",
    "published": "y",
}
SALES_PAGE = "/organiser/events/the-glass-orchestra/sales"


@pytest.fixture(scope="session")
def package(pytestconfig):
    """The app under test."""
    return pytestconfig.getoption("app")


@pytest.fixture(scope="session")
def import_from_app(package):
    """Return a function that imports a module of the app under test."""
    return lambda module: importlib.import_module(f"{package}.{module}")


@pytest.fixture(scope="session")
def create_app(import_from_app):
    return import_from_app("app").create_app


@pytest.fixture(scope="session")
def db(import_from_app):
    return import_from_app("database").db


@pytest.fixture(scope="session")
def models(import_from_app):
    return import_from_app("models")


@pytest.fixture(scope="session")
def make_app(create_app, db):
    """Return a function that makes an app for a `with` block."""

    @contextmanager
    def make_app(database_url):
        app = create_app(
            {
                "TESTING": True,
                "WTF_CSRF_ENABLED": False,
                "SECRET_KEY": "only for tests",
                "SQLALCHEMY_DATABASE_URI": database_url,
                "PAYMENTS_URL": PAYMENTS_URL,
                "PAYMENTS_API_KEY": "key of the shop",
                "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
                "PAYMENTS_TIMEOUT": 5,
                "MAIL_HOST": "mail.example",
                "MAIL_PORT": 25,
                "MAIL_SENDER": "shop@example.org",
                "SHARE_URL": SHARE_URL,
                "SHARE_CLIENT_KEY": "key of the shop at the network",
                "SHARE_CLIENT_SECRET": SHARE_CLIENT_SECRET,
            }
        )
        with app.app_context():
            db.create_all()
        yield app
        with app.app_context():
            db.drop_all()
            db.engine.dispose()

    return make_app


@pytest.fixture(scope="session")
def shared_app(make_app, pytestconfig):
    """One app for all tests, with its tables: to make them takes longer than a test."""
    with make_app(pytestconfig.getoption("database")) as app:
        yield app


@pytest.fixture
def clock(time_machine):
    """Stop the time at NOW; a test moves it with `clock.move_to(instant)`."""
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def app(clock, db, shared_app):
    """The app with empty tables."""
    yield shared_app
    with shared_app.app_context(), db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def app_without_tables(clock, db, shared_app):
    with shared_app.app_context():
        db.drop_all()
    yield shared_app
    with shared_app.app_context():
        db.drop_all()
        db.create_all()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def new_session(app, db):
    """Return a function that opens a session of its own: no request shares it."""

    def new_session():
        with app.app_context():
            return Session(db.engine, expire_on_commit=False)

    return new_session


@pytest.fixture
def session(app, db):
    """The app's own session, with its context open: the models ask it. No request is sent."""
    with app.app_context():
        yield db.session


@pytest.fixture
def store(new_session):
    """Return a function that stores a row, and gives it back with its id."""

    def store(row):
        with new_session() as session:
            session.add(row)
            session.commit()
        return row

    return store


@pytest.fixture
def stored(models, new_session):
    """Return a function that reads all rows of a model, such as `stored("Order")`."""

    def stored(name):
        model = getattr(models, name)
        with new_session() as session:
            return session.scalars(select(model).order_by(model.id)).all()

    return stored


@pytest.fixture
def add_event(models, store):
    """Return a function that stores an event: published, in 30 days, unless said otherwise."""

    def add_event(title="The Glass Orchestra", **differences):
        facts = {
            "slug": title.lower().replace(" ", "-"),
            "title": title,
            "summary": "Brahms on wine glasses.",
            "venue": "Harbour Hall",
            "category": "music",
            "starts_at": NOW + 30 * DAY,
            "capacity": 100,
            "price_cents": 2500,
            "max_per_order": 10,
            "published": True,
        }
        return store(models.Event(**{**facts, **differences}))

    return add_event


@pytest.fixture
def add_voucher(models, store):
    """Return a function that stores a voucher: 20 % off everything, unless said otherwise."""

    def add_voucher(code="SPRING", **differences):
        facts = {"kind": "percent", "value": 20, "max_uses": 100}
        return store(models.Voucher(code=code, **{**facts, **differences}))

    return add_voucher


@pytest.fixture
def add_order(models, store):
    """Return a function that stores an order: a paid one for one seat, unless said otherwise."""
    numbers = count(1)

    def add_order(event, status="paid", **differences):
        number = next(numbers)
        charged = status in ("paid", "cancelled")
        facts = {
            "reference": f"A{number:04}",
            "secret": f"secret-{number}",
            "checkout_id": f"earlier-form-{number}",
            "event_id": event.id,
            "name": "Bruno Keller",
            "email": "bruno@example.org",
            "quantity": 1,
            "total_cents": 2500,
            "created_at": NOW,
            "hold_until": NOW + 30 * MINUTE,
            "charge_id": "ch_earlier" if charged else None,
            "confirmation_sent_at": NOW if charged else None,
        }
        return store(models.Order(status=status, **{**facts, **differences}))

    return add_order


@pytest.fixture
def add_entry(models, store):
    """Return a function that stores a place in the queue: waiting, unless said otherwise."""
    numbers = count(1)

    def add_entry(event, status="waiting", **differences):
        number = next(numbers)
        facts = {
            "event_id": event.id,
            "email": f"in-line-{number}@example.org",
            "quantity": 1,
            "created_at": NOW,
            "token": f"token-{number}",
        }
        if status != "waiting":
            facts |= {"offered_until": NOW + 2 * DAY, "offer_sent_at": NOW}
        return store(models.WaitlistEntry(status=status, **{**facts, **differences}))

    return add_entry


@pytest.fixture
def wait_for_lock(clock, models, monkeypatch):
    """Return a function that lets the next lock take its time: it is held at this instant."""
    lock = models.Lockable.lock

    def wait_for_lock(until):
        def wait(row):
            monkeypatch.setattr(models.Lockable, "lock", lock)
            clock.move_to(until)
            row.lock()

        monkeypatch.setattr(models.Lockable, "lock", wait)

    return wait_for_lock


@pytest.fixture
def locked(models, monkeypatch):
    """Let each lock fail, as it does after the longest wait."""

    def wait_in_vain(row):
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(models.Lockable, "lock", wait_in_vain)


@pytest.fixture
def gateway():
    with responses.RequestsMock() as transport:
        yield Gateway(transport)


@pytest.fixture
def network():
    with responses.RequestsMock() as transport:
        yield Network(transport)


@pytest.fixture
def mailbox(monkeypatch):
    mailbox = Mailbox()
    monkeypatch.setattr("smtplib.SMTP", mailbox)
    return mailbox


@pytest.fixture
def buy(client, gateway, mailbox):
    """Return a function that sends the checkout form: one seat, unless said otherwise."""

    def buy(event, **differences):
        return client.post(f"/events/{event.slug}/checkout", data={**PURCHASE, **differences})

    return buy


@pytest.fixture
def cancel(client, gateway):
    """Return a function that sends the cancel form of an order."""
    return lambda order: client.post(f"/orders/{order.reference}/{order.secret}/cancel")


@pytest.fixture
def begin(client, network):
    """Return a function that sends a visitor to the network, and gives the answer."""

    def begin(visitor=client, address="/share/authorize", **differences):
        network.gives_temporary(**differences)
        return visitor.get(address)

    return begin


@pytest.fixture
def come_back(client):
    """Return a function that comes back from the network: allowed, unless said otherwise."""

    def come_back(visitor=client, **differences):
        query = {"oauth_token": "temporary", "oauth_verifier": "verifier", **differences}
        return visitor.get("/share/authorized", query_string=query)

    return come_back


@pytest.fixture
def connect(begin, client, come_back, network):
    """Return a function that connects a visitor's account, from the first step to the last."""

    def connect(visitor=client, **differences):
        begin(visitor)
        network.gives_lasting(**differences)
        return come_back(visitor)

    return connect


@pytest.fixture
def post_webhook(app, gateway, mailbox):
    """Return a function that posts a body as the gateway would: signed, unless said otherwise."""

    def post_webhook(body, header=None):
        headers = {"Gateway-Signature": signature(body) if header is None else header}
        return elsewhere(
            app.test_client().post,
            "/webhooks/payments",
            data=body,
            headers=headers,
            content_type="application/json",
        )

    return post_webhook


@pytest.fixture
def webhook(post_webhook):
    """Return a function that posts what became of an order's charge: it succeeded, mostly."""

    def webhook(order, kind="charge.succeeded", **differences):
        charge = {"id": "ch_1", "amount": order.total_cents, "reference": order.reference}
        facts = {"id": "evt_1", "type": kind, "data": {"charge": {**charge, **differences}}}
        return post_webhook(json.dumps(facts).encode())

    return webhook


@pytest.fixture
def run_job(app, gateway, mailbox):
    """Return a function that runs a job, and gives what it says it did; zeros left out."""
    runner = app.test_cli_runner()

    def run_job(name):
        result = elsewhere(runner.invoke, args=["jobs", name], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        lines = (line.rsplit(": ", 1) for line in result.stdout.splitlines())
        return {what: int(number) for what, number in lines if number != "0"}

    return run_job


@pytest.fixture
def organiser(models, store):
    """An organiser. The hash of the password is a weak one, as a strong one takes its time."""
    weak_hash = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")
    return store(models.Organiser(name="Greta", password_hash=weak_hash))


@pytest.fixture
def log_in(client, organiser):
    """Return a function that sends the login form: the right one, unless said otherwise."""

    def log_in(name="Greta", password=PASSWORD, address="/login", **options):
        fields = {"name": name, "password": password}
        return client.post(address, data=fields, **options)

    return log_in


@pytest.fixture
def organiser_client(client, log_in):
    """A client with an organiser logged in."""
    log_in()
    return client


@pytest.fixture
def sell(gateway, mailbox, organiser_client):
    """Return a function that sends the counter's form: one seat, unless said otherwise."""

    def sell(event, **differences):
        address = f"/organiser/events/{event.slug}/sell"
        return organiser_client.post(address, data={**PURCHASE, **differences})

    return sell


@pytest.fixture
def sales_table(organiser_client):
    """Return a function that gets the sales of the event as CSV, as a list of rows."""

    def sales_table(address=f"{SALES_PAGE}?format=csv", **options):
        answer = organiser_client.get(address, **options)
        assert answer.status_code == 200
        assert answer.content_type == "text/csv; charset=utf-8"
        return list(csv.reader(StringIO(answer.text, newline="")))

    return sales_table
