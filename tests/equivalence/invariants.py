"""What must hold in a shop at any time, and what must hold when all jobs are done.

Written from the rules of the shop, and not from either app.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

import pytest

from tests.equivalence.shop import EARLIER, REFERENCE_LETTERS, Shop

MAILS = ("confirmation_sent_at", "offer_sent_at", "reminder_sent_at", "refund_notice_sent_at")
# Where an order can get to from each status, in one step or in several.
CAN_BECOME = {
    "pending": {"paid", "declined", "expired", "cancelled"},
    "paid": {"cancelled"},
    "declined": {"paid", "cancelled"},
    "expired": {"paid", "cancelled"},
    "cancelled": set(),
}


class Rows(NamedTuple):
    """All that is stored, at one moment."""

    events: list
    vouchers: list
    orders: list
    tickets: list
    entries: list

    @classmethod
    def of(cls, shop: Shop) -> "Rows":
        models = ("Event", "Voucher", "Order", "Ticket", "WaitlistEntry")
        return cls(*(shop.all(model) for model in models))

    def with_mails(self) -> list:
        """Return the rows about which mails are sent."""
        return [*self.orders, *self.entries]


def check_invariants(
    shop: Shop, *, finished: bool = False, mailed_twice: Collection[str] = ()
) -> None:
    """Fail with a sentence for each thing that is wrong in the database, the bank or the mailbox.

    When all jobs are `finished`, nothing may be left half done either. `mailed_twice` are the
    ids of mails that were sent by a process that could not store this any more: in the end
    exactly these have arrived twice.
    """
    rows = Rows.of(shop)
    problems = [
        *wrong_orders(shop, rows),
        *wrong_seats(shop, rows),
        *wrong_queue(rows),
        *wrong_money(shop, rows, finished),
        *wrong_mails(shop, rows, finished, mailed_twice),
        *(unfinished(shop, rows) if finished else ()),
    ]
    if problems:
        pytest.fail("\n".join(problems))


def check_locks(shop: Shop) -> None:
    """Fail when a process that has finished, or was killed, still has a lock."""
    for row in [*shop.all("Event"), *shop.all("Organiser")]:
        with shop.locked(row):
            pass


def wrong_orders(shop: Shop, rows: Rows) -> Iterator[str]:
    """Look at the orders: what they have become since the last look, and what they are."""
    orders, tickets = rows.orders, rows.tickets
    for order in orders:
        before = shop.statuses_seen.get(order.id, order.status)
        if order.status != before and order.status not in CAN_BECOME[before]:
            yield f"{order.reference}: it went from {before} to {order.status}."
        shop.statuses_seen[order.id] = order.status
        if not re.fullmatch(f"[{REFERENCE_LETTERS}]{{5}}", order.reference):
            yield f"{order.reference} is no reference."
        if order.status in ("pending", "paid") and order.refund_state != "none":
            yield f"{order.reference} ({order.status}): a refund is {order.refund_state}."
        if (order.refund_state == "none") != (order.refund_cents == 0):
            yield f"{order.reference}: {order.refund_cents} cents, {order.refund_state}."
    cancelled = {order.id for order in orders if order.status == "cancelled"}
    for ticket in tickets:
        if ticket.checked_in_at and ticket.order_id in cancelled:
            yield f"{ticket.code} is checked in, and its order is cancelled."
    for what, all_ in (
        ("reference", [order.reference for order in orders]),
        ("secret", [order.secret for order in orders]),
        ("checkout id", [order.checkout_id for order in orders]),
        ("ticket code", [ticket.code for ticket in tickets]),
    ):
        if len(set(all_)) < len(all_):
            yield f"A {what} is there twice."


def wrong_seats(shop: Shop, rows: Rows) -> Iterator[str]:
    """Look at seats, tickets, offers and vouchers: nothing is there twice."""
    orders, entries = rows.orders, rows.entries
    for event in rows.events:
        held = [
            row.quantity
            for row in [*orders, *entries]
            if row.event_id == event.id and holds_seats(row, shop.now)
        ]
        if sum(held) > event.capacity:
            yield f"{event.slug}: {sum(held)} of {event.capacity} seats are taken."
    tickets = Counter(ticket.order_id for ticket in rows.tickets)
    for order in orders:
        wanted = order.quantity if order.status in ("paid", "cancelled") else 0
        if tickets[order.id] != wanted:
            yield f"{order.reference} ({order.status}): {tickets[order.id]} tickets."
    living = [order for order in orders if order.status in ("pending", "paid")]
    for voucher in rows.vouchers:
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


def wrong_queue(rows: Rows) -> Iterator[str]:
    """Check the waiting list: no entry is overtaken."""
    waiting = {}
    for entry in rows.entries:
        if entry.status == "waiting":
            waiting.setdefault(entry.event_id, entry)
        elif entry.event_id in waiting:
            yield f"{entry.email} has overtaken {waiting[entry.event_id].email}."


def wrong_money(shop: Shop, rows: Rows, finished: bool) -> Iterator[str]:
    """Look at the bank: it holds what was sold, and what cancellations cost."""
    orders = {order.reference: order for order in rows.orders}
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


def wrong_mails(
    shop: Shop, rows: Rows, finished: bool, mailed_twice: Collection[str]
) -> Iterator[str]:
    """Look at the mailbox: one mail of a kind for a row, or that and a copy."""
    mails = defaultdict(list)
    for mail in shop.letters.all:
        mails[mail["To"], mail["Subject"]].append(mail["Message-ID"])
    for (to, subject), ids in mails.items():
        copies = 2 if ids[0] in mailed_twice else 1
        is_right = len(ids) == copies or (len(ids) < copies and not finished)
        if not is_right or len(set(ids)) != 1:
            yield f"{to}, {subject}: {len(ids)} mails with the ids {sorted(set(ids))}."
    arrived = {row_of(mail["Message-ID"]) for mail in shop.letters.all}
    for row in rows.with_mails():
        for noted in noted_mails(row):
            if row.mail_id(getattr(type(row), noted)) not in arrived:
                yield f"{row.email}: {noted} is noted, and no mail has come."


def noted_mails(row) -> list[str]:
    """Return the columns that say a mail was sent; not those that a test has stored so."""
    return [noted for noted in MAILS if getattr(row, noted, None) not in (None, EARLIER)]


def row_of(message_id: str) -> str:
    return message_id.strip("<>").partition("@")[0]


def mails_in_doubt(shop: Shop) -> set[str]:
    """Return the ids of the mails that have arrived and are not noted, or have arrived twice."""
    noted = {
        row.mail_id(getattr(type(row), noted))
        for row in Rows.of(shop).with_mails()
        for noted in noted_mails(row)
    }
    arrived = Counter(mail["Message-ID"] for mail in shop.letters.all)
    return {id_ for id_, number in arrived.items() if number > 1 or row_of(id_) not in noted}


def unfinished(shop: Shop, rows: Rows) -> Iterator[str]:
    """Look for what no job has ended."""
    for order in rows.orders:
        if order.status == "pending":
            yield f"{order.reference} is still pending."
        if order.refund_state == "due":
            yield f"{order.reference}: its refund is still due."
        late = order.status in ("expired", "declined") and order.refund_state != "none"
        if (order.status == "paid" and not order.confirmation_sent_at) or (
            late and not order.refund_notice_sent_at
        ):
            yield f"{order.reference} ({order.status}): the buyer got no mail."
    for entry in rows.entries:
        if holds_seats(entry, shop.now) and not entry.offer_sent_at:
            yield f"{entry.email} got no mail."
