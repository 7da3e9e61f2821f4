"""A shop with a real database, gateway and mail server, and what must hold in it at any time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select

from tests.equivalence.processes import Answer, Crew, Errand, Task
from tests.equivalence.servers import Bank, Letters
from workbench.sandbox.webhooks import ChargeEvent, sign

WEBHOOK_SECRET = "shared with the gateway"
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PRICE = 2500
MAILS = ("confirmation_sent_at", "offer_sent_at", "reminder_sent_at", "refund_notice_sent_at")
REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ379"


class Shop:
    """One app, used by many processes at once, at the instant `now`."""

    def __init__(self, app, models, crew: Crew, bank: Bank, letters: Letters) -> None:
        self._app = app
        self._crew = crew
        self._numbers = count(1)
        self.models = models
        self.bank = bank
        self.letters = letters
        self.now = NOW

    # Rows.

    def add(self, row):
        db = self._app.extensions["sqlalchemy"]
        with self._app.app_context():
            db.session.add(row)
            db.session.commit()
            db.session.refresh(row)
        return row

    def all(self, model: str) -> list:
        """Return all rows of a model, such as `all("Order")`, the oldest first."""
        db, model = self._app.extensions["sqlalchemy"], getattr(self.models, model)
        with self._app.app_context():
            return db.session.scalars(select(model).order_by(model.id)).all()

    def statuses(self, model: str) -> list[str]:
        return [row.status for row in self.all(model)]

    def add_event(self, **differences):
        number = next(self._numbers)
        facts = {
            "slug": f"jazz-{number}",
            "title": f"Jazz {number}",
            "summary": "Loud.",
            "venue": "Mill Barn",
            "category": "music",
            "starts_at": NOW + 30 * DAY,
            "capacity": 100,
            "price_cents": PRICE,
            "published": True,
        }
        return self.add(self.models.Event(**{**facts, **differences}))

    def add_order(self, event, status="paid", *, charged=True, **differences):
        """Store an order of one seat, and charge its card."""
        number = next(self._numbers)
        reference = "".join(
            REFERENCE_LETTERS[number // 27**place % 27] for place in reversed(range(5))
        )
        charge_id = self.bank.charge(PRICE, reference) if charged else None
        facts = {
            "reference": reference,
            "secret": "secret",
            "checkout_id": f"earlier-{number}",
            "event_id": event.id,
            "name": "Bruno Keller",
            "email": f"buyer-{number}@example.org",
            "quantity": 1,
            "total_cents": PRICE,
            "created_at": NOW,
            "hold_until": NOW + 30 * MINUTE,
        }
        if status in ("paid", "cancelled"):
            facts |= {
                "charge_id": charge_id,
                "confirmation_sent_at": NOW,
                "tickets": [self.models.Ticket(code=f"ticket-{number}")],
            }
        return self.add(self.models.Order(status=status, **{**facts, **differences}))

    def add_entry(self, event, status="waiting", **differences):
        """Store a place in the queue; an offer lasts another two days."""
        number = next(self._numbers)
        facts = {
            "event_id": event.id,
            "email": f"in-line-{number}@example.org",
            "quantity": 1,
            "created_at": NOW,
            "token": f"token-{number}",
        }
        if status == "offered":
            facts |= {"offered_until": NOW + 2 * DAY, "offer_sent_at": NOW}
        return self.add(self.models.WaitlistEntry(status=status, **{**facts, **differences}))

    # What can be done.

    def purchase(self, event, **differences) -> Task:
        number = next(self._numbers)
        fields = {
            "checkout_id": f"form-{number}",
            "name": "Ada Okafor",
            "email": f"ada-{number}@example.org",
            "quantity": "1",
            "card_token": "tok_visa",
        }
        return self._task(f"/events/{event.slug}/checkout", {**fields, **differences})

    def cancellation(self, order) -> Task:
        return self._task(f"/orders/{order.reference}/{order.secret}/cancel")

    def joining(self, event, email: str) -> Task:
        return self._task(f"/events/{event.slug}/waitlist", {"email": email, "quantity": "1"})

    def check_in(self, event, ticket) -> Task:
        path = f"/organiser/events/{event.slug}/checkin"
        return self._as_organiser(self._task(path, {"code": ticket.code}))

    def edit(self, event, **differences) -> Task:
        fields = {
            "title": event.title,
            "slug": event.slug,
            "summary": event.summary,
            "venue": event.venue,
            "category": event.category,
            "starts_at": f"{event.starts_at:%Y-%m-%d %H:%M}",
            "capacity": str(event.capacity),
            "price": f"{event.price_cents / 100:.2f}",
            "max_per_order": "10",
            "published": "y",
        }
        path = f"/organiser/events/{event.slug}/edit"
        return self._as_organiser(self._task(path, {**fields, **differences}))

    def webhook(self, charge: dict, kind: str = "charge.succeeded") -> Task:
        """Return the message about a charge, given as the gateway answers it."""
        body = ChargeEvent(
            id="evt_1",
            type=kind,
            charge=charge["id"],
            amount=charge["amount"],
            reference=charge["reference"],
        ).as_body()
        signature = sign(WEBHOOK_SECRET, body, int(self.now.timestamp()))
        return self._task("/webhooks/payments", body, {"Gateway-Signature": signature})

    def job(self, name: str) -> Task:
        return Task(at=self.now, job=name)

    def _task(self, path: str, data=b"", headers=None) -> Task:
        return Task(at=self.now, path=path, data=data, headers=headers or {})

    def _as_organiser(self, task: Task) -> Task:
        known = self.all("Organiser")
        organiser = known or [self.add(self.models.Organiser(name="Greta", password_hash=""))]
        return replace(task, organiser=organiser[0].id)

    # Doing it.

    @contextmanager
    def locked(self, event) -> Iterator[None]:
        """Let nobody else decide about an event until the block ends."""
        db = self._app.extensions["sqlalchemy"]
        with self._app.app_context():
            db.session.get(self.models.Event, event.id).lock()
            yield
            db.session.rollback()

    def start(self, *tasks: Task) -> Errand:
        """Begin with all tasks in the same moment."""
        return self._crew.start(*tasks)

    def at_once(self, *tasks: Task) -> list[Answer | None]:
        """Do all tasks in the same moment; return the answers in their order."""
        return self.start(*tasks).answers()

    def do(self, task: Task) -> Answer | None:
        return self.at_once(task)[0]

    def kill(self, task: Task, before: int) -> None:
        """Do a task in a process that is killed before that effect."""
        assert self.do(replace(task, die_before=before)) is None


def statuses(answers: Iterable[Answer | None]) -> list[int]:
    """Return the statuses of all answers, the lowest first."""
    return sorted(answer.status for answer in answers)


def done_by_jobs(answers: Iterable[Answer | None]) -> dict[str, int]:
    """Return what jobs say they did, all of them together; noughts are left out."""
    done: Counter[str] = Counter()
    for answer in answers:
        assert answer.status == 0, answer.text
        for line in answer.text.splitlines():
            what, separator, number = line.rpartition(": ")
            done[what] += int(number) if separator and number.isdigit() else 0
    return {what: number for what, number in done.items() if number}


def check_invariants(
    shop: Shop, *, finished: bool = False, mailed_twice: Iterable[str] = ()
) -> None:
    """Fail with a sentence for all that is wrong in the database, the bank or the mailbox.

    When all jobs are `finished`, nothing may be left half done either. `mailed_twice` are the
    addresses whose mail was sent by a process that was killed before it could note so: exactly
    they get a second copy, and can tell by its id that it is one.
    """
    problems = [
        *wrong_seats(shop),
        *wrong_money(shop, finished),
        *wrong_mails(shop, set(mailed_twice)),
        *(unfinished(shop) if finished else ()),
    ]
    if problems:
        pytest.fail("\n".join(problems))


def wrong_seats(shop: Shop) -> Iterator[str]:
    """Look at seats, tickets, offers and vouchers: nothing is there twice."""
    orders, entries = shop.all("Order"), shop.all("WaitlistEntry")
    for event in shop.all("Event"):
        held = [
            row.quantity
            for row in [*orders, *entries]
            if row.event_id == event.id and holds_seats(row, shop.now)
        ]
        if sum(held) > event.capacity:
            yield f"{event.slug}: {sum(held)} of {event.capacity} seats are taken."
    tickets = Counter(ticket.order_id for ticket in shop.all("Ticket"))
    for order in orders:
        wanted = order.quantity if order.status in ("paid", "cancelled") else 0
        if tickets[order.id] != wanted:
            yield f"{order.reference} ({order.status}): {tickets[order.id]} tickets."
    living = [order for order in orders if order.status in ("pending", "paid")]
    for voucher in shop.all("Voucher"):
        uses = sum(order.voucher_id == voucher.id for order in living)
        if uses > voucher.max_uses:
            yield f"{voucher.code}: {uses} of {voucher.max_uses} uses."
    for entry in entries:
        if sum(order.offer_id == entry.id for order in living) > 1:
            yield f"{entry.email}: an offer is used twice."


def holds_seats(row, now: datetime) -> bool:
    match row.status:
        case "paid":
            return True
        case "pending":
            return row.hold_until >= now
        case "offered":
            return row.offered_until >= now
    return False


def wrong_money(shop: Shop, finished: bool) -> Iterator[str]:
    """Look at the bank: it holds what was sold, and what cancellations cost."""
    orders = {order.reference: order for order in shop.all("Order")}
    charges = Counter(charge["reference"] for charge in shop.bank.charges.values())
    for reference, number in charges.items():
        if reference not in orders:
            yield f"{reference}: a charge without an order."
        elif number > 1:
            yield f"{reference}: {number} charges."
    for order in orders.values():
        kept = shop.bank.kept_of(order.reference)
        right = money_of(order)
        if kept not in right or (finished and kept != min(right)):
            yield f"{order.reference} ({order.status}): the bank has {kept}, not {sorted(right)}."


def money_of(order) -> set[int]:
    """Return what the bank may have of an order; the least is what it has in the end."""
    match order.status:
        case "paid":
            return {order.total_cents}
        case "cancelled":
            kept = order.total_cents - order.refund_cents
        case _:
            kept = 0
    is_open = order.refund_state == "due" or (order.status != "cancelled" and not order.charge_id)
    return {kept, order.total_cents} if is_open else {kept}


def wrong_mails(shop: Shop, mailed_twice: set[str]) -> Iterator[str]:
    """Look at the mailbox: one mail of a kind for a row, or that and a copy."""
    mails = defaultdict(list)
    for mail in shop.letters.all:
        mails[mail["To"], mail["Subject"]].append(mail["Message-ID"])
    for (to, subject), ids in mails.items():
        copies = 2 if to in mailed_twice else 1
        if len(ids) != copies or len(set(ids)) != 1:
            yield f"{to}, {subject}: {len(ids)} mails with the ids {sorted(set(ids))}."
    arrived = {mail["Message-ID"].partition("@")[0] for mail in shop.letters.all}
    for row in [*shop.all("Order"), *shop.all("WaitlistEntry")]:
        for noted in MAILS:
            # What a test has stored as sent at NOW was never sent.
            is_sent = getattr(row, noted, None) not in (None, NOW)
            if is_sent and f"<{row.mail_id(noted)}" not in arrived:
                yield f"{row.email}: {noted} is noted, and no mail has come."


def unfinished(shop: Shop) -> Iterator[str]:
    """Look for what no job has ended."""
    for order in shop.all("Order"):
        if order.status == "pending":
            yield f"{order.reference} is still pending."
        if order.refund_state == "due":
            yield f"{order.reference}: its refund is still due."
        late = order.status in ("expired", "declined") and order.refund_state != "none"
        if (order.status == "paid" and not order.confirmation_sent_at) or (
            late and not order.refund_notice_sent_at
        ):
            yield f"{order.reference} ({order.status}): the buyer was told nothing."
    for entry in shop.all("WaitlistEntry"):
        if holds_seats(entry, shop.now) and not entry.offer_sent_at:
            yield f"{entry.email} was told nothing."
