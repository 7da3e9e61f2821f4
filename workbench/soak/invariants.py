"""What must hold in a shop after any load: a sentence each, and SQL that finds breaches.

Some of it holds at any moment, the rest once the jobs have nothing left to do. What gateway,
mail server and visitors have recorded is put into tables beside those of the shop. So each rule
is one query, and no code of the shop is used. A query returns what is wrong; it speaks
the SQL that PostgreSQL and SQLite have in common.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    text,
)

from workbench.sandbox.gateway import Charge, Refund
from workbench.sandbox.mailbox import Mail
from workbench.soak.shops import AROUND_A_KILL

OUTSIDE = MetaData()
CHARGES = Table(
    "soak_charges",
    OUTSIDE,
    Column("id", String, primary_key=True),
    Column("reference", String),
    Column("status", String),
    Column("amount", Integer),
)
REFUNDS = Table(
    "soak_refunds",
    OUTSIDE,
    Column("id", String, primary_key=True),
    Column("charge", String),
    Column("amount", Integer),
)
# `kind` is the column that notes a mail of this kind as sent; `row_id` is that of its row.
MAILS = Table(
    "soak_mails",
    OUTSIDE,
    Column("number", Integer, primary_key=True),
    Column("message_id", String),
    Column("kind", String),
    Column("row_id", Integer),
    Column("recipient", String),
    Column("subject", String),
    Column("text", String),
)
# The orders that visitors have looked at, and what they last saw.
SEEN = Table(
    "soak_seen",
    OUTSIDE,
    Column("secret", String, primary_key=True),
    Column("reference", String),
    Column("status", String),
)

MESSAGE_ID = re.compile(r"<(\w+)\.(\d+)\.\d+@")
WORD = re.compile(r"[\w-]+")
# More than this many examples of one breach do not help.
EXAMPLES = 3


class Invariant(NamedTuple):
    """What holds, and a query for the rows in which it does not."""

    sentence: str
    breaches: str


LIVING = "('pending', 'paid')"
SEATS_TAKEN = """(
    SELECT coalesce(sum(quantity), 0) FROM orders WHERE event_id = events.id
    AND (status = 'paid' OR (status = 'pending' AND hold_until >= :now))
) + (
    SELECT coalesce(sum(quantity), 0) FROM waitlist_entries WHERE event_id = events.id
    AND status = 'offered' AND offered_until >= :now
)"""
KEPT = """(
    SELECT coalesce(sum(amount), 0) FROM soak_charges
    WHERE reference = orders.reference AND status = 'succeeded'
) - (
    SELECT coalesce(sum(soak_refunds.amount), 0) FROM soak_refunds
    JOIN soak_charges ON soak_charges.id = charge WHERE reference = orders.reference
)"""
GROSS = """quantity * CASE WHEN early_bird_until >= :now
    THEN early_bird_price_cents ELSE price_cents END"""
# Every mail that a row notes as sent.
NOTED = """(
    SELECT 'confirmation_sent_at' AS kind, id FROM orders WHERE confirmation_sent_at IS NOT NULL
    UNION ALL SELECT 'reminder_sent_at', id FROM orders WHERE reminder_sent_at IS NOT NULL
    UNION ALL
    SELECT 'refund_notice_sent_at', id FROM orders WHERE refund_notice_sent_at IS NOT NULL
    UNION ALL SELECT 'offer_sent_at', id FROM waitlist_entries WHERE offer_sent_at IS NOT NULL
) AS noted"""
# Every row that a mail can be about: to whom, and the secret that only the receiver may have.
ADDRESSED = """(
    SELECT 'order' AS what, id, event_id, email, secret FROM orders
    UNION ALL SELECT 'offer', id, event_id, email, token FROM waitlist_entries
) AS addressed"""

AT_ANY_MOMENT = (
    Invariant(
        "No event has sold or held more seats than it has",
        f"SELECT slug FROM events WHERE capacity < {SEATS_TAKEN}",
    ),
    Invariant(
        "An order that is or was paid has a ticket for each seat, any other has none",
        """SELECT reference || ' ' || status FROM orders WHERE
        (SELECT count(*) FROM tickets WHERE order_id = orders.id)
        <> CASE WHEN status IN ('paid', 'cancelled') THEN quantity ELSE 0 END""",
    ),
    Invariant(
        "Only tickets of paid orders are checked in",
        """SELECT reference || ' ' || status FROM orders JOIN tickets ON order_id = orders.id
        WHERE checked_in_at IS NOT NULL AND status <> 'paid'""",
    ),
    Invariant(
        "No voucher is used more often than it may be",
        f"""SELECT code FROM vouchers WHERE max_uses <
        (SELECT count(*) FROM orders WHERE voucher_id = vouchers.id AND status IN {LIVING})""",
    ),
    Invariant(
        "No offer is used by two orders",
        f"""SELECT 'offer ' || offer_id FROM orders WHERE offer_id IS NOT NULL
        AND status IN {LIVING} GROUP BY offer_id HAVING count(*) > 1""",
    ),
    Invariant(
        "An offer is used only by the visitor who got it",
        """SELECT reference FROM orders JOIN waitlist_entries AS entry ON entry.id = offer_id
        WHERE lower(entry.email) <> lower(orders.email)
        OR entry.event_id <> orders.event_id OR entry.status = 'waiting'""",
    ),
    Invariant(
        "An address waits once for an event",
        """SELECT min(email) FROM waitlist_entries WHERE status IN ('waiting', 'offered')
        GROUP BY event_id, lower(email) HAVING count(*) > 1""",
    ),
    Invariant(
        "Seats are offered in the order of joining",
        """SELECT later.email FROM waitlist_entries AS later
        JOIN waitlist_entries AS earlier ON earlier.event_id = later.event_id
        WHERE earlier.id < later.id
        AND earlier.status = 'waiting' AND later.status <> 'waiting'""",
    ),
)
# When all jobs are done; some of it needs the records of the others.
IN_THE_END = (
    Invariant(
        "A price is that of the event, with 10 % off for a group or what the voucher takes off",
        f"""SELECT reference FROM orders JOIN events ON events.id = orders.event_id
        LEFT JOIN vouchers ON vouchers.id = voucher_id
        WHERE total_cents + discount_cents <> {GROSS} OR total_cents < 0
        OR discount_cents <> CASE
            WHEN kind = 'percent' THEN ({GROSS}) * value / 100
            WHEN kind = 'amount' THEN value
            WHEN quantity >= 6 THEN ({GROSS}) / 10
            ELSE 0 END""",
    ),
    Invariant(
        "The first in line fits into no seats that are free",
        f"""SELECT slug FROM events JOIN waitlist_entries AS first ON first.id =
        (SELECT min(id) FROM waitlist_entries WHERE event_id = events.id AND status = 'waiting')
        WHERE published AND starts_at > :now AND first.quantity <= capacity - ({SEATS_TAKEN})""",
    ),
    Invariant(
        "Every charge belongs to an order",
        """SELECT reference FROM soak_charges
        WHERE reference NOT IN (SELECT reference FROM orders)""",
    ),
    Invariant(
        "No order is charged twice, and no charge is refunded twice",
        """SELECT reference FROM soak_charges GROUP BY reference HAVING count(*) > 1
        UNION ALL SELECT charge FROM soak_refunds GROUP BY charge HAVING count(*) > 1""",
    ),
    Invariant(
        "The gateway keeps what was sold, less what was refunded, and nothing else",
        f"""SELECT reference || ' ' || status FROM orders WHERE {KEPT} <> CASE status
            WHEN 'paid' THEN total_cents
            WHEN 'cancelled' THEN total_cents - refund_cents
            ELSE 0 END""",
    ),
    Invariant(
        "A paid order names its charge",
        """SELECT orders.reference FROM orders LEFT JOIN soak_charges AS charge
        ON charge.id = charge_id AND charge.reference = orders.reference
        AND charge.status = 'succeeded'
        WHERE orders.status IN ('paid', 'cancelled')
        AND (charge.id IS NULL) = (total_cents > 0)""",
    ),
    Invariant(
        "A cancellation gives back all, half or nothing, by the time that is left",
        """SELECT reference FROM orders JOIN events ON events.id = event_id
        WHERE status = 'cancelled' AND refund_cents <> CASE
            WHEN starts_at >= :in_14_days THEN total_cents
            WHEN starts_at >= :in_48_hours THEN (total_cents + 1) / 2
            ELSE 0 END""",
    ),
    Invariant(
        "No order is left pending, no refund due, and no buyer without the mail",
        """SELECT reference || ' ' || status || ', refund ' || refund_state FROM orders
        WHERE status = 'pending' OR refund_state = 'due'
        OR (status = 'paid' AND confirmation_sent_at IS NULL)
        OR (status IN ('expired', 'declined') AND refund_state <> 'none'
            AND refund_notice_sent_at IS NULL)""",
    ),
    Invariant(
        "No offer is left without its mail",
        """SELECT email FROM waitlist_entries WHERE status = 'offered'
        AND offered_until >= :now AND offer_sent_at IS NULL""",
    ),
    Invariant(
        "Every mail that is noted has come",
        f"""SELECT noted.kind || ' of ' || noted.id FROM {NOTED}
        LEFT JOIN soak_mails ON soak_mails.kind = noted.kind AND row_id = noted.id
        WHERE soak_mails.number IS NULL""",
    ),
    Invariant(
        "A mail of a kind is the same mail if it comes twice",
        """SELECT kind || ' of ' || row_id FROM soak_mails GROUP BY kind, row_id
        HAVING count(DISTINCT message_id) > 1 OR count(DISTINCT recipient) > 1""",
    ),
    Invariant(
        "A mail goes to the owner of the order or the offer, with the right key to it",
        f"""SELECT soak_mails.kind || ' of ' || row_id FROM soak_mails LEFT JOIN {ADDRESSED}
        ON addressed.id = row_id AND (kind = 'offer_sent_at') = (what = 'offer')
        AND email = recipient AND soak_mails.text LIKE '%/' || secret || '%'
        WHERE addressed.id IS NULL""",
    ),
    Invariant(
        "The subject of a mail has the title of the event as it was typed",
        f"""SELECT subject FROM soak_mails JOIN {ADDRESSED} ON addressed.id = row_id
        AND (kind = 'offer_sent_at') = (what = 'offer') JOIN events ON events.id = event_id
        WHERE substr(subject, length(subject) - length(title) + 1) <> title""",
    ),
    Invariant(
        "What a visitor has seen is still true, or has changed along allowed transitions",
        """SELECT soak_seen.reference || ' was ' || soak_seen.status FROM soak_seen
        LEFT JOIN orders ON orders.reference = soak_seen.reference
        AND orders.secret = soak_seen.secret
        WHERE orders.id IS NULL
        OR (soak_seen.status = 'paid' AND orders.status NOT IN ('paid', 'cancelled'))
        OR (soak_seen.status = 'cancelled' AND orders.status <> 'cancelled')
        OR (soak_seen.status = 'declined' AND orders.status = 'expired')
        OR (soak_seen.status = 'expired' AND orders.status = 'declined')""",
    ),
)
INVARIANTS = AT_ANY_MOMENT + IN_THE_END


def store_records(
    connection: Connection,
    *,
    charges: Iterable[Charge],
    refunds: Iterable[Refund],
    mails: Iterable[Mail],
    seen: Mapping[str, str],
) -> None:
    """Store the other records in tables; `seen` are statuses by the addresses of orders."""
    OUTSIDE.create_all(connection)
    rows: dict[Table, list[dict[str, str | int | None]]] = {
        CHARGES: [
            {
                "id": charge.id,
                "reference": charge.request.reference,
                "status": charge.status,
                "amount": charge.request.amount,
            }
            for charge in charges
        ],
        REFUNDS: [
            {"id": refund.id, "charge": refund.charge, "amount": refund.amount}
            for refund in refunds
        ],
        MAILS: [_mail_row(mail) for mail in mails],
        SEEN: [
            {"reference": path.split("/")[2], "secret": path.split("/")[3], "status": status}
            for path, status in seen.items()
        ],
    }
    for table, records in rows.items():
        if records:
            connection.execute(insert(table), records)


def _mail_row(mail: Mail) -> dict[str, str | int | None]:
    """Return a mail as a row; one whose id is not the shop's is about no row."""
    found = MESSAGE_ID.match(mail.message_id)
    return {
        "message_id": mail.message_id,
        "kind": found[1] if found else None,
        "row_id": int(found[2]) if found else None,
        "recipient": ", ".join(mail.recipients),
        "subject": mail.subject,
        "text": mail.text,
    }


