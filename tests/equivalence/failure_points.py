"""The use cases, and every point where one of them can fail half way.

A failure point is an effect on the world: a commit, a call of another server, a mail. The points
are not written down: each case is done once without a fault, and its effects are noted.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.equivalence.processes import ANSWER, MAIL, Failure, Fault, Task
from tests.equivalence.shop import DAY, HOUR, MINUTE, PASSWORD, PRICE, Shop, running_shop

CHARGE = "POST /v1/charges"

Case = Callable[[Shop], Task]


class Point(NamedTuple):
    """Before, at or after an effect of a case, counted from 0; the failure says which."""

    case: Case
    number: int
    effects: tuple[str, ...]
    failure: Failure

    @property
    def effect(self) -> str:
        """What fails; the answer where everything else is done."""
        return (*self.effects, ANSWER)[self.number]

    @property
    def fault(self) -> Fault:
        return Fault(self.number, self.failure)

    @property
    def leaves_mail_in_doubt(self) -> bool:
        """Whether a mail has arrived, and the app got no answer or could not store it."""
        if self.effect == MAIL:
            return self.failure == Failure.TIMEOUT
        was_mailed = self.number > 0 and self.effects[self.number - 1] == MAIL
        return was_mailed and self.failure != Failure.TIMEOUT

    def __str__(self) -> str:
        effect = self.effect.replace(" /", "-").replace("/", "-")
        return f"{name_of(self.case)}-{self.number + 1}-{effect}-{self.failure}"


# The use cases. Each prepares a shop, and returns what is to be disturbed.


def checkout(shop: Shop) -> Task:
    return shop.purchase(shop.add_event(capacity=1))


def free_checkout(shop: Shop) -> Task:
    return shop.purchase(shop.add_event(price_cents=0))


def checkout_with_voucher(shop: Shop) -> Task:
    shop.add(shop.models.Voucher(code="FRIENDS", kind="percent", value=50, max_uses=1))
    return shop.purchase(shop.add_event(), voucher="FRIENDS")


def checkout_with_offer(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    offer = shop.add_entry(event, "offered")
    return shop.purchase(event, email=offer.email, offer=offer.token)


def declined_checkout(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    shop.add_entry(event)
    return shop.purchase(event, card_token="tok_declined")


def declined_checkout_with_offer(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    offer = shop.add_entry(event, "offered")
    shop.add_entry(event)
    card = {"card_token": "tok_declined"}
    return shop.purchase(event, email=offer.email, offer=offer.token, **card)


def checkout_charged_too_late(shop: Shop) -> Task:
    """The charge takes longer than the hold, and meanwhile the seat is sold to another."""
    event = shop.add_event(capacity=1)
    purchase, other = shop.purchase(event), shop.purchase(event)

    def meanwhile(charge: dict) -> None:
        shop.bank.on_charge = lambda charge: None
        shop.do(replace(other, at=shop.now + 31 * MINUTE))

    shop.bank.on_charge = meanwhile
    return replace(purchase, delays={CHARGE: 31 * MINUTE})


def counter_sale(shop: Shop) -> Task:
    return shop.sale(shop.add_event(capacity=20), quantity="12")


def cancellation(shop: Shop) -> Task:
    event = shop.add_event(capacity=1, starts_at=shop.now + 3 * DAY)
    order = shop.add_order(event)
    shop.add_entry(event)
    return shop.cancellation(order)


def larger_capacity(shop: Shop) -> Task:
    """An edit that makes room for two of three who wait."""
    event = shop.add_event(capacity=1)
    shop.add_order(event)
    for _ in range(3):
        shop.add_entry(event)
    return shop.edit(event, capacity="3")


def new_event(shop: Shop) -> Task:
    return shop.creation()


def new_voucher(shop: Shop) -> Task:
    return shop.new_voucher()


def joining_the_waiting_list(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    shop.add_order(event)
    return shop.joining(event, "ada@example.org")


def check_in(shop: Shop) -> Task:
    event = shop.add_event()
    shop.add_order(event)
    [ticket] = shop.all("Ticket")
    return shop.check_in(event, ticket)


def login(shop: Shop) -> Task:
    return shop.login(PASSWORD)


def login_with_wrong_password(shop: Shop) -> Task:
    return shop.login("wrong")


def logout(shop: Shop) -> Task:
    return shop.logout()


def webhook_of_a_success(shop: Shop) -> Task:
    shop.add_order(shop.add_event(capacity=1), "pending")
    [charge] = shop.bank.charges.values()
    return shop.webhook(charge)


def webhook_of_a_late_success(shop: Shop) -> Task:
    """The hold has lapsed, but the seat is still there."""
    shop.add_order(shop.add_event(capacity=1), "expired", hold_until=shop.now - MINUTE)
    [charge] = shop.bank.charges.values()
    return shop.webhook(charge)


def webhook_of_a_success_without_seats(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    shop.add_order(event, "expired", hold_until=shop.now - MINUTE)
    [charge] = shop.bank.charges.values()
    shop.add_order(event)
    return shop.webhook(charge)


def webhook_of_a_failure(shop: Shop) -> Task:
    event = shop.add_event(capacity=1)
    order = shop.add_order(event, "pending", charged=False)
    shop.add_entry(event)
    charge = {"id": "ch_declined", "amount": PRICE, "reference": order.reference}
    return shop.webhook(charge, "charge.failed")


def beginning_to_connect(shop: Shop) -> Task:
    return shop.connecting()


def connecting(shop: Shop) -> Task:
    return shop.connected(shop.do(shop.connecting()))


def sharing(shop: Shop) -> Task:
    order = shop.add_order(shop.add_event())
    return shop.sharing(order, shop.do(connecting(shop)).session)


def expire(shop: Shop) -> Task:
    """Two events, each with a hold and an offer that have lapsed, and two who wait."""
    for _ in range(2):
        event = shop.add_event(capacity=2)
        shop.add_order(event, "pending", charged=False, hold_until=shop.now - MINUTE)
        shop.add_entry(event, "offered", offered_until=shop.now - MINUTE)
        for _ in range(2):
            shop.add_entry(event)
    return shop.job("expire")


def remind(shop: Shop) -> Task:
    """Three orders for two events that begin within a day."""
    event, other = (shop.add_event(starts_at=shop.now + hours * HOUR) for hours in (20, 22))
    for wanted in (event, other, event):
        shop.add_order(wanted)
    return shop.job("remind")


def reconcile(shop: Shop) -> Task:
    """Two events, and an order for each thing that can be left half done."""
    event = shop.add_event(capacity=20, starts_at=shop.now + 3 * DAY)
    full = shop.add_event(capacity=1)
    lapsed = {"hold_until": shop.now - MINUTE}
    shop.add_order(full)
    shop.add_order(event, "pending")
    shop.add_order(event, "pending", charged=False, **lapsed)
    shop.add_order(event, "pending", charged=False, total_cents=0)
    shop.add_order(full, "expired", **lapsed)
    for _ in range(2):
        shop.add_order(event, "cancelled", refund_cents=PRICE // 2, refund_state="due")
    shop.add_order(event, confirmation_sent_at=None)
    return shop.job("reconcile")


def create_organiser(shop: Shop) -> Task:
    return shop.command("create-organiser", "Hedda", "--password", PASSWORD)


CASES: tuple[Case, ...] = (
    checkout,
    free_checkout,
    checkout_with_voucher,
    checkout_with_offer,
    declined_checkout,
    declined_checkout_with_offer,
    checkout_charged_too_late,
    counter_sale,
    cancellation,
    larger_capacity,
    new_event,
    new_voucher,
    joining_the_waiting_list,
    check_in,
    login,
    login_with_wrong_password,
    logout,
    webhook_of_a_success,
    webhook_of_a_late_success,
    webhook_of_a_success_without_seats,
    webhook_of_a_failure,
    beginning_to_connect,
    connecting,
    sharing,
    expire,
    remind,
    reconcile,
    create_organiser,
)


def name_of(case: Case) -> str:
    return case.__name__


@cache
def effects_of_cases() -> dict[Case, tuple[str, ...]]:
    """Do each case once without a fault, in the first app; return the effects of each."""
    with (
        TemporaryDirectory() as folder,
        running_shop("before_mvt", f"sqlite:///{folder}/shop.sqlite") as shop,
    ):
        effects = {}
        for case in CASES:
            shop.open_afresh()
            effects[case] = shop.do(case(shop)).effects
    return effects


def failure_points() -> Iterator[Point]:
    """Return every point of every case, and every way to fail there."""
    for case, effects in effects_of_cases().items():
        for failure in Failure:
            # A process can also be killed when everything is done but the answer.
            last = len(effects) + (failure == Failure.KILL)
            yield from (Point(case, number, effects, failure) for number in range(last))


def table() -> str:
    """Return the effects of each use case as a Markdown table, for the page on proving."""
    effects = effects_of_cases()
    kinds = Counter(point.failure for point in failure_points())
    lines = ["| use case | its effects, in order |", "|---|---|"]
    lines += [
        f"| {name_of(case).replace('_', ' ')} | {', '.join(effects[case])} |" for case in effects
    ]
    ways = ", ".join(f"{number} × {failure}" for failure, number in kinds.items())
    points = sum(map(len, effects.values()))
    return "\n".join(
        [*lines, "", f"{len(effects)} use cases with {points} effects; in each app {ways}."]
    )


if __name__ == "__main__":
    print(table())
