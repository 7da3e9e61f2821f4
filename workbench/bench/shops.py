"""Both apps, each with a database of its own and visitors, cut off from the outside world."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import responses
from flask import Flask
from requests import PreparedRequest
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

from workbench.environment import Problem
from workbench.run import ORGANISER, PACKAGES, PASSWORD, create_seeded_app

GATEWAY = "http://gateway.invalid"
# To be bought from again and again, so it must never sell out.
EVENT = "bench-event"


class Visitor:
    """A browser with its cookies. `bought` is the address of the order placed last."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()
        self.bought = ""
        self._token = self._read_token()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self._token, **fields})

    def buy(self, **fields: str) -> TestResponse:
        """Buy one seat, with a checkout id of its own as every form has."""
        purchase = {
            "checkout_id": secrets.token_urlsafe(16),
            "name": "Ada",
            "email": "ada@example.org",
            "quantity": "1",
            "card_token": "tok_visa",
        }
        answer = self.post(f"/events/{EVENT}/checkout", **{**purchase, **fields})
        self.bought = answer.location or self.bought
        return answer

    def log_in(self) -> None:
        """Become the organiser. Raises Problem where that is refused."""
        answer = self.post("/login", name=ORGANISER, password=PASSWORD)
        if answer.status_code != 303:
            raise Problem(f"{self.app.import_name}: the login answers {answer.status}.")
        # The login begins a new session, and a token belongs to a session.
        self._token = self._read_token()

    def _read_token(self) -> str:
        page = self.get("/login")
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        if found is None:
            raise Problem(f"{self.app.import_name}: the login page has no CSRF token.")
        return found[1]


class Shop:
    """The app called "before" or "after", seeded. To be made inside `no_outside_world`."""

    def __init__(self, name: str) -> None:
        package = PACKAGES[name]
        self._event = import_module(f"{package}.models").Event
        self._db = import_module(f"{package}.database").db
        self.app = create_seeded_app(
            name,
            {
                "SECRET_KEY": secrets.token_hex(),
                "SQLALCHEMY_DATABASE_URI": "sqlite:///:memory:",
                "PAYMENTS_URL": GATEWAY,
            },
        )
        self.add_events([EVENT])

    @property
    def engine(self) -> Engine:
        with self.app.app_context():
            engine: Engine = self._db.engine
            return engine

    def add_events(self, slugs: list[str]) -> None:
        """Store an event for each slug, in ten days, a second apart."""
        start = datetime.now(UTC) + timedelta(days=10)
        rows = [event_row(slug, start + timedelta(seconds=n)) for n, slug in enumerate(slugs)]
        with self.app.app_context():
            self._db.session.execute(insert(self._event), rows)
            self._db.session.commit()


def event_row(slug: str, starts_at: datetime) -> dict[str, Any]:
    """Return a published event of 100,000 seats at 10 euros, as a row to store."""
    return {
        "slug": slug,
        "title": f"Event {slug}",
        "summary": "An event to be measured with.",
        "venue": "The Bench",
        "category": "music",
        "starts_at": starts_at,
        "capacity": 100_000,
        "price_cents": 1000,
        "max_per_order": 10,
        "published": True,
    }


@contextmanager
def no_outside_world() -> Iterator[None]:
    """Answer every charge at once with a success, and let every mail be taken."""
    mail_server = SimpleNamespace(
        send_message=lambda *mail: None, quit=lambda: None, close=lambda: None
    )
    with (
        responses.RequestsMock(assert_all_requests_are_fired=False) as transport,
        patch("smtplib.SMTP", lambda *address, **options: mail_server),
    ):
        transport.add_callback(responses.POST, f"{GATEWAY}/v1/charges", _charge)
        yield


def _charge(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
    asked = json.loads(request.body or "{}")
    # Each has an id of its own: a shop may refuse the same one twice.
    charge_id = f"ch_{asked['reference']}"
    return 201, {}, json.dumps({**asked, "id": charge_id, "status": "succeeded"})