def breaches(
    connection: Connection, now: datetime, invariants: Sequence[Invariant] = INVARIANTS
) -> list[str]:
    """Return a sentence for each invariant that does not hold at this instant."""
    instants = {
        "now": now,
        "in_14_days": now + timedelta(days=14),
        "in_48_hours": now + timedelta(hours=48),
    }
    problems = []
    for invariant in invariants:
        wanted = {key: at for key, at in instants.items() if f":{key}" in invariant.breaches}
        typed = [bindparam(key, type_=DateTime(timezone=True)) for key in wanted]
        query = text(invariant.breaches).bindparams(*typed)
        if wrong := connection.scalars(query, wanted).all():
            problems.append(f"{invariant.sentence}. But: {_examples(wrong)}.")
    return problems


def surplus_copies(arrivals: Iterable[tuple[str, float]], kills: Sequence[float]) -> list[str]:
    """Return a sentence where a mail came twice, and no kill explains why.

    A process that is killed after it has sent a mail cannot note so, and the mail is sent again.
    `arrivals` are ids and instants in order, `kills` instants of the same clock.
    """
    first: dict[str, float] = {}
    unexplained = []
    for mail_id, arrived in arrivals:
        before = first.get(mail_id)
        if before is not None and all(abs(kill - before) > AROUND_A_KILL for kill in kills):
            unexplained.append(mail_id)
        first[mail_id] = arrived
    return [f"Mails came twice: {_examples(unexplained)}."] if unexplained else []


