"""What the services ask of the outside world.

The implementations are in `gateways/`; the tests write theirs by hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ..models import Order, WaitlistEntry

Clock = Callable[[], datetime]
"""Returns the current instant, aware, in UTC."""


class PaymentOutcomeUnknown(Exception):
    """The payment gateway did not say yes or no: money may have moved, or not."""


class MailNotSent(Exception):
    """The mail could not be written, or the mail server did not take it."""


@dataclass(frozen=True, kw_only=True)
class ChargeEvent:
    """What the gateway tells by itself about a charge: `succeeded` is None for other news."""

    succeeded: bool | None
    charge_id: str
    amount_cents: int
    reference: str


class NoAnswer(Exception):
    """Another site cannot be reached, or says nothing in time."""


class Http(Protocol):
    """Sends what is signed already."""

    def post(self, address: str, *, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        """Return status and text of the answer, whatever they are. Raises NoAnswer."""


@dataclass(frozen=True)
class Credentials:
    """What an OAuth 1 provider gave out for a user: temporary until they have allowed it."""

    token: str
    secret: str = field(repr=False)
    temporary: bool


class CredentialStore(Protocol):
    """Keeps the credentials of whoever is asking now, at one provider; at most one pair."""

    def read(self) -> Credentials | None:
        """Return what is kept; None where nothing is."""

    def keep(self, credentials: Credentials) -> None:
        """Keep these, and nothing that was kept before."""

    def drop(self) -> None:
        """Keep nothing any more."""


class Payments(Protocol):
    """A payment gateway. The same key never moves money twice."""

    def charge(self, *, amount_cents: int, source: str, reference: str, key: str) -> str:
        """Charge a card in EUR and return the charge's id.

        Raises CardDeclined with the gateway's reason, or PaymentOutcomeUnknown.
        """

    def find_charge(self, *, amount_cents: int, reference: str, key: str) -> str | None:
        """Return the id of the charge that was made with this key; None if there is none.

        Raises PaymentOutcomeUnknown, also for a charge that is not over this amount and reference.
        """

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        """Refund part of a charge, or all; raise PaymentOutcomeUnknown unless that is certain."""


class Mailer(Protocol):
    """Writes to buyers. Each raises MailNotSent."""

    def send_confirmation(self, order: Order) -> None:
        """Send the tickets of a paid order."""

    def send_reminder(self, order: Order) -> None:
        """Say that the event is near."""

    def send_refund_notice(self, order: Order) -> None:
        """Say that the payment came too late, and goes back."""

    def send_offer(self, entry: WaitlistEntry) -> None:
        """Say that seats are held for somebody who waits."""
