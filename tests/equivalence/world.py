"""Both apps side by side, in one process: every step is done in both, and everything compared.

Each app has a database in a file and an outside world of its own. Chance and time are the same
for both: randomness comes out of one seeded source, and the clock moves only where a step says
so, also in the middle of a request. So nothing needs to be left out of a comparison.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from contextvars import Context
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import quote, urlencode

import time_machine
from flask import Flask
from flask.logging import default_handler
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.wrappers import Response

from tests.equivalence.outside import (
    API_KEY,
    GATEWAY,
    MAIL_HOST,
    NETWORK,
    Fault,
    Killed,
    Outside,
    Trouble,
)
from tests.equivalence.steps import Moment, Rows, Run, Send, Step, Wait, Webhook, resolve
from workbench.sandbox.webhooks import sign

PACKAGES = ("before_mvt", "after_service_layer")
WEBHOOK_SECRET = "shared with the gateway"
START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SITE = "http://shop.example"
SECURE_SITE = "https://shop.example"
ORGANISER, PASSWORD = "Greta", "correct horse"
SETTINGS = {
    "SECRET_KEY": "only for tests",
    "PAYMENTS_URL": GATEWAY,
    "PAYMENTS_API_KEY": API_KEY,
    "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "MAIL_HOST": MAIL_HOST,
    "SHARE_URL": f"{NETWORK}/oauth",
    "SHARE_CLIENT_KEY": "key of the shop at the network",
    "SHARE_CLIENT_SECRET": "secret of the shop at the network",
}
# Small events, so that seats run out, at distances where something changes soon.
EVENT = {
    "title": "Jazz",
    "slug": "jazz",
    "summary": "Loud.",
    "venue": "Mill Barn",
    "category": "music",
    "starts_at": "2027-03-20 12:00",
    "capacity": "8",
    "price": "12.50",
    "max_per_order": "10",
    "published": "y",
}
EVENTS = (
    {"early_bird_price": "9", "early_bird_until": "2027-03-02 12:00"},
    {"title": "Quiz", "slug": "quiz", "capacity": "2", "price": "7.05", "max_per_order": "2"}
    | {"starts_at": "2027-03-03 12:30", "category": "comedy"},
    {"title": "Gala", "slug": "gala", "capacity": "40", "price": "33.33", "category": "talks"}
    | {"starts_at": "2027-03-15 12:10"},
    {"title": "Free Hour", "slug": "free", "capacity": "3", "price": "0", "category": "family"}
    | {"starts_at": "2027-03-02 12:05"},
    {"title": "Soon", "slug": "soon", "capacity": "5", "price": "5", "category": "theatre"}
    | {"starts_at": "2027-03-01 12:20"},
    {"title": "Over", "slug": "past", "starts_at": "2027-02-27 12:00"},
    {"title": "Draft", "slug": "draft", "published": ""},
)
VOUCHER = {"code": "HALF", "kind": "percent", "value": "50", "max_uses": "3"}
VOUCHERS = (
    {},
    {"code": "TENNER", "kind": "amount", "value": "10", "max_uses": "2"},
    {"code": "ALL", "value": "100", "max_uses": "2"},
    {"code": "ONCE", "kind": "amount", "value": "5", "max_uses": "1"},
    {"code": "JAZZ", "value": "25", "event": "jazz", "max_uses": "5"},
    {"code": "SOON", "value": "20", "valid_from": "2027-03-02 12:00"},
    {"code": "GONE", "value": "30", "valid_until": "2027-03-01 12:15"},
)
PURCHASE = {
    "checkout_id": "<new 0>",
    "name": "Ada Okafor",
    "email": "ada@example.org",
    "quantity": "2",
    "card_token": "tok_visa",
}
# One that is paid, one that fills its event, one whose charge is unknown, a free one.
PURCHASES = (
    ("jazz", {}),
    ("quiz", {"email": "bruno@example.org"}),
    ("gala", {"email": "bruno@example.org", "quantity": "7", "card_token": "tok_lost"}),
    ("free", {"quantity": "1"}),
)
CSRF_FIELD = re.compile(r'name="csrf_token"[^>]* value="([^"]*)"')
DML = ("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")
LINES_SHOWN = 60


class Different(AssertionError):
    """The apps differ; the text says how."""


@dataclass
class Seen:
    """All that one app has shown in one step.

    `answers` are status, headers and body, also of requests that came in between. `trace` is what
    has reached the outside and the database, in order. `log` is not compared: the loggers of the
    two apps have names of their own.
    """

    answers: list[Reply] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    locked_at: list[datetime] = field(default_factory=list)
    now: datetime = START
    faults: list[Fault] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return everything that is compared, in lines."""
        rows = [
            f"{table}: {name} = {value!r} in row {row['id']}"
            for table, each in self.rows.items()
            for row in each
            for name, value in row.items()
        ]
        answers = [line for reply in self.answers for line in reply.lines()]
        faults = [repr(fault) for fault in self.faults]
        return [*answers, *self.trace, *faults, *rows, f"now: {self.now}"]


