"""A shop with a real database, gateway, mail server and network, and what is done in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine, func, make_url, select, text
from werkzeug.security import generate_password_hash

from tests.equivalence.processes import Answer, Crew, Errand, Failure, Fault, Task
from tests.equivalence.servers import (
    API_KEY,
    CLIENT_KEY,
    CLIENT_SECRET,
    Servers,
    running_servers,
)
from workbench.sandbox.server import HOST
from workbench.sandbox.webhooks import ChargeEvent, sign

WEBHOOK_SECRET = "shared with the gateway"
PASSWORD = "correct horse"
# One round is enough here: it is to be quick, and keeps nothing.
PASSWORD_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PRICE = 2500
REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ379"
# When what a test stores as done was done.
EARLIER = NOW - DAY


class Shop:
    """One app, used by many processes at once, at the instant `now`."""

    def __init__(self, app, models, crew: Crew, servers: Servers) -> None:
        self._app = app
        self._db = app.extensions["sqlalchemy"]
        self._crew = crew
        self._numbers = count(1)
        self.models = models
        self._servers = servers
        self.bank = servers.bank
        self.letters = servers.letters
        self.network = servers.network
        self.now = NOW
        self.statuses_seen: dict[int, str] = {}

    def open_afresh(self) -> None:
        """Forget everything: a shop where nothing was sold yet."""
        self._numbers = count(1)
        self.now = NOW
        self.statuses_seen.clear()
        self._servers.open_afresh()
        tables = list(reversed(self._db.metadata.sorted_tables))
        with self._app.app_context(), self._db.engine.begin() as connection:
            for table in tables:
                connection.execute(table.delete())
            if connection.dialect.name != "sqlite":
                # Numbers begin at 1 again, as in an empty table of SQLite.
                restarts = (func.setval(f"{table.name}_id_seq", 1, False) for table in tables)
                connection.execute(select(*restarts))

    # Rows.

    def add(self, row):
        with self._app.app_context():
            self._db.session.add(row)
            self._db.session.commit()
            self._db.session.refresh(row)
        return row

    def all(self, model: str) -> list:
        """Return all rows of a model, such as `all("Order")`, the oldest first."""
        model = getattr(self.models, model)
        with self._app.app_context():
            return self._db.session.scalars(select(model).order_by(model.id)).all()

    def tables(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return all rows of all tables, by the name of the table."""
        with self._app.app_context(), self._db.engine.connect() as connection:
            return {
                table.name: connection.execute(select(table).order_by(table.c.id)).mappings().all()
                for table in self._db.metadata.sorted_tables
            }

    def statuses(self, model: str) -> list[str]:
        return [row.status for row in self.all(model)]

    def add_event(self, **differences):
        facts = self._event_facts(next(self._numbers))
        return self.add(self.models.Event(**{**facts, **differences}))

    def _event_facts(self, number: int) -> dict[str, Any]:
        return {
            "slug": f"jazz-{number}",
            "title": f"Jazz {number}",
            "summary": "Loud.",
            "venue": "Mill Barn",
            "category": "music",
            "starts_at": NOW + 30 * DAY,
            "capacity": 100,
            "price_cents": PRICE,
            "published": True,
        }

    def add_order(self, event, status="paid", *, charged=True, **differences):
        """Store an order of one seat, and charge its card."""
        number = next(self._numbers)
        reference = "".join(
            REFERENCE_LETTERS[number // 27**place % 27] for place in reversed(range(5))
        )
        charge_id = self.bank.charge(PRICE, reference) if charged else None
        facts = {
            "reference": reference,
            "secret": f"secret-{number}",
            "checkout_id": f"earlier-{number}",
            "event_id": event.id,
            "name": "Bruno Keller",
            "email": f"buyer-{number}@example.org",
            "quantity": 1,
            "total_cents": PRICE,
            "created_at": NOW,
            "hold_until": NOW + 30 * MINUTE,
        }
        if status in ("paid", "cancelled"):
            facts |= {
                "charge_id": charge_id,
                "confirmation_sent_at": EARLIER,
                "tickets": [self.models.Ticket(code=f"ticket-{number}")],
            }
        return self.add(self.models.Order(status=status, **{**facts, **differences}))

    def add_entry(self, event, status="waiting", **differences):
        """Store a place in the queue; an offer lasts another two days."""
        number = next(self._numbers)
        facts = {
            "event_id": event.id,
            "email": f"in-line-{number}@example.org",
            "quantity": 1,
            "created_at": NOW,
            "token": f"token-{number}",
        }
        if status == "offered":
            facts |= {"offered_until": NOW + 2 * DAY, "offer_sent_at": EARLIER}
        return self.add(self.models.WaitlistEntry(status=status, **{**facts, **differences}))

    # What can be done.

    def purchase(self, event, **differences) -> Task:
        number = next(self._numbers)
        fields = {
            "checkout_id": f"form-{number}",
            "name": "Ada Okafor",
            "email": f"ada-{number}@example.org",
            "quantity": "1",
            "card_token": "tok_visa",
        }
        return self._task(f"/events/{event.slug}/checkout", {**fields, **differences})

    def sale(self, event, **differences) -> Task:
        """Return a purchase at the counter."""
        purchase = self.purchase(event, **differences)
        return self._as_organiser(replace(purchase, path=f"/organiser/events/{event.slug}/sell"))

    def cancellation(self, order) -> Task:
        return self._task(f"/orders/{order.reference}/{order.secret}/cancel")

    def joining(self, event, email: str) -> Task:
        return self._task(f"/events/{event.slug}/waitlist", {"email": email, "quantity": "1"})

    def check_in(self, event, ticket) -> Task:
        path = f"/organiser/events/{event.slug}/checkin"
        return self._as_organiser(self._task(path, {"code": ticket.code}))

    def edit(self, event, **differences) -> Task:
        path = f"/organiser/events/{event.slug}/edit"
        return self._as_organiser(self._task(path, {**self._event_form(event), **differences}))

    def creation(self) -> Task:
        """Return the form of a new event."""
        number = next(self._numbers)
        event = self.models.Event(**self._event_facts(number))
        return self._as_organiser(self._task("/organiser/events/new", self._event_form(event)))

    def new_voucher(self) -> Task:
        form = {"code": "SPRING-10", "kind": "percent", "value": "10", "max_uses": "5"}
        return self._as_organiser(self._task("/organiser/vouchers", form))

    def login(self, password: str) -> Task:
        organiser = self._organiser()
        return self._task("/login", {"name": organiser.name, "password": password})

    def logout(self) -> Task:
        return self._as_organiser(self._task("/logout"))

    def connecting(self) -> Task:
        """Return the first step to an account at the network."""
        return replace(self._task("/share/authorize"), method="GET")

    def connected(self, begun: Answer) -> Task:
        """Return the way back from the network, where the account's owner has allowed it."""
        query = urlencode(self.network.allow(begun.location))
        task = replace(self._task(f"/share/authorized?{query}"), method="GET")
        return replace(task, session=begun.session)

    def sharing(self, order, session: Mapping[str, Any]) -> Task:
        """Return a post about an order, by a visitor whose session has an account."""
        return replace(self._task(f"/share/{order.reference}/{order.secret}"), session=session)

    def webhook(self, charge: dict, kind: str = "charge.succeeded") -> Task:
        """Return the message about a charge, given as the gateway answers it."""
        body = ChargeEvent(
            id="evt_1",
            type=kind,
            charge=charge["id"],
            amount=charge["amount"],
            reference=charge["reference"],
        ).as_body()
        signature = sign(WEBHOOK_SECRET, body, int(self.now.timestamp()))
        return self._task("/webhooks/payments", body, {"Gateway-Signature": signature})

    def job(self, name: str) -> Task:
        return self.command("jobs", name)

    def command(self, *words: str) -> Task:
        return Task(at=self.now, command=words)

    def _task(self, path: str, data=b"", headers=None) -> Task:
        return Task(at=self.now, path=path, data=data, headers=headers or {})

    def _as_organiser(self, task: Task) -> Task:
        session = {"organiser": self._organiser().id, "organiser_session": 0}
        return replace(task, session=session)

    def _organiser(self):
        known = self.all("Organiser")
        greta = {"name": "Greta", "password_hash": PASSWORD_HASH}
        return known[0] if known else self.add(self.models.Organiser(**greta))

    def _event_form(self, event) -> dict[str, str]:
        return {
            "title": event.title,
            "slug": event.slug,
            "summary": event.summary,
            "venue": event.venue,
            "category": event.category,
            "starts_at": f"{event.starts_at:%Y-%m-%d %H:%M}",
            "capacity": str(event.capacity),
            "price": f"{event.price_cents / 100:.2f}",
            "max_per_order": "10",
            "published": "y",
        }

    # Doing it.

    @contextmanager
    def locked(self, row) -> Iterator[None]:
        """Lock an event, or an organiser, until the block ends."""
        with self._app.app_context():
            self._db.session.get(type(row), row.id).lock()
            yield
            self._db.session.rollback()

    def start(self, *tasks: Task) -> Errand:
        """Begin with all tasks in the same moment."""
        return self._crew.start(*tasks)

    def at_once(self, *tasks: Task) -> list[Answer | None]:
        """Do all tasks in the same moment; return the answers in their order."""
        return self.start(*tasks).answers()

    def do(self, task: Task) -> Answer | None:
        return self.at_once(task)[0]

    def disturb(self, task: Task, number: int, failure: Failure) -> Answer | None:
        """Do a task, one effect of which fails; return the answer, None where it is killed."""
        return self.do(replace(task, fault=Fault(number, failure)))


def statuses(answers: Iterable[Answer | None]) -> list[int]:
    """Return the statuses of all answers, the lowest first."""
    return sorted(answer.status for answer in answers)


def done_by_jobs(answers: Iterable[Answer | None]) -> dict[str, int]:
    """Return what jobs say they did, all of them together; zeros are left out."""
    done: Counter[str] = Counter()
    for answer in answers:
        assert answer.status == 0, answer.text
        for line in answer.text.splitlines():
            what, separator, number = line.rpartition(": ")
            done[what] += int(number) if separator and number.isdigit() else 0
    return {what: number for what, number in done.items() if number}


@contextmanager
def running_shop(package: str, url: str) -> Iterator[Shop]:
    """Run an app, its servers and its processes until the block ends.

    On PostgreSQL each app has a schema of its own, so that both can be there.
    """
    # The servers are on this machine: HTTP_PROXY is not for them.
    with pytest.MonkeyPatch.context() as patch, running_servers() as servers:
        patch.setenv("no_proxy", HOST)
        settings = {
            "SECRET_KEY": "only for tests",
            "WTF_CSRF_ENABLED": False,
            "SQLALCHEMY_DATABASE_URI": own_schema(url, package),
            "PAYMENTS_URL": servers.bank.url,
            "PAYMENTS_API_KEY": API_KEY,
            "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "MAIL_PORT": servers.mail_port,
            "SHARE_URL": f"{servers.network.url}/oauth",
            "SHARE_CLIENT_KEY": CLIENT_KEY,
            "SHARE_CLIENT_SECRET": CLIENT_SECRET,
        }
        app = import_module(f"{package}.app").create_app(settings)
        db, crew = app.extensions["sqlalchemy"], Crew(package, settings)
        with app.app_context():
            db.create_all()
        try:
            yield Shop(app, import_module(f"{package}.models"), crew, servers)
        finally:
            crew.close()
            with app.app_context():
                db.drop_all()
                db.engine.dispose()


def own_schema(url: str, package: str) -> str:
    """Return the address of a schema with this name, which is made; a file is as it is."""
    address = make_url(url)
    if address.drivername == "sqlite":
        return url
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {package}"))
    engine.dispose()
    # As on SQLite, no process waits for a lock for ever.
    options = f"-csearch_path={package} -clock_timeout=15s"
    own = address.update_query_dict({"options": options})
    return own.render_as_string(hide_password=False)
