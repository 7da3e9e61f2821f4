"""Stand-ins for the outside world, written by hand. test_gateways.py holds them to the truth."""

from dataclasses import dataclass

from after_service_layer.models import Order
from after_service_layer.services.interfaces import MailNotSent, NoClearAnswer
from after_service_layer.services.refusals import CardDeclined


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
            raise NoClearAnswer("The gateway failed.")
        charge = Charge(amount_cents=amount_cents, source=source, reference=reference, key=key)
        if charge not in self.charges:
            if key in [earlier.key for earlier in self.charges]:
                raise NoClearAnswer("This key was used for another charge.")
            self.charges.append(charge)
        return f"ch_{self.charges.index(charge) + 1}"

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        if self.failure:
            raise self.failure
        refund = Refund(charge_id=charge_id, amount_cents=amount_cents, key=key)
        if refund not in self.refunds:
            self.refunds.append(refund)


class FakeMailer:
    """Keeps the orders that it was to confirm; refuses them all when it is told to fail."""

    def __init__(self) -> None:
        self.confirmed: list[Order] = []
        self.fails = False

    def confirm(self, order: Order) -> None:
        if self.fails:
            raise MailNotSent("The mail server does not answer.")
        self.confirmed.append(order)
