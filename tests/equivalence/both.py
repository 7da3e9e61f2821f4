"""Two apps that are used at once, and must not be told apart."""

import json
import random
import re
from collections.abc import Callable, Sequence
from difflib import unified_diff
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from requests import PreparedRequest
from sqlalchemy import select

HIDDEN_FIELD = re.compile(r'name="(csrf_token|checkout_id)"[^>]* value="([^"]*)"')
LINES_SHOWN = 40


class Outside:
    """The payment gateway and the mail server; keeps what it is sent until it is read."""

    def __init__(self) -> None:
        self._received: list[str] = []

    def answer(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Answer as the gateway, by the card: `responses` calls this."""
        key = request.headers["Authorization"], request.headers["Idempotency-Key"]
        body = json.loads(request.body or "")
        self._received.append(f"{request.method} {request.url} {key} {body}")
        match body:
            case {"source": "tok_declined"}:
                return 402, {}, '{"error": {"message": "The bank refuses to pay."}}'
            case {"source": "tok_error"} | {"charge": "ch_tok_stuck"}:
                return 500, {}, "<h1>Out of order</h1>"
            case {"source": card}:
                return 201, {}, json.dumps({"id": f"ch_{card}", "status": "succeeded", **body})
        return 201, {}, json.dumps({"id": "re_1", "status": "succeeded", **body})

    def __call__(self, *server: Any, **options: Any) -> "Outside":
        self._received.append(f"SMTP {server} {options}")
        return self

    def __enter__(self) -> "Outside":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def send_message(self, mail: EmailMessage) -> None:
        """Take a mail, as `smtplib.SMTP` does, unless it is to bounce."""
        self._received += str(mail).splitlines()
        if mail["To"].startswith("bounce@"):
            raise ConnectionResetError

    def read(self) -> list[str]:
        """Return what was received, and forget it."""
        received, self._received = self._received, []
        return received


class Visitor:
    """A browser and a terminal for one app; fills in the hidden fields that were seen last."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._client = app.test_client()
        self._hidden: dict[str, str] = {}

    def open(self, method: str, address: str, typed: dict[str, str]) -> list[str]:
        """Return status, headers and page, in lines."""
        data = {**self._hidden, **typed} if method == "POST" else None
        answer = self._client.open(address, method=method, data=data)
        self._hidden.update(HIDDEN_FIELD.findall(answer.text))
        headers = sorted(f"{name}: {value}" for name, value in answer.headers)
        return [answer.status, *headers, *answer.text.splitlines()]

    def run(self, words: Sequence[str]) -> list[str]:
        """Return what a command of the app says."""
        result = self._app.test_cli_runner().invoke(args=words, prog_name="flask")
        return [f"exit code {result.exit_code}", *result.output.splitlines()]

    def rows(self) -> list[str]:
        """Return all rows of all tables."""
        db = self._app.extensions["sqlalchemy"]
        with self._app.app_context():
            return [
                f"{table.name}: {row}"
                for table in db.metadata.sorted_tables
                for row in db.session.execute(select(table).order_by(table.c.id))
            ]


class Both:
    """Does everything in both apps, and fails at the first step that can be told apart."""

    def __init__(self, apps: dict[str, Flask], outside: Outside, chance: random.Random) -> None:
        self._visitors = {package: Visitor(app) for package, app in apps.items()}
        self._outside = outside
        self._chance = chance
        self.answers: list[str] = []

    def get(self, address: str) -> None:
        """Look at a page."""
        self._step(f"GET {address}", lambda visitor: visitor.open("GET", address, {}))

    def post(self, address: str, **typed: str) -> str:
        """Send a form; return where it leads to, or an empty text."""
        seen = self._step(f"POST {address}", lambda visitor: visitor.open("POST", address, typed))
        return next((line[10:] for line in seen if line.startswith("Location: ")), "")

    def run(self, *words: str) -> None:
        """Run a command."""
        self._step(" ".join(words), lambda visitor: visitor.run(words))

    def compare_rows(self) -> None:
        """Look at everything that is stored."""
        self._step("all rows of all tables", Visitor.rows)

    def _step(self, name: str, act: Callable[[Visitor], list[str]]) -> list[str]:
        number = len(self.answers) + 1
        seen = {}
        for package, visitor in self._visitors.items():
            self._chance.seed(number)
            seen[package] = [*act(visitor), *self._outside.read()]
        diff = list(unified_diff(*seen.values(), *seen, n=1, lineterm=""))
        if diff:
            shown = "\n".join(diff[:LINES_SHOWN])
            pytest.fail(f"Step {number}, {name}:\n{shown}", pytrace=False)
        lines = next(iter(seen.values()))
        self.answers.append(lines[0])
        return lines
