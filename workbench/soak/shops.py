"""A shop as in production: gunicorn, PostgreSQL, a gateway and a mail server, and its jobs."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, bindparam, create_engine, insert, text
from sqlalchemy.types import DateTime

from workbench.environment import ROOT, Problem
from workbench.run import PACKAGES, close_database, run_command
from workbench.sandbox.gateway import Ledger, create_gateway
from workbench.sandbox.mailbox import Mailbox, MailServer
from workbench.sandbox.server import HOST, listen, serving
from workbench.sandbox.webhooks import Webhooks
from workbench.serve import PREFIX
from workbench.soak.browser import Browser, NoAnswer
from workbench.soak.sample_data import event_rows, voucher_rows

FOLDER = Path("build", "soak")
PASSWORD = "of every organiser"
PAYMENTS_TIMEOUT = 2.0
# `tok_slow` answers after the shop has stopped waiting.
SLOW_SECONDS = 3.0

STARTS_WITHIN = 60.0
ENDS_WITHIN = 10.0
A_JOB_TAKES = 120.0
# What a kill has cut off can seem to begin a little after it: it is noted by several threads.
AROUND_A_KILL = 1.0

BOOTED = re.compile(r"Booting worker with pid: (\d+)")
ANSWERED = re.compile(r"\[(\d+)\] INFO gunicorn.access: .* /healthz 200")
OFFER = re.compile(r"https?://\S+(/waitlist/\S+)")

# Only what the shop is long done with, so that no request is between two looks at a hold. What
# was sent is sent; only at the end, when no process is working, may a claim to a mail lapse.
SETTLED = timedelta(seconds=15)
LAPSE = {
    "holds": "UPDATE orders SET hold_until = :past WHERE status = 'pending'"
    " AND hold_until > :past AND created_at < :settled",
    "offers": "UPDATE waitlist_entries SET offered_until = :past WHERE status = 'offered'"
    " AND offer_sent_at < :settled",
    "claims to mails of orders": "UPDATE orders SET mail_claimed_until = :past"
    " WHERE mail_claimed_until IS NOT NULL",
    "claims to mails of offers": "UPDATE waitlist_entries SET mail_claimed_until = :past"
    " WHERE mail_claimed_until IS NOT NULL",
}


class MailboxWithOffers(Mailbox):
    """Finds the last offer to an address, and notes when each mail came; can refuse the next."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.offers: dict[str, str] = {}
        # Message-IDs, and instants of the clock that never goes back.
        self.arrivals: list[tuple[str, float]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusals:
            self.refusals -= 1
            return "451 Try again later"
        answer = await super().handle_DATA(server, session, envelope)
        mail = self.mails[-1]
        self.arrivals.append((mail.message_id, time.monotonic()))
        if found := OFFER.search(mail.text):
            self.offers.update(dict.fromkeys(mail.recipients, found[1]))
        return answer


@dataclass(kw_only=True)
class Shop:
    """One app that is served, and all that can be seen of it from outside."""

    name: str
    port: int
    engine: Engine
    settings: dict[str, str]
    events: dict[str, dict[str, Any]]
    log_file: Path
    ledger: Ledger
    webhooks: Webhooks
    mailbox: MailboxWithOffers
    # When processes were killed, by the clock that never goes back; and which ones.
    kills: list[float] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    @property
    def package(self) -> str:
        return PACKAGES[self.name]

    @property
    def secrets(self) -> list[str]:
        """Return the settings that no log may have."""
        keys = ("SECRET_KEY", "PAYMENTS_API_KEY", "PAYMENTS_WEBHOOK_SECRET")
        return [PASSWORD, *(self.settings[PREFIX + key] for key in keys)]

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables of its processes; settings of a real shop are not among them."""
        others = {key: text for key, text in os.environ.items() if not key.startswith(PREFIX)}
        return others | self.settings

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8", errors="replace")

    def workers(self) -> list[int]:
        """Return the processes that serve the shop now."""
        booted = [int(pid) for pid in BOOTED.findall(self.log)]
        return [pid for pid in booted if pid not in self.dead]

    def kill(self, process: int) -> None:
        """End a process as a lack of memory would: at once."""
        with self.lock:
            self.kills.append(time.monotonic())
            self.dead.add(process)
            os.kill(process, signal.SIGKILL)

    def killed_since(self, instant: float) -> bool:
        """Return whether a request may have lost its process since then."""
        return any(kill >= instant - AROUND_A_KILL for kill in self.kills[-20:])

    def fail_outside(self, *, mails: int, calls: int) -> None:
        """Let the mail server refuse the next mails, and the gateway fail at the next calls."""
        self.mailbox.refusals = mails
        gateway = urlsplit(self.settings[f"{PREFIX}PAYMENTS_URL"])
        order = json.dumps({"calls": calls, "status": 500}).encode()
        Browser(gateway.port or 0).send("POST", "/sandbox/fail", order)

    def memory(self) -> int:
        """Return the resident memory of all workers, in bytes."""
        return sum(resident_memory(self.workers()))

    def start_job(self, job: str) -> subprocess.Popen[str]:
        """Start a job as cron would, in a process of its own."""
        command = [sys.executable, "-m", "flask", "--app", f"{self.package}.app", "jobs", job]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C is for us alone to handle.
                start_new_session=True,
            )

    def lapse(self, *what: str, settled: timedelta = SETTLED) -> None:
        """Let rows that are so old be as if their time was over, instead of waiting for hours."""
        now = datetime.now(UTC)
        instants = {"past": now - timedelta(seconds=1), "settled": now - settled}
        with self.engine.begin() as connection:
            for name in what:
                wanted = {key: at for key, at in instants.items() if f":{key}" in LAPSE[name]}
                typed = [bindparam(key, type_=DateTime(timezone=True)) for key in wanted]
                connection.execute(text(LAPSE[name]).bindparams(*typed), wanted)


def finish_job(process: subprocess.Popen[str]) -> dict[str, int] | None:
    """Wait for a job; return what it did, a number for each kind, or None where it failed."""
    try:
        output, _ = process.communicate(timeout=A_JOB_TAKES)
    finally:
        process.kill()
    if process.returncode != 0:
        return None
    done = {}
    for line in output.splitlines():
        what, _, number = line.rpartition(": ")
        if number.isdigit():
            done[what] = int(number)
    return done


def resident_memory(processes: Sequence[int]) -> list[int]:
    """Return the bytes that each process has in memory; zero for one that has ended."""
    if sys.platform == "linux":
        page = os.sysconf("SC_PAGE_SIZE")
        return [page * _resident_pages(Path("/proc", str(pid), "statm")) for pid in processes]
    command = ["ps", "-o", "rss=", "-p", ",".join(map(str, processes))]
    kilobytes = subprocess.run(command, capture_output=True, text=True).stdout.split()
    return [1024 * int(number) for number in kilobytes]


def _resident_pages(statm: Path) -> int:
    try:
        return int(statm.read_text().split()[1])
    except (OSError, IndexError):
        return 0


@contextmanager
def running_shop(name: str, database: str, *, workers: int, organisers: int) -> Iterator[Shop]:
    """Run the app called "before" or "after" until the block ends; its log stays in FOLDER.

    So many organisers can log in as organiser-0, organiser-1 and so on. Raises Problem when it
    does not start.
    """
    with listen() as free:
        port = free.getsockname()[1]
    api_key, webhook_secret = secrets.token_hex(), secrets.token_hex()
    ledger, mailbox = Ledger(), MailboxWithOffers()
    webhooks = Webhooks(webhook_secret, [f"http://{HOST}:{port}/webhooks/payments"])
    with ExitStack() as stack:
        stack.callback(webhooks.close)
        gateway = create_gateway(api_key, SLOW_SECONDS, webhooks, ledger)
        gateway_url = stack.enter_context(serving(gateway))
        mail_server = MailServer(mailbox, listen())
        mail_server.start()
        stack.callback(mail_server.stop)
        settings = {
            "SECRET_KEY": secrets.token_hex(),
            "SQLALCHEMY_DATABASE_URI": database,
            "SITE_URL": f"http://{HOST}:{port}",
            "PAYMENTS_URL": gateway_url,
            "PAYMENTS_API_KEY": api_key,
            "PAYMENTS_WEBHOOK_SECRET": webhook_secret,
            "PAYMENTS_TIMEOUT": str(PAYMENTS_TIMEOUT),
            "MAIL_HOST": HOST,
            "MAIL_PORT": str(mail_server.port),
            "MAIL_SENDER": f"{name}@box-office.example",
        }
        events = event_rows(datetime.now(UTC))
        fill(name, settings, events, organisers)
        FOLDER.mkdir(parents=True, exist_ok=True)
        shop = Shop(
            name=name,
            port=port,
            engine=create_engine(database),
            settings={PREFIX + key: value for key, value in settings.items()},
            events={event["slug"]: event for event in events},
            log_file=FOLDER.resolve() / f"{name}.log",
            ledger=ledger,
            webhooks=webhooks,
            mailbox=mailbox,
        )
        stack.callback(shop.engine.dispose)
        stack.enter_context(serve(shop, workers))
        yield shop


def fill(
    name: str, settings: dict[str, str], events: list[dict[str, Any]], organisers: int
) -> None:
    """Make the tables, and store the events, vouchers and organisers. Raises Problem."""
    package = PACKAGES[name]
    app = import_module(f"{package}.app").create_app(settings)
    models = import_module(f"{package}.models")
    db = app.extensions["sqlalchemy"]
    run_command(app, "init-db")
    for number in range(organisers):
        run_command(app, "create-organiser", f"organiser-{number}", "--password", PASSWORD)
    with app.app_context():
        db.session.execute(insert(models.Event), events)
        db.session.execute(insert(models.Voucher), voucher_rows(datetime.now(UTC)))
        db.session.commit()
    close_database(app)


@contextmanager
def serve(shop: Shop, workers: int) -> Iterator[None]:
    """Do what `make serve` does until the block ends. Raises Problem when it does not start."""
    command = [sys.executable, "-m", "workbench", "serve", "--app", shop.package]
    command += ["--bind", f"{HOST}:{shop.port}", "--workers", str(workers)]
    shop.log_file.unlink(missing_ok=True)
    # Jobs write to the end of it, too.
    with shop.log_file.open("ab") as log:
        master = subprocess.Popen(
            command,
            cwd=ROOT,
            env=shop.environ,
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_served(shop, master, workers)
        yield
    finally:
        _end(master)


def _wait_until_served(shop: Shop, master: subprocess.Popen[bytes], workers: int) -> None:
    """Ask until each worker has answered: a worker imports the app after it has started."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and master.poll() is None:
        with suppress(NoAnswer):
            Browser(shop.port).get("/healthz")
        if len(set(ANSWERED.findall(shop.log))) == workers:
            return
        time.sleep(0.05)
    lines = shop.log.splitlines() or ["its log is empty"]
    raise Problem(f"{shop.package} does not start: {lines[-1]}")


def _end(master: subprocess.Popen[bytes]) -> None:
    """End gunicorn and all of its workers, first with SIGTERM."""
    try:
        master.terminate()
        with suppress(subprocess.TimeoutExpired):
            master.wait(ENDS_WITHIN)
    finally:
        # It is the first of a group of its own. Where the group is gone, there is none to end.
        with suppress(ProcessLookupError):
            os.killpg(master.pid, signal.SIGKILL)
        master.wait()