@dataclass
class Reply:
    """What was asked, and what came back: of a request, or of a command with its exit code.

    `form` is what was typed, with the placeholders replaced. There is no status where the process
    was killed.
    """

    asked: str
    who: str
    host: str = ""
    form: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def lines(self) -> list[str]:
        headers = [f"{name}: {value}" for name, value in sorted(self.headers)]
        return [f"{self.asked} -> {self.status}", *headers, *self.text.splitlines()]


class Template(NamedTuple):
    """The state with which a journey begins."""

    database: sqlite3.Connection
    outside: Outside


class Side:
    """One app with its database, its visitors and its outside world."""

    def __init__(self, package: str, site: str, folder: Path) -> None:
        self.package = package
        self.site = site
        self._path = folder / f"{package}.sqlite"
        settings = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{self._path}", "SITE_URL": site}
        create_app = import_module(f"{package}.app").create_app
        self.app: Flask = create_app({**SETTINGS, **settings})
        # What is logged is kept, and not shown.
        self.app.logger.removeHandler(default_handler)
        self.outside = Outside()
        self._visitors: dict[str, FlaskClient] = {}
        self._csrf_tokens: dict[str, str] = {}
        self._seen = Seen()
        with self.app.app_context():
            self._engine = self.app.extensions["sqlalchemy"].engine
        watch_database(self._engine, self)

    def reset(self, template: Template | None) -> None:
        """Put database and gateway back to the template, and forget all visitors."""
        self.outside = deepcopy(template.outside) if template is not None else Outside()
        self._visitors.clear()
        self._csrf_tokens.clear()
        self.app.config["WTF_CSRF_ENABLED"] = False
        self._forget_connections()
        with closing(sqlite3.connect(self._path)) as database:
            if template is not None:
                template.database.backup(database)
        self._reader = sqlite3.connect(self._path)

    def as_template(self) -> Template:
        """Return what other journeys are to begin with: what there is now."""
        database = sqlite3.connect(":memory:")
        self._reader.backup(database)
        return Template(database, self.outside)

    def close(self) -> None:
        """Close every file."""
        self._reader.close()
        self._forget_connections()

    def _forget_connections(self) -> None:
        with self.app.app_context():
            self.app.extensions["sqlalchemy"].session.remove()
        self._engine.dispose()

    def rows(self) -> Rows:
        """Return what is committed: all rows of all tables, as they are stored."""
        tables = self._reader.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        rows = {}
        for (table,) in tables:
            found = self._reader.execute(f"SELECT * FROM {table} ORDER BY rowid")
            names = [column[0] for column in found.description]
            rows[table] = [dict(zip(names, row, strict=True)) for row in found]
        return rows

    def do(self, step: Step, clock: Clock) -> Seen:
        """Do a step, and return all there was to see."""
        self._seen = Seen()
        self.outside.trace = self._seen.trace
        log = LogLines(self._seen.log)
        logging.getLogger().addHandler(log)
        try:
            self._do_in_between(step, clock)
        finally:
            logging.getLogger().removeHandler(log)
        self._seen.rows = self.rows()
        self._seen.now = clock.now
        return self._seen

    def _do_in_between(self, step: Step, clock: Clock) -> None:
        """Do a step, also in the middle of another one."""

        def pass_time(how: Moment | float) -> None:
            clock.move(how, self.rows())

        def let_in(inner: Step) -> None:
            # Without the context of the request that is under way: this is another one.
            Context().run(self._do_in_between, inner, clock)

        outer = self.outside.trouble
        faults = () if isinstance(step, Wait) else step.faults
        trouble = Trouble(faults, let_in, pass_time)
        self.outside.trouble = trouble
        try:
            match step:
                case Send():
                    self._send(step)
                case Webhook():
                    self._send_webhook(step, clock)
                case Run():
                    self._run(step)
                case Wait():
                    pass_time(step.until)
        except Killed:
            self._forget_connections()
        finally:
            self.outside.trouble = outer
            self._seen.faults += trouble.met

    def note_lock(self, line: str) -> None:
        """Note that a lock is held from now on."""
        now = datetime.now(UTC)
        self._seen.trace.append(f"{line} at {now}")
        self._seen.locked_at.append(now)

    def visitor(self, who: str) -> FlaskClient:
        """Return the browser of a visitor."""
        if who not in self._visitors:
            self._visitors[who] = self.app.test_client()
        return self._visitors[who]

    def _send(self, step: Send) -> None:
        rows = self.rows()
        visitor = self.visitor(step.who)
        site = step.host or self.site
        for name, value in step.cookies.items():
            visitor.set_cookie(name, value, domain=site.partition("://")[2].partition(":")[0])
        path = resolve(step.path, rows)
        query = urlencode({name: resolve(text, rows) for name, text in step.query.items()})
        asked = f"{step.method} {path}{'?' if query else ''}{query}"
        form: dict[str, str] = {}
        content: dict[str, Any] = {}
        if step.body is not None:
            content = {"data": step.body.content, "content_type": step.body.content_type}
        elif step.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
            form = {name: resolve(text, rows) for name, text in step.form.items()}
            token = self._csrf_tokens.get(step.who)
            content["data"] = {**({"csrf_token": token} if token else {}), **form}
        reply = self._begin(Reply(asked, step.who, site, form))
        answer = visitor.open(
            quote(path, safe="/%:;=@&+$,~!*'()"),
            method=step.method,
            query_string=query or None,
            base_url=site,
            headers=dict(step.headers),
            **content,
        )
        self._note(reply, answer)

    def _send_webhook(self, step: Webhook, clock: Clock) -> None:
        body = step.raw if step.raw is not None else self._message(step)
        secret = WEBHOOK_SECRET if step.secret is None else step.secret
        # A signature has whole seconds: the rest of its age is that of the clock.
        header = sign(secret, body, int(clock.now.timestamp() - step.age))
        reply = self._begin(Reply("POST /webhooks/payments", "gateway", self.site))
        try:
            answer = self.visitor("gateway").post(
                "/webhooks/payments",
                base_url=self.site,
                data=body,
                headers={"Gateway-Signature": step.signature or header},
            )
            self._note(reply, answer)
        finally:
            if reply.status != 200:
                # The real gateway signs correctly, or repeats later, after the end of a journey.
                self.outside.misled |= {row["reference"] for row in self.rows()["orders"]}

    def _message(self, step: Webhook) -> bytes:
        """Return the gateway's message about the charge of an order; mostly it is true."""
        orders = self.rows()["orders"]
        if orders:
            order = orders[step.order % len(orders)]
            reference, amount = order["reference"], order["total_cents"]
        else:
            reference, amount = "NOONE", 1
        charge = self.outside.charges.get(f"{reference}-1")
        facts = {"id": "ch_none", "amount": amount, "reference": reference}
        if orders and amount and step.kind == "charge.succeeded" and not step.changes:
            charge = self.outside.capture(reference, amount)
        elif (charge is not None and charge.status == "succeeded") or step.changes:
            self.outside.misled.add(reference)
        if charge is not None:
            facts["id"] = charge.id
        message = {"id": "evt_1", "type": step.kind, "data": {"charge": {**facts, **step.changes}}}
        return json.dumps(message).encode()

    def _run(self, step: Run) -> None:
        reply = self._begin(Reply(step.words, "terminal"))
        words = shlex.split(step.words)
        result = self.app.test_cli_runner().invoke(args=words, prog_name="flask")
        output = result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            output += f"\n{type(result.exception).__name__}: {result.exception}"
        reply.status, reply.body = result.exit_code, output.encode()

    def _begin(self, reply: Reply) -> Reply:
        """Note what is asked, before anything that comes in between."""
        self._seen.answers.append(reply)
        return reply

    def _note(self, reply: Reply, answer: Response) -> None:
        reply.status = answer.status_code
        reply.headers = list(answer.headers.items())
        reply.body = answer.get_data()
        found = CSRF_FIELD.search(reply.text)
        if found:
            self._csrf_tokens[reply.who] = found[1]


