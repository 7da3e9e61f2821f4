"""Two apps that are used at once, and must not show any difference."""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from difflib import unified_diff
from smtplib import SMTP
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from requests import PreparedRequest
from requests.utils import to_native_string
from sqlalchemy import select

HIDDEN_FIELD = re.compile(r'name="(csrf_token|checkout_id|offer)"[^>]* value="([^"]*)"')
LINES_SHOWN = 40


class Outside:
    """Payment gateway, social network and mail server; keeps what it is sent until it is read."""

    def __init__(self) -> None:
        self._received: list[str] = []
        self.charges: dict[str, dict[str, Any]] = {}
        self.network_says: tuple[int, str] | None = None

    def answer(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Answer as the gateway, by the card: `responses` calls this."""
        key = request.headers["Authorization"], request.headers.get("Idempotency-Key")
        body = json.loads(request.body or "{}")
        self._received.append(f"{request.method} {request.url} {key} {body}")
        match body:
            case {"source": "tok_declined"}:
                return 402, {}, '{"error": {"message": "The bank refuses to pay."}}'
            case {"source": "tok_error"} | {"charge": "ch_tok_stuck"}:
                return 500, {}, "<h1>Out of order</h1>"
            case {"source": card, "reference": reference}:
                charge = {"id": f"ch_{card}", "status": "succeeded", **body}
                self.charges[reference] = charge
                return (500, {}, "") if card == "tok_lost" else (201, {}, json.dumps(charge))
            case {"charge": _}:
                return 201, {}, json.dumps({"id": "re_1", "status": "succeeded", **body})
        asked_for = str(request.url).rpartition("=")[2].removesuffix("-1")
        found = [self.charges[asked_for]] if asked_for in self.charges else []
        return 200, {}, json.dumps({"data": found})

    def answer_as_network(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Answer as the social network: as it should, or as `network_says`."""
        # A library may give text as bytes: on the wire they are the same.
        headers = sorted(
            f"{name}: {to_native_string(value)}" for name, value in request.headers.items()
        )
        body = to_native_string(request.body or "")
        self._received += [f"{request.method} {request.url}", *headers, body]
        if self.network_says is not None:
            status, text = self.network_says
            return status, {}, text
        given = str(request.url).rpartition("/")[2]
        credentials = {"oauth_token": given, "oauth_token_secret": f"secret of {given}"}
        return 200, {}, urlencode({**credentials, "oauth_callback_confirmed": "true"})

    def connect(self, *server: Any, **options: Any) -> "Connection":
        """Stand in for `smtplib.SMTP`."""
        self._received.append(f"SMTP {server} {options}")
        return Connection(self)

    def take_mail(self, recipients: Sequence[str], content: bytes) -> None:
        """Take a mail as it is on the wire, unless it is to bounce."""
        self._received += [f"to {recipients}", *content.decode("ascii").splitlines()]
        if recipients[0].startswith("bounce@"):
            raise ConnectionResetError

    def read(self) -> list[str]:
        """Return what was received, and forget it."""
        received, self._received = self._received, []
        return received


class Connection(SMTP):
    """A connection to the mail server. All but the line to it is as in `smtplib`."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(local_hostname="shop.example")
        self._outside = outside

    def ehlo_or_helo_if_needed(self) -> None:
        """Do nothing: there is no server to greet."""

    def sendmail(self, sender: str, to: Any, content: bytes, *options: Any) -> dict[str, Any]:
        """Take a mail; `send_message` ends here."""
        self._outside.take_mail(to, content)
        return {}


class Visitor:
    """A browser and a terminal for one app; fills in the hidden fields that were seen last."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._client = app.test_client()
        self._hidden: dict[str, str] = {}

    def open(self, method: str, address: str, typed: dict[str, str], **more: Any) -> list[str]:
        """Return status, headers and page, in lines. `more` are options of a test client."""
        data = {**self._hidden, **typed} if method == "POST" else None
        return self._lines(self._client.open(address, method=method, data=data, **more))

    def send_webhook(self, body: bytes, signature: str) -> list[str]:
        """Send a webhook, and return the answer as `open` does."""
        headers = {"Gateway-Signature": signature}
        return self._lines(self._client.post("/webhooks/payments", data=body, headers=headers))

    def run(self, words: Sequence[str]) -> list[str]:
        """Return what a command of the app says."""
        result = self._app.test_cli_runner().invoke(args=words, prog_name="flask")
        return [f"exit code {result.exit_code}", *result.output.splitlines()]

    def _lines(self, answer: Any) -> list[str]:
        self._hidden.update(HIDDEN_FIELD.findall(answer.text))
        headers = sorted(f"{name}: {value}" for name, value in answer.headers)
        return [answer.status, *headers, *answer.text.splitlines()]

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
    """Does everything in both apps, and fails at the first step with a difference."""

    def __init__(
        self,
        apps: dict[str, Flask],
        outside: Outside,
        chance: random.Random,
        clock: time_machine.TimeMachineFixture,
    ) -> None:
        self._visitors = {package: Visitor(app) for package, app in apps.items()}
        self._outside = outside
        self._chance = chance
        self._clock = clock
        self._seen: list[str] = []
        self.answers: list[str] = []

    def get(self, address: str, **more: Any) -> None:
        """Look at a page."""
        self._step(f"GET {address}", lambda visitor: visitor.open("GET", address, {}, **more))

    def post(self, address: str, **typed: str) -> str:
        """Send a form; return where it leads to, or an empty text."""
        seen = self._step(f"POST {address}", lambda visitor: visitor.open("POST", address, typed))
        return next((line[10:] for line in seen if line.startswith("Location: ")), "")

    def send_webhook(self, body: bytes, signature: str) -> None:
        """Send a webhook."""
        self._step(
            f"webhook {body[:100]!r}", lambda visitor: visitor.send_webhook(body, signature)
        )

    def find(self, pattern: str) -> str:
        """Return what the first group matches in the last page, or in the mails it led to."""
        found = re.search(pattern, "\n".join(self._seen))
        assert found, f"{pattern} is not in\n" + "\n".join(self._seen[:LINES_SHOWN])
        return found[1]

    def charge_of(self, order: str) -> dict[str, Any]:
        """Return what the gateway charged for the order at this address."""
        return self._outside.charges[order.split("/")[2]]

    @contextmanager
    def network_says(self, status: int, text: str = "") -> Iterator[None]:
        """Let the social network give this answer to every request."""
        self._outside.network_says = status, text
        yield
        self._outside.network_says = None

    def wait(self, **how_long: float) -> None:
        """Let time pass; words as for a `timedelta`."""
        self._clock.shift(timedelta(**how_long))

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
        self._seen = next(iter(seen.values()))
        self.answers.append(self._seen[0])
        return self._seen