def log_problems(log: str, secrets: Collection[str]) -> list[str]:
    """Return a sentence for each thing that no log of a shop should have."""
    problems = []
    for sign in ("Traceback (most recent call last)", "WORKER TIMEOUT"):
        if number := log.count(sign):
            line = next(line for line in log.splitlines() if sign in line)
            problems.append(f"The log has {sign!r}, {number} times; first: {line[:200]}")
    # There are thousands of secrets, most of them of one word: each is looked up in a set.
    words = set(WORD.findall(log))
    known = [
        secret
        for secret in secrets
        if (secret in words if WORD.fullmatch(secret) else secret in log)
    ]
    if known:
        problems.append(
            f"The log has {len(known)} secrets, such as one of {len(known[0])} letters."
        )
    return problems


def secrets_of(engine: Engine) -> list[str]:
    """Return what only the buyers may have: keys to orders and offers, and codes of tickets."""
    query = text(
        "SELECT secret FROM orders UNION ALL SELECT token FROM waitlist_entries"
        " UNION ALL SELECT code FROM tickets"
    )
    with engine.connect() as connection:
        return list(connection.scalars(query))


def _examples(wrong: Collection[object]) -> str:
    some = ", ".join(str(row) for row in list(wrong)[:EXAMPLES])
    more = len(wrong) - EXAMPLES
    return f"{some} and {more} more" if more > 0 else some
