"""Both apps, each with a database in memory and a visitor, cut off from the outside world."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import responses
from requests import PreparedRequest
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

from workbench.environment import Problem
from workbench.run import ORGANISER, PACKAGES, PASSWORD, create_seeded_app

GATEWAY = "http://gateway.invalid"
# To be bought from again and again, so it must never sell out.
EVENT = "bench-event"


class Shop:
    """The app called "before" or "after", seeded, and a visitor who is logged in as organiser.

    Raises Problem where that cannot be had. To be made inside `no_outside_world`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        package = PACKAGES[name]
        self._models = import_module(f"{package}.models")
        self._db = import_module(f"{package}.database").db
        self.app = create_seeded_app(name, Path(":memory:"), {"PAYMENTS_URL": GATEWAY})
        self.add_events([EVENT])
        self.client = self.app.test_client()
        self._log_in()
        self.order_address = self._place_order()

    @property
    def engine(self) -> Engine:
        with self.app.app_context():
            engine: Engine = self._db.engine
            return engine

    def add_events(self, slugs: list[str]) -> None:
        """Store an event for each slug, in ten days, a second apart."""
        start = datetime.now(UTC) + timedelta(days=10)
        events = [event_row(slug, start + timedelta(seconds=n)) for n, slug in enumerate(slugs)]
        with self.app.app_context():
            self._db.session.execute(insert(self._models.Event), events)
            self._db.session.commit()

    def clear_events(self) -> None:
        """Leave no event, and nothing that belongs to one."""
        with self.app.app_context():
            for table in reversed(self._db.metadata.sorted_tables):
                self._db.session.execute(table.delete())
            self._db.session.commit()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self._token, **fields})

    def buy(self, **fields: str) -> TestResponse:
        """Buy one seat, with a checkout id of its own as every form has."""
        purchase = {
            "checkout_id": secrets.token_urlsafe(16),
            "name": "Ada Okafor",
            "email": "ada@example.org",
            "quantity": "1",
            "card_token": "tok_visa",
        }
        return self.post(f"/events/{EVENT}/checkout", **{**purchase, **fields})

    def _log_in(self) -> None:
        self._token = self._read_token()
        answer = self.post("/login", name=ORGANISER, password=PASSWORD)
        if answer.status_code != 303:
            raise Problem(f"{self.app.import_name}: the login answers {answer.status}.")
        # The login begins a new session, and a token belongs to a session.
        self._token = self._read_token()

    def _place_order(self) -> str:
        answer = self.buy()
        if answer.location is None:
            raise Problem(f"{self.app.import_name}: the checkout answers {answer.status}.")
        return answer.location

    def _read_token(self) -> str:
        page = self.get(f"/events/{EVENT}")
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        if found is None:
            raise Problem(f"{self.app.import_name}: the event page has no CSRF token.")
        return found[1]


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
    mail_server = nullcontext(SimpleNamespace(send_message=lambda message: None))
    with (
        responses.RequestsMock(assert_all_requests_are_fired=False) as transport,
        patch("smtplib.SMTP", lambda *address, **options: mail_server),
    ):
        transport.add_callback(responses.POST, f"{GATEWAY}/v1/charges", _charge)
        yield


def _charge(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
    asked = json.loads(request.body or "{}")
    return 201, {}, json.dumps({**asked, "id": "ch_bench", "status": "succeeded"})
