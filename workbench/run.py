"""`make run`: both apps, and the gateway, mail server and social network that they talk to.

All of it runs on threads of one process, so that nothing can be left behind when it ends.
`make jobs`, in another terminal, runs the jobs that a real shop leaves to cron.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

from flask import Flask

from .arguments import Parser
from .environment import Problem
from .sandbox.gateway import TEST_CARDS, running_gateway
from .sandbox.mailbox import running_mailbox
from .sandbox.server import HOST, listen, serving
from .sandbox.social import running_social

PORTS = {
    "before": 5001,
    "after": 5002,
    "gateway": 5010,
    "mail": 5011,
    "smtp": 5012,
    "social": 5013,
}
PACKAGES = {"before": "before_mvt", "after": "after_service_layer"}
JOBS = {
    "expire": "end holds and offers that have lapsed, and offer free seats to the waiting list",
    "remind": "write once to the holders of paid orders, less than a day before an event",
    "reconcile": "finish unknown charges, refunds that are due, and mails that were not sent",
}
FOLDER = Path("build", "run")

ORGANISER = "organiser"
# Fixed, so that a trainer can put it on a slide. It guards sample data, on loopback only.
PASSWORD = "workshop-2027"

# `tok_slow` must answer after the apps have stopped waiting: the page says that the seats
# are held, and a moment later the webhook has marked the order as paid.
PAYMENTS_TIMEOUT = 2.0
SLOW_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The addresses of all that is running."""

    before: str
    after: str
    gateway: str
    mail: str
    social: str


def main(argv: list[str]) -> int:
    """Run everything until Ctrl-C or SIGTERM. Raises Problem when it cannot start."""
    ports, services = read_options(argv)
    # From here on a signal no longer interrupts; it waits until all can end in order.
    stop = stop_on_signals()
    bypass_proxy()
    with listening(ports) as listeners, running_stack(listeners, FOLDER, services) as stack:
        print(describe(stack), flush=True)
        # In steps, because on Windows an endless wait does not notice Ctrl-C.
        while not stop.wait(0.5):
            pass
    return 0


def read_options(argv: list[str]) -> tuple[dict[str, int], Path | None]:
    """Return the port of each server, and the file of `--services`.

    Raises Problem for options that are not accepted.
    """
    parser = Parser("make run: {}.", prog="python3 -m workbench run")
    for name, default in PORTS.items():
        parser.add_argument(
            f"--{name}-port",
            dest=name,
            type=port_number,
            default=default,
            metavar="PORT",
            help=f"instead of {default}; 0 takes any free port",
        )
    parser.add_argument(
        "--services",
        type=Path,
        metavar="FILE",
        help="settings of services for the shop `after`, such as examples/second_shop.toml",
    )
    ports = vars(parser.parse_args(argv))
    services: Path | None = ports.pop("services")
    for port, wanted in Counter(ports.values()).items():
        if port and wanted > 1:
            names = " and ".join(f"--{name}-port" for name in ports if ports[name] == port)
            raise Problem(f"Port {port} is wanted by {names}: give each its own.")
    return ports, services


def port_number(text: str) -> int:
    """Return the port. Raises argparse's error for anything but 0 to 65535."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 0 to 65535")
    return int(text)


def stop_on_signals() -> Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = Event()

    def set_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, set_stop)
    signal.signal(signal.SIGTERM, set_stop)
    return stop


def bypass_proxy() -> None:
    """Let the apps reach the gateway directly, also where HTTP_PROXY is set for the web."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = f"{given},{HOST}" if given else HOST


@contextmanager
def listening(ports: Mapping[str, int]) -> Iterator[dict[str, socket.socket]]:
    """Open all ports, and close them at the end.

    Raises Problem, and keeps none, when one cannot be had.
    """
    with ExitStack() as sockets:
        listeners, refused = {}, {}
        for name, port in ports.items():
            try:
                listeners[name] = sockets.enter_context(listen(port))
            except OSError as error:
                refused[name] = os.strerror(error.errno or 0).lower()
        if refused:
            reasons = ", ".join(f"{ports[name]} ({why})" for name, why in refused.items())
            others = " ".join(f"--{name}-port {ports[name] % 60000 + 1000}" for name in refused)
            raise Problem(
                f'Cannot use port {reasons}: choose another, as in make run ARGS="{others}".'
            )
        yield listeners