def watch_database(engine: Any, side: Side) -> None:
    """Note each transaction that writes, and let its locks and its commit have their faults.

    The first statement that writes is where a process waits for the others: there it takes the
    lock, and what it decides is to go by the clock as it is then. On PostgreSQL it waits again
    where it locks a further row.
    """

    def note_write(connection: Any, statement: str) -> None:
        words = " ".join(statement.split()[:3])
        if not words.upper().startswith(DML):
            return
        if not connection.in_transaction:
            met = side.outside.trouble.arrive("lock")
            side.note_lock(f"lock: {words}")
            side.outside.trouble.leave(met)
        elif "SET locks_taken" in statement:
            side.outside.trouble.leave(side.outside.trouble.arrive("inner lock"))

    @event.listens_for(engine, "do_execute")
    def on_execute(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        note_write(cursor.connection, statement)

    @event.listens_for(engine, "do_executemany")
    def on_executemany(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        note_write(cursor.connection, statement)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        # Only one request runs at a time: one that waits here would wait for itself, for ever.
        connection.execute("PRAGMA busy_timeout = 0")
        # Nothing has to outlive this process.
        connection.execute("PRAGMA synchronous = OFF")

    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        if not connection.in_transaction:
            commit(connection)
            return
        met = side.outside.trouble.arrive("commit")
        commit(connection)
        side.outside.trace.append("commit")
        side.outside.trouble.leave(met)

    engine.dialect.do_commit = do_commit


class LogLines(logging.Handler):
    """Keeps what is logged, with tracebacks, as an operator would read it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname}: {self.format(record)}")


class Clock:
    """The time of a journey. It moves only on request, and never backwards."""

    def __init__(self, traveller: Any) -> None:
        self._traveller = traveller
        self.set(START)

    @property
    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Begin again at this instant."""
        self._now = now
        self._traveller.move_to(now)

    def move(self, how: Moment | float, rows: Rows) -> None:
        """Move on by so many seconds, or to a moment where that is later."""
        if isinstance(how, Moment):
            self.set(max(self._now, how.instant(rows) or self._now))
        else:
            self.set(self._now + timedelta(seconds=how))


class World:
    """Both apps at one address, to be opened afresh for each journey."""

    def __init__(self, site: str = SITE) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="box-office-"))
        self.site = site
        self._templates: list[Template] = []
        self._chance = random.Random()
        self.sides = [Side(package, site, self._folder) for package in PACKAGES]
        self._at_work = self.sides[0]
        self._number = 0
        self._began_as = "empty shop"
        with self._governed() as self._clock:
            for side in self.sides:
                side.reset(None)
            for step in sample_data():
                self.take(step)
            self._templates = [side.as_template() for side in self.sides]
            # The apps keep the hash for an unknown name: it is made before each journey.
            self.take(Send("POST", "/login", {"name": "Nobody", "password": "wrong"}))
            for side in self.sides:
                side.close()

    def close(self) -> None:
        """Remove the databases."""
        for template in self._templates:
            template.database.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def opened(self, *, csrf: bool = False) -> Iterator[World]:
        """Begin a journey: the databases are as they were, and the organiser has logged in."""
        with self._governed() as self._clock:
            for side, template in zip(self.sides, self._templates, strict=True):
                side.reset(template)
            self._began_as, self._number = "furnished shop", 0
            try:
                credentials = {"name": ORGANISER, "password": PASSWORD}
                self.take(Send("POST", "/login", credentials, who="greta"))
                if csrf:
                    self._demand_tokens()
                yield self
            finally:
                for side in self.sides:
                    side.close()

    def _demand_tokens(self) -> None:
        """Refuse forms without a token, as in a real shop; all browsers have one by now."""
        for side in self.sides:
            side.app.config["WTF_CSRF_ENABLED"] = True
        for who in ("greta", "ada", "eve"):
            self.take(Send("GET", "/events/jazz", who=who))

    def take(self, step: Step) -> Seen:
        """Do a step in both apps, and return what was seen in either; raise Different."""
        self._number += 1
        began = self._clock.now
        seen = []
        for side in self.sides:
            self._clock.set(began)
            # Not the sample data: secrets would come twice.
            self._chance.seed(f"{self._began_as} {self._number}")
            self._at_work = side
            seen.append(side.do(step, self._clock))
        compare(step, *seen)
        return seen[0]

    @contextmanager
    def _governed(self) -> Iterator[Clock]:
        """Replace chance, time and the network."""
        with ExitStack() as stack:
            for target in ("os.urandom", "random._urandom"):
                stack.enter_context(patch(target, self._chance.randbytes))
            stack.enter_context(patch("hashlib.scrypt", cheap_scrypt))
            stack.enter_context(patch("socket.create_connection", self._connect))
            stack.enter_context(patch("requests.adapters.HTTPAdapter.send", self._adapter()))
            yield Clock(stack.enter_context(time_machine.travel(START, tick=False)))

    def _connect(self, address: tuple[str, int], timeout: object, *more: object) -> object:
        return self._at_work.outside.connect(address, timeout)

    def _adapter(self) -> Any:
        def send(adapter: Any, request: Any, timeout: Any = None, **options: Any) -> Any:
            return self._at_work.outside.send(adapter, request, timeout)

        return send


