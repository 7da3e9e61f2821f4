"""The fakes of the outside services, written by hand.

tests/after/gateways/test_gateways.py runs the same tests against them and the real ones.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from after_service_layer.models import MailColumn, Order, WaitlistEntry
from after_service_layer.services.errors import (
    CardDeclined,
    ConnectionRevoked,
    NetworkRefused,
    NetworkUnclear,
    PostRefused,
    PostUnclear,
)
from after_service_layer.services.interfaces import (
    Credentials,
    MailNotSent,
    PaymentOutcomeUnknown,
    Signer,
)
from after_service_layer.support.messages import compose
from tests.kit.helpers import NOW


class FakeClock:
    """A clock that stands still. A test moves it: `fake_clock.now += MINUTE`."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Charge:
    amount_cents: int
    source: str
    reference: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Refund:
    charge_id: str
    amount_cents: int
    key: str


class FakePayments:
    """A gateway with some of the sandbox's cards. It keeps a list of what it has done.

    With a `failure` it does nothing and raises that, whatever it is asked.
    """

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self.refunds: list[Refund] = []
        self.failure: BaseException | None = None

    def charge(self, *, amount_cents: int, source: str, reference: str, key: str) -> str:
        if self.failure:
            raise self.failure
        if source == "tok_declined":
            raise CardDeclined("The bank refuses to pay.")
        if source == "tok_error":
            raise PaymentOutcomeUnknown("The gateway failed.")
        charge = Charge(amount_cents=amount_cents, source=source, reference=reference, key=key)
        if charge not in self.charges:
            if key in [earlier.key for earlier in self.charges]:
                raise PaymentOutcomeUnknown("This key was used for another charge.")
            self.charges.append(charge)
        return f"ch_{self.charges.index(charge) + 1}"

    def find_charge(self, *, amount_cents: int, reference: str, key: str) -> str | None:
        if self.failure:
            raise self.failure
        for number, charge in enumerate(self.charges, start=1):
            if charge.key != key:
                continue
            if (charge.amount_cents, charge.reference) != (amount_cents, reference):
                raise PaymentOutcomeUnknown("This key was used for another charge.")
            return f"ch_{number}"
        return None

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        if self.failure:
            raise self.failure
        refund = Refund(charge_id=charge_id, amount_cents=amount_cents, key=key)
        if refund not in self.refunds:
            self.refunds.append(refund)


class FakeMailer:
    """Writes each mail as the real one does. `sent` is the kind of each, and its row.

    It raises MailNotSent for what cannot be written, and a `failure` where a test has set one.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Order | WaitlistEntry]] = []
        self.failure: BaseException | None = None

    def send_confirmation(self, order: Order) -> None:
        self._send("confirmation", order, Order.confirmation_sent_at)

    def send_reminder(self, order: Order) -> None:
        self._send("reminder", order, Order.reminder_sent_at)

    def send_refund_notice(self, order: Order) -> None:
        self._send("refund", order, Order.refund_notice_sent_at)

    def send_offer(self, entry: WaitlistEntry) -> None:
        self._send("offer", entry, WaitlistEntry.offer_sent_at)

    def _send(self, mail: str, row: Order | WaitlistEntry, sent_at: MailColumn) -> None:
        if self.failure:
            raise self.failure
        try:
            compose(
                sender="shop@example.org",
                to=row.email,
                subject=row.event.title,
                body=row.event.venue,
                mail_id=row.mail_id(sent_at),
            ).as_bytes()
        except ValueError as error:
            raise MailNotSent(str(error)) from error
        self.sent.append((mail, row))


class FakeSigner:
    """Signs with a header that names the user's token, as OAuth does."""

    def __init__(self, token: str) -> None:
        self._token = token

    def sign(
        self, uri: str, http_method: Any = None, body: Any = None, headers: Any = None
    ) -> Any:
        return uri, {**(headers or {}), "Authorization": f"OAuth {self._token}"}, body


class FakeProvider:
    """A social network that keeps the rules of OAuth 1, as the real one does.

    A token must be one that it gave out, with its secret; a verifier is for one token, and both
    work once; credentials that are revoked no longer work; a post has 1 to 500 letters. `allow`
    is what the user does on the provider's page. Once `is_down`, it gives no clear answer.
    """

    url = "https://network.example"

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.callbacks: list[str] = []
        self.is_down = False
        self._numbers = count(1)
        self._secrets: dict[str, str] = {}
        self._verifiers: dict[str, str] = {}

    def temporary_credentials(self, callback: str) -> Credentials:
        self._require_answer()
        self.callbacks.append(callback)
        return self._give(temporary=True)

    def authorization_url(self, temporary: Credentials) -> str:
        return f"{self.url}/authorize?oauth_token={temporary.token}"

    def allow(self, page: str) -> str:
        """Return the verifier that the user brings back from this page."""
        token = page.rpartition("=")[2]
        self._verifiers[token] = f"verifier of {token}"
        return self._verifiers[token]

    def access_credentials(self, temporary: Credentials, verifier: str) -> Credentials:
        self._require_answer()
        allowed = self._verifiers.get(temporary.token)
        if not self._is_known(temporary, "temporary") or allowed is None or verifier != allowed:
            raise NetworkRefused()
        self.revoke(temporary)
        return self._give(temporary=False)

    def post(self, credentials: Credentials, text: str) -> None:
        if self.is_down:
            raise PostUnclear()
        if not self._is_known(credentials, "lasting"):
            raise ConnectionRevoked()
        if not 1 <= len(text) <= 500:
            raise PostRefused()
        self.posts.append(text)

    def signer(self, credentials: Credentials) -> Signer:
        return FakeSigner(credentials.token)

    def revoke(self, credentials: Credentials) -> None:
        """Accept these credentials no longer."""
        del self._secrets[credentials.token]

    def _give(self, *, temporary: bool) -> Credentials:
        kind = "temporary" if temporary else "lasting"
        token = f"{kind}-{next(self._numbers)}"
        self._secrets[token] = f"secret of {token}"
        return Credentials(token, self._secrets[token], temporary=temporary)

    def _is_known(self, credentials: Credentials, kind: str) -> bool:
        return (
            credentials.token.startswith(kind)
            and self._secrets.get(credentials.token) == credentials.secret
        )

    def _require_answer(self) -> None:
        if self.is_down:
            raise NetworkUnclear()


class FakeCredentials:
    """Keeps one pair of credentials."""

    def __init__(self) -> None:
        self.kept: Credentials | None = None

    def read(self) -> Credentials | None:
        return self.kept

    def keep(self, credentials: Credentials) -> None:
        self.kept = credentials

    def drop(self) -> None:
        self.kept = None