@contextmanager
def running_stack(
    listeners: Mapping[str, socket.socket], folder: Path, services: Path | None = None
) -> Iterator[Stack]:
    """Run all servers until the block ends; each app with a freshly seeded database in `folder`.

    `services` is a file for the shop `after`. Raises Problem when it cannot be used, and when a
    database cannot be filled.
    """
    api_key, webhook_secret = secrets.token_hex(), secrets.token_hex()
    client = {"client_key": secrets.token_hex(), "client_secret": secrets.token_hex()}
    sites = {name: f"http://{HOST}:{listeners[name].getsockname()[1]}" for name in PACKAGES}
    with ExitStack() as servers:
        gateway = servers.enter_context(
            running_gateway(
                api_key=api_key,
                slow_seconds=SLOW_SECONDS,
                webhook_secret=webhook_secret,
                webhook_urls=[f"{site}/webhooks/payments" for site in sites.values()],
                listener=listeners["gateway"],
            )
        )
        mailbox = servers.enter_context(
            running_mailbox(page_listener=listeners["mail"], smtp_listener=listeners["smtp"])
        )
        social = servers.enter_context(running_social(**client, listener=listeners["social"]))
        for name, site in sites.items():
            database = fresh_file(folder, f"{name}-{listeners[name].getsockname()[1]}.sqlite")
            settings = {
                "SECRET_KEY": secrets.token_hex(),
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{database}",
                "PAYMENTS_URL": gateway.url,
                "PAYMENTS_API_KEY": api_key,
                "PAYMENTS_WEBHOOK_SECRET": webhook_secret,
                "PAYMENTS_TIMEOUT": PAYMENTS_TIMEOUT,
                "MAIL_HOST": mailbox.smtp_host,
                "MAIL_PORT": mailbox.smtp_port,
                "MAIL_SENDER": f"{name}@box-office.example",
                "SHARE_URL": f"{social.url}/oauth",
                "SHARE_CLIENT_KEY": client["client_key"],
                "SHARE_CLIENT_SECRET": client["client_secret"],
                "SITE_URL": site,
            }
            if services is not None and name == "after":
                settings["SERVICES"] = str(services.absolute())
            app = create_seeded_app(name, settings)
            servers.callback(close_database, app)
            servers.enter_context(settings_for_jobs(folder, name, settings))
            servers.enter_context(serving(app, listeners[name]))
        yield Stack(**sites, gateway=gateway.url, mail=mailbox.url, social=social.url)


def fresh_file(folder: Path, name: str) -> Path:
    """Return the absolute path of a file that does not exist yet, in a folder that does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{name}*"):
            leftover.unlink()
    except OSError as error:
        raise Problem(f"{error.filename} cannot be written ({error.strerror}).") from error
    return folder.resolve() / name


@contextmanager
def settings_for_jobs(folder: Path, name: str, settings: Mapping[str, Any]) -> Iterator[None]:
    """Keep an app's settings in `folder` until the block ends, where `make jobs` finds them."""
    file = fresh_file(folder, f"{name}.json")
    # There are secrets in it: no other user may read it.
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def create_seeded_app(name: str, settings: Mapping[str, Any]) -> Flask:
    """Return the app called "before" or "after", with sample data and an organiser.

    Raises Problem for settings that it does not accept.
    """
    # Cookies are shared by all ports: with one name, a login here would be a logout there.
    cookie = {"SESSION_COOKIE_NAME": f"session_{name}"}
    create_app = import_module(f"{PACKAGES[name]}.app").create_app
    try:
        app: Flask = create_app({**settings, **cookie})
    except SystemExit as refusal:
        file = f" with {settings['SERVICES']}" if "SERVICES" in settings else ""
        raise Problem(f"The shop {name!r} cannot start{file}: {refusal}") from None
    run_command(app, "init-db")
    run_command(app, "seed")
    run_command(app, "create-organiser", ORGANISER, "--password", PASSWORD)
    return app


def close_database(app: Flask) -> None:
    """Close the connections that the app keeps open for its next request."""
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def run_command(app: Flask, *words: str) -> None:
    """Run a command of the app, quietly. Raises Problem when it fails."""
    result = app.test_cli_runner().invoke(args=words)
    if result.exit_code != 0:
        reason = result.output.strip() or repr(result.exception)
        raise Problem(f"{app.import_name} {words[0]} failed: {reason}")


def describe(stack: Stack) -> str:
    """Return the addresses to open, a line each."""
    return "\n".join(
        [
            f"before      {stack.before}  (fat views)",
            f"after       {stack.after}  (service layer)",
            f"organiser   name {ORGANISER}, password {PASSWORD}, at /login of either app",
            f"gateway     {stack.gateway}  (charges, refunds, webhooks)",
            f"mail        {stack.mail}  (every mail the apps send)",
            f"social      {stack.social}  (the social network: posts, connections)",
            f"test cards  {', '.join(TEST_CARDS)}",
            f"jobs        make jobs, in another terminal  ({', '.join(JOBS)})",
            "Ctrl-C ends all of it.",
        ]
    )


def jobs(argv: list[str]) -> int:
    """Run a job of the apps that `make run` runs now; return 0 when it succeeds in all.

    Without arguments, list the jobs. Raises Problem for other arguments, and when nothing runs.
    """
    if not argv:
        print('Usage: make jobs ARGS="expire", or ARGS="before expire" for one app\n')
        print("\n".join(f"  {job:<11}{what}" for job, what in JOBS.items()))
        return 0
    parser = Parser("make jobs: {}.", prog="python3 -m workbench jobs")
    parser.add_argument("app", nargs="?", choices=list(PACKAGES), help="both when left out")
    parser.add_argument("job", choices=JOBS)
    wanted = parser.parse_args(argv)
    names = [wanted.app] if wanted.app else list(PACKAGES)
    return max([run_job(name, wanted.job, FOLDER) for name in names])


def run_job(name: str, job: str, folder: Path) -> int:
    """Run a job as cron would, in a process of its own; return its exit code."""
    try:
        settings = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except OSError:
        raise Problem("Nothing runs here: call `make run` first, in another terminal.") from None
    print(f"{name}:", flush=True)
    variables = {f"BOX_OFFICE_{key}": str(value) for key, value in settings.items()}
    command = [sys.executable, "-m", "flask", "--app", f"{PACKAGES[name]}.app", "jobs", job]
    bypass_proxy()
    return subprocess.run(command, env={**os.environ, **variables}).returncode
