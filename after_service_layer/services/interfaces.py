"""What the services ask of the outside world.

The implementations are in `gateways/`; the tests write theirs by hand.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ..models import Order

Clock = Callable[[], datetime]
"""Returns the current instant, aware, in UTC."""


class NoClearAnswer(Exception):
    """The payment gateway did not say yes or no: money may have moved, or not."""


class MailNotSent(Exception):
    """The mail server did not take the mail."""


class Payments(Protocol):
    """A payment gateway. The same key never moves money twice."""

    def charge(self, *, amount_cents: int, source: str, reference: str, key: str) -> str:
        """Charge a card in EUR and return the charge's id.

        Raises CardDeclined with the gateway's reason, or NoClearAnswer.
        """

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        """Give money of a charge back. Raises NoClearAnswer unless it is certain that it did."""


class Mailer(Protocol):
    """Writes to buyers."""

    def confirm(self, order: Order) -> None:
        """Send the tickets of a paid order. Raises MailNotSent."""
