"""A client with the statuses that each request may get; it notes every other answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from threading import Lock

from workbench.soak.browser import Answer, Browser, NoAnswer
from workbench.soak.shops import Shop

# What a page with the status 503 says where a purchase waits for the gateway. Any other page
# with this status means that the shop is out of order.
HELD = "Your seats are held"


class GivenUp(Exception):
    """What a visitor has begun cannot go on: the answer was not one that leads anywhere."""


class CutOff(GivenUp):
    """There was no answer, as can happen where a process is killed."""


class Client:
    """Sends requests to one shop, from two windows: as a buyer, and as an organiser.

    `counts` has the requests by kind and status, and `findings` a sentence for each answer that
    is not accepted.
    """

    def __init__(self, shop: Shop, number: int) -> None:
        self.shop = shop
        self.number = number
        self.random = Random()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.findings: list[str] = []
        self._buyer, self._desk = Browser(shop.port), Browser(shop.port)
        self._lock = Lock()
        self._until, self._answered = 0.0, 0

    @property
    def secrets(self) -> Iterable[str]:
        """Return the secrets of these browsers: no log may have them."""
        windows = (self._buyer, self._desk)
        sessions = [window.cookies.get("session", "") for window in windows]
        return [text for text in (*sessions, *(w.csrf_token for w in windows)) if text]

    def _get(
        self,
        kind: str,
        path: str,
        accepted: Iterable[int] = (200,),
        browser: Browser | None = None,
    ) -> Answer:
        window = browser or self._buyer
        return self._ask(kind, accepted, path, lambda: window.get(path))

    def _post(
        self,
        kind: str,
        browser: Browser,
        path: str,
        fields: Mapping[str, str],
        accepted: Iterable[int],
    ) -> Answer:
        return self._ask(kind, accepted, path, lambda: browser.post(path, fields))

    def _ask(
        self, kind: str, accepted: Iterable[int], what: str, send: Callable[[], Answer]
    ) -> Answer:
        """Send a request, count its answer, and note one that is not accepted.

        Raises GivenUp then, and CutOff where none comes.
        """
        started = time.monotonic()
        try:
            answer = send()
        except NoAnswer as error:
            self._count(kind, "none")
            if not self.shop.killed_since(started):
                self.findings.append(f"{kind} ({what}): no answer, {error}.")
            raise CutOff from error
        self._count(kind, str(answer.status))
        held = answer.status == 503 and HELD in answer.text
        if answer.status not in accepted or (answer.status == 503 and not held):
            self.findings.append(f"{kind} ({what}): {answer.status}.")
            raise GivenUp
        return answer

    def _count(self, kind: str, status: str) -> None:
        # A double click comes from two threads.
        with self._lock:
            self.counts[kind, status] += 1
            self._answered += time.monotonic() < self._until
