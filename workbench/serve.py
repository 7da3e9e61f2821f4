"""`serve`: one of the apps, as in production, under gunicorn."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Mapping
from importlib import import_module

from workbench.arguments import Parser
from workbench.environment import Problem
from workbench.run import PACKAGES, close_database, run_command

PREFIX = "BOX_OFFICE_"
# Settings without a useful default. An app requires only the first, so that it starts on a laptop.
REQUIRED = (
    "SECRET_KEY",
    "SITE_URL",
    "PAYMENTS_URL",
    "PAYMENTS_API_KEY",
    "PAYMENTS_WEBHOOK_SECRET",
    "MAIL_HOST",
    "MAIL_PORT",
    "MAIL_SENDER",
)
PAGE = "docs/production.md"
# Each process keeps connections to the database, and PostgreSQL allows a hundred in all.
MOST_BY_DEFAULT = 9
MOST_WORKERS = 64


def main(argv: list[str]) -> int:
    """Become gunicorn, after checking settings, database and address.

    Raises Problem where one of them is not.
    """
    if sys.platform == "win32":
        raise Problem(
            "gunicorn, which serves the shop, does not run on Windows: serve it from WSL, or try"
            " the shop with `python -m workbench run`."
        )
    wanted = read_options(argv)
    check_settings(os.environ)
    make_tables(wanted.app)
    check_address(*wanted.bind)
    host, port = wanted.bind
    command = [sys.executable, "-m", "gunicorn", "--config", "python:workbench.gunicorn_settings"]
    command += ["--bind", f"{host}:{port}", "--workers", str(wanted.workers)]
    # In place of this process: signals reach gunicorn, and nothing opened so far stays open.
    os.execv(sys.executable, [*command, f"{wanted.app}.app:create_app()"])


def read_options(argv: list[str]) -> argparse.Namespace:
    """Return app, bind (host and port) and workers. Raises Problem for what is not accepted."""
    apps = tuple(PACKAGES.values())
    parser = Parser("make serve: {}.", prog="python3 -m workbench serve")
    parser.add_argument("--app", choices=apps, default=apps[-1], help=f"instead of {apps[-1]}")
    parser.add_argument(
        "--bind",
        type=host_and_port,
        default=("127.0.0.1", 8000),
        metavar="HOST:PORT",
        help="instead of 127.0.0.1:8000; port 0 takes any free port",
    )
    parser.add_argument(
        "--workers",
        type=number_of_workers,
        default=min(2 * (os.cpu_count() or 1) + 1, MOST_BY_DEFAULT),
        metavar="NUMBER",
        help="instead of two processes a core and one more, up to nine",
    )
    return parser.parse_args(argv)


def host_and_port(text: str) -> tuple[str, int]:
    """Return both. Raises argparse's error for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:8000")
    return host, int(port)


def number_of_workers(text: str) -> int:
    """Return the number. Raises argparse's error for anything but 1 to 64."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_WORKERS}")
    return int(text)


def check_settings(environ: Mapping[str, str]) -> None:
    """Raise Problem, which names them, where settings are missing."""
    missing = [PREFIX + key for key in REQUIRED if not environ.get(PREFIX + key)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise Problem(
            f"{', '.join(missing)} {verb} not set: {PAGE} says what each is for. To try the shop"
            " without any of it: make run."
        )


def make_tables(package: str) -> None:
    """Make the tables that are missing. Raises Problem where the app or its database refuses."""
    try:
        app = import_module(f"{package}.app").create_app()
    except SystemExit as refusal:
        raise Problem(f"{refusal} See {PAGE}.") from None
    run_command(app, "init-db")
    close_database(app)


def check_address(host: str, port: int) -> None:
    """Raise Problem where no server can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), port), family=family).close()
    except OSError as error:
        # What Python adds to it, in brackets, is the address again.
        reason = str(error.strerror).partition(" (")[0].lower()
        raise Problem(
            f"Cannot listen at {host}:{port} ({reason}): choose another address, as in"
            ' make serve ARGS="--bind 127.0.0.1:8001".'
        ) from None
