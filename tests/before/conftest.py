"""What the suite shares: an app with an empty database for each test, rows, buying, fakes.

Nothing here is imported from an app by name: the option --app says which one is tested.
"""

import importlib
from itertools import count

import pytest
import responses
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from tests.before.helpers import DAY, MINUTE, NOW, PAYMENTS_URL, Gateway, Mailbox

PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def import_from_app(pytestconfig):
    """Return a function that imports a module of the app under test."""
    package = pytestconfig.getoption("app")
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
def compiled_templates(tmp_path_factory):
    """Let every test's app share the compiled templates: compiling them costs most of a page."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def clock(time_machine):
    """Stop the time at NOW; a test moves it with `clock.move_to(instant)`."""
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def database_url(pytestconfig):
    return pytestconfig.getoption("database")


@pytest.fixture
def app_without_tables(clock, create_app, db, database_url, compiled_templates):
    app = create_app(
        {
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            "SECRET_KEY": "only for tests",
            "SQLALCHEMY_DATABASE_URI": database_url,
            "PAYMENTS_URL": PAYMENTS_URL,
            "PAYMENTS_API_KEY": "key of the shop",
            "PAYMENTS_TIMEOUT": 5,
            "MAIL_HOST": "mail.example",
            "MAIL_PORT": 25,
            "MAIL_SENDER": "shop@example.org",
        }
    )
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    with app.app_context():
        db.drop_all()
        db.engine.dispose()


@pytest.fixture
def app(app_without_tables, db):
    with app_without_tables.app_context():
        db.create_all()
    return app_without_tables


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def store(app, db):
    """Return a function that stores a row, and gives it back as the database has it."""

    def store(row):
        # In a context of its own: a request must find what is committed, and nothing else.
        with app.app_context():
            db.session.add(row)
            db.session.commit()
            db.session.refresh(row)
        return row

    return store


@pytest.fixture
def stored(app, db, models):
    """Return a function that reads all rows of a model, such as `stored("Order")`."""

    def stored(name):
        model = getattr(models, name)
        with app.app_context():
            return db.session.scalars(select(model).order_by(model.id)).all()

    return stored


@pytest.fixture
def add_event(models, store):
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
            "charge_id": "ch_earlier",
        }
        return store(models.Order(status=status, **{**facts, **differences}))

    return add_order


@pytest.fixture
def gateway():
    with responses.RequestsMock() as transport:
        yield Gateway(transport)


@pytest.fixture
def mailbox(monkeypatch):
    mailbox = Mailbox()
    monkeypatch.setattr("smtplib.SMTP", mailbox)
    return mailbox


@pytest.fixture
def buy(client, gateway, mailbox):
    """Return a function that sends the checkout form: one seat, unless said otherwise."""

    def buy(event, **differences):
        fields = {
            "checkout_id": "form-1",
            "name": "Ada Okafor",
            "email": "ada@example.org",
            "quantity": "1",
            "voucher": "",
            "card_token": "tok_visa",
        }
        return client.post(f"/events/{event.slug}/checkout", data={**fields, **differences})

    return buy


@pytest.fixture
def cancel(client, gateway):
    """Return a function that sends the cancel form of an order."""
    return lambda order: client.post(f"/orders/{order.reference}/{order.secret}/cancel")


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