def compare(step: Step, first: Seen, second: Seen) -> None:
    """Raise Different with what is not the same, if anything is."""

    def compared(seen: Seen) -> tuple[Any, ...]:
        answers = [(reply.status, sorted(reply.headers), reply.body) for reply in seen.answers]
        return answers, seen.trace, seen.faults, seen.rows, seen.now

    if compared(first) == compared(second):
        return
    before, after = first.lines(), second.lines()
    diff = list(unified_diff(before, after, *PACKAGES, n=1, lineterm=""))
    shown = "\n".join(diff[:LINES_SHOWN]) or "The bodies differ in their line ends."
    raise Different(f"The apps differ at {step!r}:\n{shown}")


def cheap_scrypt(password: bytes, *, salt: bytes, n: int, r: int, p: int, **more: int) -> bytes:
    """Hash a password quickly: how long that takes does not matter here."""
    return hashlib.pbkdf2_hmac("sha256", password, salt + b"%d %d %d" % (n, r, p), 1)


def sample_data() -> Iterator[Step]:
    """Return the steps that make an empty shop one with events, vouchers and an organiser."""
    yield Run("init-db")
    yield Run(f"create-organiser {ORGANISER} --password '{PASSWORD}'")
    yield Send("POST", "/login", {"name": ORGANISER, "password": PASSWORD}, who="greta")
    for form in EVENTS:
        yield Send("POST", "/organiser/events/new", {**EVENT, **form}, who="greta")
    for form in VOUCHERS:
        yield Send("POST", "/organiser/vouchers", {**VOUCHER, **form}, who="greta")
    for slug, form in PURCHASES:
        yield Send("POST", f"/events/{slug}/checkout", {**PURCHASE, **form})
    for email, quantity in (("chiara@example.org", "1"), ("ada@example.org", "2")):
        yield Send("POST", "/events/quiz/waitlist", {"email": email, "quantity": quantity})
