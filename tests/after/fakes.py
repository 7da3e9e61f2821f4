"""Stand-ins for the outside world, written by hand. test_gateways.py holds them to the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from after_service_layer.models import Order, WaitlistEntry
from after_service_layer.services.errors import CardDeclined
from after_service_layer.services.interfaces import Credentials, MailNotSent, PaymentOutcomeUnknown
from after_service_layer.support.messages import compose
from tests.after.helpers import NOW


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
    """A gateway that knows some of the sandbox's cards, and keeps what it has done.

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
    """Writes each mail as the real one does, and keeps which it was, and about what.

    It raises MailNotSent for what cannot be written, and a `failure` where a test has set one.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Order | WaitlistEntry]] = []
        self.failure: BaseException | None = None

    def send_confirmation(self, order: Order) -> None:
        self._send("confirmation", order, "confirmation_sent_at")

    def send_reminder(self, order: Order) -> None:
        self._send("reminder", order, "reminder_sent_at")

    def send_refund_notice(self, order: Order) -> None:
        self._send("refund", order, "refund_notice_sent_at")

    def send_offer(self, entry: WaitlistEntry) -> None:
        self._send("offer", entry, "offer_sent_at")

    def _send(self, mail: str, row: Order | WaitlistEntry, sent_at: str) -> None:
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


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was sent, by the names that `requests` has for it: so `oauth_signature` takes it."""

    url: str
    headers: Mapping[str, str]
    body: str
    method: str = "POST"


class FakeHttp:
    """A social network that says yes to all that is signed, and keeps what it was sent.

    A test gives other answers: `http.answers["statuses"] = 403, "No."`. With a `failure` it
    raises that instead.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.failure: BaseException | None = None
        temporary = "oauth_token=temporary&oauth_token_secret=temporary+secret"
        self.answers: dict[str, tuple[int, str]] = {
            "request_token": (200, f"{temporary}&oauth_callback_confirmed=true"),
            "access_token": (200, "oauth_token=lasting&oauth_token_secret=lasting+secret"),
            "statuses": (201, "{}"),
        }

    def post(self, address: str, *, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        self.sent.append(Sent(url=address, headers=headers, body=body))
        if self.failure:
            raise self.failure
        if not headers.get("Authorization", "").startswith("OAuth "):
            return 401, "Refused."
        return self.answers[address.rpartition("/")[2]]


class FakeCredentials:
    """Keeps one pair of credentials, for whoever asks."""

    def __init__(self, kept: Credentials | None = None) -> None:
        self.kept = kept

    def read(self) -> Credentials | None:
        return self.kept

    def keep(self, credentials: Credentials) -> None:
        self.kept = credentials

    def drop(self) -> None:
        self.kept = None
