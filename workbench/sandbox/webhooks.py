"""The webhooks of the payment gateway: signed messages to the shops about its charges.

Every receiver gets every charge. A shop that does not have the order answers 404, and that is an
answer like any other. Only a receiver that does not answer, or with a 5xx, gets it again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Thread

import requests

# Seconds before the second, third and fourth attempt; after that the gateway gives up.
RETRY_PAUSES = (0.5, 2.0, 8.0)
RECEIVER_TIMEOUT = 3.0


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the header `Gateway-Signature` of a body sent at this time (Unix seconds)."""
    digest = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@dataclass(frozen=True, kw_only=True)
class ChargeEvent:
    """An event about a charge: `type` is "charge.succeeded" or "charge.failed"."""

    id: str
    type: str
    charge: str
    amount: int
    reference: str

    def as_body(self) -> bytes:
        """Return it as it is sent."""
        charge = {"id": self.charge, "amount": self.amount, "reference": self.reference}
        return json.dumps({"id": self.id, "type": self.type, "data": {"charge": charge}}).encode()


@dataclass(kw_only=True)
class Delivery:
    """An event for one receiver, and what became of it: `status` is that of the last attempt."""

    event: ChargeEvent
    url: str
    attempts: int = 0
    status: int | None = None
    abandoned: bool = False

    @property
    def answered(self) -> bool:
        """Return whether the receiver has answered, so that nothing needs to be sent again."""
        return self.status is not None and self.status < 500

    @property
    def outcome(self) -> str:
        """Return what became of it, for people."""
        if self.attempts == 0:
            return "on its way"
        outcome = "no answer" if self.status is None else f"answered {self.status}"
        if not (self.answered or self.abandoned):
            return f"{outcome}, will be sent again"
        return f"{outcome}, sent {self.attempts} times" if self.attempts > 1 else outcome


class Webhooks:
    """Sends events to all receivers, and keeps the outcome of each."""

    def __init__(self, secret: str, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self.deliveries: list[Delivery] = []
        self._secret = secret
        self._closing = Event()
        self._threads: list[Thread] = []

    def send(self, event: ChargeEvent) -> None:
        """Send an event from threads of its own, again and again if need be."""
        for delivery in self._deliveries_of(event):
            thread = Thread(target=self._insist, args=(delivery,), name=f"webhook-{event.id}")
            self._threads.append(thread)
            thread.start()

    def send_once(
        self, event: ChargeEvent, *, age_seconds: int = 0, forged: bool = False
    ) -> list[Delivery]:
        """Send an event now, once, and return the answers of the receivers.

        It is signed as of so many seconds ago, with a wrong secret if it is to be forged.
        """
        deliveries = self._deliveries_of(event)
        for delivery in deliveries:
            secret = secrets.token_hex() if forged else self._secret
            self._attempt(delivery, secret, int(time.time()) - age_seconds)
            delivery.abandoned = True
        return deliveries

    def close(self) -> None:
        """Give up what is still to be sent; returns when no thread is left."""
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def _deliveries_of(self, event: ChargeEvent) -> list[Delivery]:
        deliveries = [Delivery(event=event, url=url) for url in self.urls]
        self.deliveries += deliveries
        return deliveries

    def _insist(self, delivery: Delivery) -> None:
        for pause in (0.0, *RETRY_PAUSES):
            if self._closing.wait(pause):
                break
            self._attempt(delivery, self._secret, int(time.time()))
            if delivery.answered:
                return
        delivery.abandoned = True

    def _attempt(self, delivery: Delivery, secret: str, at: int) -> None:
        body = delivery.event.as_body()
        headers = {
            "Content-Type": "application/json",
            "Gateway-Signature": sign(secret, body, at),
        }
        with requests.Session() as session:
            # Receivers are on this machine: HTTP_PROXY is not for them.
            session.trust_env = False
            try:
                answer = session.post(
                    delivery.url,
                    data=body,
                    headers=headers,
                    timeout=RECEIVER_TIMEOUT,
                    allow_redirects=False,
                )
                delivery.status = answer.status_code
            except requests.RequestException:
                delivery.status = None
        delivery.attempts += 1
