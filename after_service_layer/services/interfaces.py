"""What the services ask of the outside world.

The implementations are in `gateways/`; the tests write theirs by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from ..models import Order, WaitlistEntry

Clock = Callable[[], datetime]
"""Returns the current instant, aware, in UTC."""


class PaymentOutcomeUnknown(Exception):
    """The payment gateway did not say yes or no: money may have moved, or not."""


class MailNotSent(Exception):
    """The mail could not be written, or the mail server did not take it."""


class ChargeOutcome(Enum):
    """What the gateway reports about a charge."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class ChargeEvent:
    """A report of the gateway about a charge, sent without being asked."""

    outcome: ChargeOutcome
    charge_id: str
    amount_cents: int
    reference: str


@dataclass(frozen=True)
class Credentials:
    """What an OAuth 1 provider gave out for a user: temporary until they have allowed it."""

    token: str
    secret: str = field(repr=False)
    temporary: bool


class CredentialStore(Protocol):
    """Keeps the credentials of the current user at one provider; at most one pair."""

    def read(self) -> Credentials | None:
        """Return what is kept; None where nothing is."""

    def keep(self, credentials: Credentials) -> None:
        """Keep these, and nothing that was kept before."""

    def drop(self) -> None:
        """Keep nothing any more."""


class Signer(Protocol):
    """Signs a request, to be sent with any HTTP library."""

    def sign(self, uri: str, http_method: Any = ..., body: Any = ..., headers: Any = ...) -> Any:
        """Return address, headers and body of the signed request."""


class OAuth1Provider(Protocol):
    """A site whose users can allow the shop to post in their name."""

    def temporary_credentials(self, callback: str) -> Credentials:
        """Return credentials for one authorization. Raises NetworkRefused or NetworkUnclear."""

    def authorization_url(self, temporary: Credentials) -> str:
        """Return the page where the user is asked."""

    def access_credentials(self, temporary: Credentials, verifier: str) -> Credentials:
        """Return credentials that give access. Raises NetworkRefused or NetworkUnclear."""

    def post(self, credentials: Credentials, text: str) -> None:
        """Post a text in the user's name.

        Raises ConnectionRevoked, PostRefused, or PostUnclear when it may be out or not.
        """

    def signer(self, credentials: Credentials) -> Signer:
        """Return what signs in the user's name."""


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
    """Sends mails to buyers. Each method raises MailNotSent."""

    def send_confirmation(self, order: Order) -> None:
        """Send the tickets of a paid order."""

    def send_reminder(self, order: Order) -> None:
        """Say that the event is near."""

    def send_refund_notice(self, order: Order) -> None:
        """Say that the payment came too late, and goes back."""

    def send_offer(self, entry: WaitlistEntry) -> None:
        """Say that seats are held for an entry of the waiting list."""
