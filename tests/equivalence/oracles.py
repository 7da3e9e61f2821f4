"""What must hold in a shop at any time, written from the specification and not from the apps.

Two apps that make the same mistake show no difference. So after each step these rules look at
the rows, the mails and the gateway of one app; both are equal by then. No rule of the apps is
imported: amounts and instants are worked out again here.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.header import decode_header, make_header
from fractions import Fraction
from typing import Any
from urllib.parse import unquote_plus

from tests.equivalence.outside import API_KEY, GATEWAY, NETWORK, Outside
from tests.equivalence.steps import Rows, Run, Step, Webhook, instant_of
from tests.equivalence.world import PASSWORD, SETTINGS, WEBHOOK_SECRET, Reply, Seen

Row = dict[str, Any]

# From which status an order may go where, in one step of its life.
ORDER_WAYS = {
    "pending": {"paid", "declined", "expired"},
    "paid": {"cancelled"},
    "declined": {"paid"},
    "expired": {"paid"},
    "cancelled": set(),
}
# An offer that was taken is valid again when its order is declined.
ENTRY_WAYS = {
    "waiting": {"offered"},
    "offered": {"taken", "lapsed"},
    "taken": {"offered"},
    "lapsed": set(),
}
REFUND_WAYS = {"none": {"due"}, "due": {"done"}, "done": set()}
HEADERS_OF_A_MAIL = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
}
SECRETS_OF_THE_SHOP = (
    API_KEY,
    WEBHOOK_SECRET,
    PASSWORD,
    SETTINGS["SECRET_KEY"],
    SETTINGS["SHARE_CLIENT_SECRET"],
    "secret of request_token",
    "secret of access_token",
)
DATABASE = ("lock", "inner lock", "commit")
CHECKOUT = re.compile(r"/events/([^/]+)/checkout|/organiser/events/([^/]+)/sell")
ORDER_PAGE = re.compile(r"/(?:orders|share)/[^/]+/([^/]+)")


class Violated(AssertionError):
    """A rule of the specification does not hold; the text says which."""


class Oracles:
    """All rules. `checked` counts how often each had something to look at."""

    def __init__(self, site: str) -> None:
        self.checked: Counter[str] = Counter()
        self._site = site
        self._before: Rows = {}
        self._mails_seen = 0
        self._sent: dict[str, bool] = {}
        # The texts that each visitor has sent: what comes back of them is no secret to them.
        self._known: dict[str, set[str]] = defaultdict(set)
        self._failed_logins: list[tuple[str, datetime]] = []

    def begin(self, rows: Rows, outside: Outside) -> None:
        """Begin a journey with these rows, and with the mails that were sent before it."""
        self._before = rows
        self._mails_seen = len(outside.mails)

    def check(self, step: Step, seen: Seen, outside: Outside) -> None:
        """Look at what a step has led to; raise Violated."""
        facts = Facts(step, seen, outside, self._before, self._site)
        facts.known = self._known
        facts.failed_logins = self._failed_logins
        for reply in seen.answers:
            sent = " ".join((unquote_plus(reply.asked), *reply.form.values()))
            self._known[reply.who] |= {secret for secret in facts.secrets() if secret in sent}
        for rule in RULES:
            for problem in rule(facts):
                if problem:
                    raise Violated(f"After {step!r}: {rule.__doc__}\n{problem}")
                self.checked[rule.__name__.replace("_", " ")] += 1
        self._check_mails(step, facts)
        self._before = seen.rows

    def _check_mails(self, step: Step, facts: Facts) -> None:
        """Each mail is sent once, to one address, with the headers that a mail has."""
        mails = facts.outside.mails[self._mails_seen :]
        self._mails_seen = len(facts.outside.mails)
        for mail in mails:
            problem, number = facts.wrong_in_mail(mail.content, mail.recipients)
            # Killed or cut off before it could note that it was sent, a shop sends it again.
            if not problem and number in self._sent and not self._sent[number]:
                problem = f"{number} was sent twice."
            if problem:
                raise Violated(f"After {step!r}: {self._check_mails.__doc__}\n{problem}")
            self._sent[number] = not facts.undisturbed
            self.checked["one mail of a kind"] += 1


class Facts:
    """One step: the rows before and after it, and what was seen in it."""

    def __init__(self, step: Step, seen: Seen, outside: Outside, before: Rows, site: str) -> None:
        self.step = step
        self.known: dict[str, set[str]] = {}
        self.failed_logins: list[tuple[str, datetime]] = []
        self.seen = seen
        self.outside = outside
        self.before = before
        self.site = site
        self.rows = seen.rows
        self.events = {row["id"]: row for row in self.rows["events"]}
        self.vouchers = {row["id"]: row for row in self.rows["vouchers"]}
        self.orders = self.rows["orders"]
        self.entries = self.rows["waitlist_entries"]
        self.old_orders = {row["id"]: row for row in before["orders"]}
        self.old_entries = {row["id"]: row for row in before["waitlist_entries"]}
        self.old_events = {row["id"]: row for row in before["events"]}
        self.tickets: dict[int, list[Row]] = defaultdict(list)
        for ticket in self.rows["tickets"]:
            self.tickets[ticket["order_id"]].append(ticket)

    @property
    def undisturbed(self) -> bool:
        """Whether nothing went wrong, and no other request came in between."""
        return not self.seen.faults

    def has_met(self, *points: str, effect: str | None = None) -> bool:
        """Return whether something went wrong at one of these points."""
        return any(
            fault.point in points and effect in (None, fault.effect) for fault in self.seen.faults
        )

    def instants(self) -> list[datetime]:
        """Return the instants by which this step may have decided: those of its locks."""
        return self.seen.locked_at

    def form_of(self, order: Row) -> dict[str, str] | None:
        """Return what was typed into the form that made an order."""
        forms = (reply.form for reply in self.seen.answers if _has_bought(self, order, reply))
        return next(forms, None)

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of orders and offers, and the codes of tickets."""
        yield from (order["secret"] for order in self.orders)
        yield from (entry["token"] for entry in self.entries)
        yield from (ticket["code"] for ticket in self.rows["tickets"])

    def wrong_in_mail(self, content: bytes, recipients: tuple[str, ...]) -> tuple[str, str]:
        """Return what is wrong with a mail, if anything is, and its Message-ID."""
        mail = email.message_from_bytes(content, policy=email.policy.compat32)
        number = str(mail["Message-ID"])
        found = re.fullmatch(r"<(\w+)_sent_at\.(\d+)\.\d+@example\.org>", number)
        if found is None:
            return f"The Message-ID is {number}.", number
        rows = self.entries if found[1] == "offer" else self.orders
        row = next((row for row in rows if row["id"] == int(found[2])), None)
        if row is None:
            return f"{number} is about no row.", number
        names = [name.lower() for name in mail.keys()]  # noqa: SIM118 - a header may be there twice
        folded = re.sub(r"\r?\n(?=[ \t])", "", mail["Subject"])
        subject = str(make_header(decode_header(folded)))
        known = {self.events[row["event_id"]]["title"]}
        known |= {self.old_events.get(row["event_id"], {}).get("title", "")} - {""}
        text = mail.get_payload(decode=True).decode()
        links = set(re.findall(r"(\S*)/(?:orders|waitlist)/\S*[\w-]{40}", text))
        if sorted(names) != sorted(HEADERS_OF_A_MAIL):
            return f"Its headers are {names}.", number
        if recipients != (f"<{row['email']}>",) or mail["To"] != row["email"]:
            return f"It goes to {recipients} and {mail['To']!r}, not {row['email']!r}.", number
        if not any(subject.endswith(title) for title in known):
            return f"Its subject is {subject!r}, and the event {known}.", number
        if links != {self.site}:
            return f"Its links are {links}, and the shop is at {self.site}.", number
        return "", number


def rounded_half_up(number: Fraction) -> int:
    return (number + Fraction(1, 2)).__floor__()


def price_of(
    event: Row, quantity: int, voucher: Row | None, at: datetime
) -> tuple[int, int, bool]:
    """Return total and discount in cents, and whether the voucher is what was applied."""
    unit = event["price_cents"]
    until = event["early_bird_until"]
    if until is not None and at <= instant_of(until):
        unit = event["early_bird_price_cents"]
    gross = unit * quantity
    group = rounded_half_up(Fraction(gross * 10, 100)) if quantity >= 6 else 0
    saved = 0
    if voucher is not None and voucher["kind"] == "percent":
        saved = rounded_half_up(Fraction(gross * voucher["value"], 100))
    elif voucher is not None:
        saved = min(gross, voucher["value"])
    return gross - max(group, saved), max(group, saved), saved > group


def refund_of(order: Row, event: Row, at: datetime) -> int | None:
    """Return what a cancellation at this instant gives back, in cents; None if it is refused."""
    left = instant_of(event["starts_at"]) - at
    if left <= timedelta(0):
        return None
    percent = 100 if left >= timedelta(days=14) else 50 if left >= timedelta(hours=48) else 0
    return rounded_half_up(Fraction(order["total_cents"] * percent, 100))


def seats_taken(facts: Facts, event_id: int, at: datetime) -> int:
    sold = sum(
        order["quantity"]
        for order in facts.orders
        if order["event_id"] == event_id
        and (
            order["status"] == "paid"
            or (order["status"] == "pending" and at <= instant_of(order["hold_until"]))
        )
    )
    offered = sum(
        entry["quantity"]
        for entry in facts.entries
        if entry["event_id"] == event_id
        and entry["status"] == "offered"
        and at <= instant_of(entry["offered_until"])
    )
    return sold + offered


def _if(wrong: bool, sentence: str) -> str:
    """Return the sentence where something is wrong, and an empty text where nothing is."""
    return sentence if wrong else ""


# The rules. Each yields, for everything it has looked at, what is wrong, or an empty text.
# Its docstring is the sentence of the specification.


def seats(facts: Facts) -> Iterator[str]:
    """No seat is sold or held twice."""
    for event in facts.events.values():
        taken = seats_taken(facts, event["id"], facts.seen.now)
        yield _if(
            taken > event["capacity"],
            f"{taken} seats of {event['slug']} are taken, and it has {event['capacity']}.",
        )


def voucher_uses(facts: Facts) -> Iterator[str]:
    """A voucher is used by no more pending and paid orders than it may."""
    for voucher in facts.vouchers.values():
        uses = sum(
            order["voucher_id"] == voucher["id"] and order["status"] in ("pending", "paid")
            for order in facts.orders
        )
        if uses:
            yield _if(uses > voucher["max_uses"], f"{voucher['code']} is used {uses} times.")


def transitions(facts: Facts) -> Iterator[str]:
    """Orders, refunds and entries of the waiting list change only along allowed transitions."""
    for old_rows, rows, column, ways in (
        (facts.old_orders, facts.orders, "status", ORDER_WAYS),
        (facts.old_orders, facts.orders, "refund_state", REFUND_WAYS),
        (facts.old_entries, facts.entries, "status", ENTRY_WAYS),
    ):
        for row in rows:
            if row["id"] in old_rows and row[column] != old_rows[row["id"]][column]:
                old = old_rows[row["id"]][column]
                yield _if(
                    row[column] not in _reachable(old, ways),
                    f"{column} goes from {old} to {row[column]}.",
                )


def _reachable(status: str, ways: dict[str, set[str]]) -> set[str]:
    """Return where one step may lead: several transitions, when another step comes in between."""
    reached = set(ways[status])
    while more := {further for each in reached for further in ways[each]} - reached:
        reached |= more
    return reached


def tickets(facts: Facts) -> Iterator[str]:
    """A paid order has a ticket for each seat, with a code of its own, checked in once."""
    codes = [ticket["code"] for each in facts.tickets.values() for ticket in each]
    if len(set(codes)) != len(codes):
        yield "Two tickets have the same code."
    for order in facts.orders:
        count = len(facts.tickets[order["id"]])
        wanted = order["quantity"] if order["status"] in ("paid", "cancelled") else 0
        yield _if(
            count != wanted, f"{order['reference']} is {order['status']} and has {count} tickets."
        )
    old = {ticket["id"]: ticket["checked_in_at"] for ticket in facts.before["tickets"]}
    for ticket in facts.rows["tickets"]:
        before = old.get(ticket["id"])
        if before is not None:
            yield _if(ticket["checked_in_at"] != before, "A check-in was changed.")
        elif ticket["checked_in_at"] is not None:
            at = instant_of(ticket["checked_in_at"])
            yield _if(
                at not in facts.instants(),
                f"It was checked in at {at}, decided at {facts.instants()}.",
            )


def prices(facts: Facts) -> Iterator[str]:
    """A new order costs what it should, and holds its seats from the instant of its lock."""
    for order in facts.orders:
        form = None if order["id"] in facts.old_orders else facts.form_of(order)
        if form is None:
            continue
        created = instant_of(order["created_at"])
        yield _if(
            created not in facts.instants(),
            f"It was made at {created}, decided at {facts.instants()}.",
        )
        typed = form.get("quantity", "").strip()
        plain = re.fullmatch("[0-9]+", typed) and int(typed) == order["quantity"]
        yield _if(not plain, f"{typed!r} became {order['quantity']} seats.")
        code = one_line(form.get("voucher", "")).upper()
        voucher = next((v for v in facts.vouchers.values() if v["code"] == code), None)
        yield from _order_problems(facts, order, voucher, created)
        if code:
            yield _if(voucher is None, f"There is no voucher {code!r}.")


def _order_problems(
    facts: Facts, order: Row, voucher: Row | None, created: datetime
) -> Iterator[str]:
    events = [
        rows[order["event_id"]]
        for rows in (facts.events, facts.old_events)
        if order["event_id"] in rows
    ]
    expected = [price_of(event, order["quantity"], voucher, created) for event in events]
    got = (
        order["total_cents"],
        order["discount_cents"],
        voucher is not None and order["voucher_id"] == voucher["id"],
    )
    yield _if(got not in expected, f"Total, discount and voucher are {got}, not {expected}.")
    if voucher is not None:
        yield _if(
            not _voucher_holds(voucher, order["event_id"], created),
            f"The voucher {voucher['code']} does not hold.",
        )
    yield _if(all(created >= instant_of(e["starts_at"]) for e in events), "Sales were closed.")
    held = instant_of(order["hold_until"]) - created
    yield _if(
        held not in (timedelta(minutes=30), timedelta(minutes=10)), f"It is held for {held}."
    )


def _voucher_holds(voucher: Row, event_id: int, at: datetime) -> bool:
    return (
        (voucher["valid_from"] is None or at >= instant_of(voucher["valid_from"]))
        and (voucher["valid_until"] is None or at <= instant_of(voucher["valid_until"]))
        and voucher["event_id"] in (None, event_id)
    )


def ladder(facts: Facts) -> Iterator[str]:
    """A cancelled order gives back what the ladder says at the instant of its lock."""
    for order in facts.orders:
        old = facts.old_orders.get(order["id"])
        if old is None or order["status"] != "cancelled" or old["status"] == "cancelled":
            continue
        allowed = {
            refund_of(order, events[order["event_id"]], at)
            for at in facts.instants()
            for events in (facts.events, facts.old_events)
        }
        yield _if(
            order["refund_cents"] not in allowed, f"{order['refund_cents']} cents, not {allowed}."
        )
        checked_in = any(ticket["checked_in_at"] for ticket in facts.tickets[order["id"]])
        yield _if(checked_in, "One of its tickets is checked in.")


def queue(facts: Facts) -> Iterator[str]:
    """Seats are offered strictly in the order of joining, for 48 hours from the lock on."""
    for entry in facts.entries:
        old = facts.old_entries.get(entry["id"])
        if entry["status"] != "offered" or (old is not None and old["status"] != "waiting"):
            continue
        overtaken = [
            other["email"]
            for other in facts.entries
            if other["event_id"] == entry["event_id"]
            and other["id"] < entry["id"]
            and other["status"] == "waiting"
        ]
        yield _if(bool(overtaken), f"{overtaken} were overtaken by {entry['email']}.")
        begun = instant_of(entry["offered_until"]) - timedelta(hours=48)
        yield _if(
            begun not in facts.instants(),
            f"The offer began at {begun}, decided at {facts.instants()}.",
        )


def open_entries(facts: Facts) -> Iterator[str]:
    """There is one open entry per event and e-mail."""
    now = facts.seen.now
    # A visitor who had an offer, and joined again while its order was pending, has it back.
    given_back = {order["offer_id"] for order in facts.orders}
    keys = Counter(
        (entry["event_id"], entry["email"].lower())
        for entry in facts.entries
        if entry["status"] == "waiting"
        or (
            entry["status"] == "offered"
            and now <= instant_of(entry["offered_until"])
            and entry["id"] not in given_back
        )
    )
    for key, number in keys.items():
        yield _if(number > 1, f"{key} has {number} entries.")


def money(facts: Facts) -> Iterator[str]:
    """No charge without an order, none twice, and no more given back than was paid."""
    orders = {order["reference"]: order for order in facts.orders}
    for charge in facts.outside.charges.values():
        if charge.reference in facts.outside.misled:
            continue
        order = orders.get(charge.reference)
        if order is None:
            yield f"{charge} has no order."
        elif charge.status == "succeeded":
            yield _if(
                charge.amount != order["total_cents"], f"{charge} is not what {order} costs."
            )
            owed = order["refund_cents"] if order["refund_state"] != "none" else 0
            yield _if(
                charge.refunded > owed
                or (order["refund_state"] == "done" and charge.refunded != owed),
                f"{charge.refunded} of {owed} cents are given back.",
            )
    for order in orders.values():
        charge = facts.outside.charges.get(f"{order['reference']}-1")
        if order["reference"] in facts.outside.misled:
            continue
        if order["status"] in ("paid", "cancelled") and order["total_cents"]:
            paid = charge is not None and charge.status == "succeeded"
            yield _if(not paid, f"{order['reference']} is {order['status']} without a charge.")
        if order["status"] in ("expired", "declined") and order["charge_id"] is not None:
            yield _if(
                order["refund_cents"] != order["total_cents"],
                "A charge without seats is given back in full.",
            )


def idempotency(facts: Facts) -> Iterator[str]:
    """No request made a second order, or changed what was bought."""
    for order in facts.orders:
        old = facts.old_orders.get(order["id"])
        if old is not None:
            fixed = ("reference", "secret", "checkout_id", "event_id", "name", "email")
            fixed += ("quantity", "total_cents", "discount_cents", "voucher_id", "created_at")
            yield _if(any(order[c] != old[c] for c in fixed), f"{order['reference']} was changed.")
    ids = [order["checkout_id"] for order in facts.orders]
    yield _if(len(set(ids)) != len(ids), "Two orders have the same checkout id.")


def statuses(facts: Facts) -> Iterator[str]:
    """No 5xx but those of the specification."""
    for reply in facts.seen.answers:
        if reply.who == "terminal":
            yield _if(
                "Traceback" in reply.text or (reply.status == 1 and not _may_fail(facts, reply)),
                f"{reply.asked}: {reply.text}",
            )
        elif reply.status is not None:
            yield _if(
                reply.status >= 500 and not _promised(facts, reply),
                f"{reply.asked} is answered {reply.status}.",
            )


def _may_fail(facts: Facts, reply: Reply) -> bool:
    return not reply.asked.startswith("jobs ") or facts.has_met(*DATABASE)


def _promised(facts: Facts, reply: Reply) -> bool:
    """Return whether the specification allows this 5xx."""
    if reply.status == 500:
        # An error of the database's driver that no program expects.
        return any(facts.has_met(point, effect="breaks") for point in DATABASE)
    if reply.status == 502:
        return facts.has_met("network")
    silent = any(card in repr(facts.step) for card in ("tok_error", "tok_slow", "tok_lost"))
    unanswered = CHECKOUT.search(reply.asked) is not None and (silent or facts.has_met("gateway"))
    return reply.status == 503 and (unanswered or facts.has_met(*DATABASE))


def headers(facts: Facts) -> Iterator[str]:
    """The headers of every answer allow nothing from other sites, and keep it private."""
    for reply in facts.seen.answers:
        if reply.status is None or not reply.headers or reply.asked.startswith("GET /static"):
            continue
        wanted = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
        wanted["Cache-Control"] = "no-store"
        if facts.site.startswith("https"):
            wanted["Strict-Transport-Security"] = "max-age=31536000"
        for name, value in wanted.items():
            yield _if(
                reply.header(name) != value, f"{reply.asked}: {name} is {reply.header(name)}."
            )
        policy = reply.header("Content-Security-Policy") or ""
        yield _if(not policy.startswith("default-src 'none'"), f"The policy is {policy!r}.")
        for name, cookie in reply.headers:
            if name == "Set-Cookie":
                flags = (
                    "HttpOnly",
                    "SameSite=Lax",
                    *(["Secure"] * facts.site.startswith("https")),
                )
                yield _if(
                    any(flag not in cookie for flag in flags), f"{cookie} lacks one of {flags}."
                )
            if name == "Location":
                ours = value_is_local(cookie, facts.site)
                yield _if(not ours, f"{reply.asked} leads to {cookie}.")


def value_is_local(address: str, site: str) -> bool:
    """Return whether an address is in the shop, or the page where the network asks its user."""
    if address.startswith(("https://network.example/oauth/authorize?oauth_token=", f"{site}/")):
        return True
    return bool(re.match(r"/(?![/\\])", address)) and not re.search(r"[\x00-\x20\\]", address)


def secrets(facts: Facts) -> Iterator[str]:
    """No secret is in the log, or on a page whose visitor has not sent it."""
    log = "\n".join(facts.seen.log)
    for secret in (*facts.secrets(), *SECRETS_OF_THE_SHOP):
        yield _if(secret in log, f"{secret} is in the log:\n{log}")
    for reply in facts.seen.answers:
        shown = reply.text + "".join(value for _, value in reply.headers)
        for secret in SECRETS_OF_THE_SHOP:
            yield _if(secret in shown, f"{secret} is answered to {reply.asked}.")
        known = set(facts.known[reply.who])
        for order in facts.orders:
            if order["secret"] in known or _has_bought(facts, order, reply):
                known |= {order["secret"], *(t["code"] for t in facts.tickets[order["id"]])}
        for secret in facts.secrets():
            if secret in shown:
                yield _if(secret not in known, f"{secret} is answered to {reply.asked}.")


def _has_bought(facts: Facts, order: Row, reply: Reply) -> bool:
    """Return whether a request was the form of an order, with its event and e-mail."""
    slugs = {
        rows[order["event_id"]]["slug"]
        for rows in (facts.events, facts.old_events)
        if order["event_id"] in rows
    }
    found = CHECKOUT.search(reply.asked)
    return (
        found is not None
        and (found[1] or found[2]) in slugs
        and reply.form.get("checkout_id") == order["checkout_id"]
        and one_line(reply.form.get("email", "")).lower() == order["email"].lower()
    )


def one_line(typed: str) -> str:
    """Return a text as a form of one line keeps it."""
    return " ".join(typed.split())


def guesses(facts: Facts) -> Iterator[str]:
    """After five failures for a name within five minutes, no guess is answered any more."""
    for reply in facts.seen.answers:
        if reply.asked.startswith("POST /login") and reply.status == 401 and "name" in reply.form:
            name = reply.form["name"].lower()
            facts.failed_logins.append((name, facts.seen.now))
            recent = [
                at
                for other, at in facts.failed_logins
                # Time may have passed inside a step: what is nearly five minutes old is left out.
                if other == name and facts.seen.now - at < timedelta(minutes=4)
            ]
            yield _if(len(recent) > 5, f"{len(recent)} guesses for {name!r} were answered.")


def other_names(facts: Facts) -> Iterator[str]:
    """With https, the shop answers to no other name and no other port."""
    if not facts.site.startswith("https"):
        return
    for reply in facts.seen.answers:
        if reply.host and reply.status is not None:
            # A proxy ends TLS: the shop may see http, and its own name with or without a port.
            name = reply.host.lower().partition("://")[2].removesuffix(":443")
            ours = name == facts.site.partition("://")[2]
            yield _if(
                not ours and reply.status != 400,
                f"{reply.asked} at {reply.host} is answered {reply.status}.",
            )


def events(facts: Facts) -> Iterator[str]:
    """What the organiser has typed is stored as what can be shown and typed again."""
    for event in facts.events.values():
        if event == facts.old_events.get(event["id"]):
            continue
        early_bird = (event["early_bird_price_cents"], event["early_bird_until"])
        yield _if(
            (None in early_bird) != (early_bird == (None,) * 2), f"The early bird is {early_bird}."
        )
        yield _if(event["starts_at"] < "1000", f"It starts at {event['starts_at']}.")
        yield _if(event["capacity"] < 1, f"It has {event['capacity']} seats.")
        yield _if(event["price_cents"] < 0, f"Its price is {event['price_cents']}.")
        yield _if(
            not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", event["slug"]),
            f"Its slug is {event['slug']}.",
        )


def signatures(facts: Facts) -> Iterator[str]:
    """A webhook that is older than 300 seconds, or as far ahead, is refused; fractions count."""
    step = facts.step
    if (
        isinstance(step, Webhook)
        and step.raw is None
        and step.secret is None
        and facts.undisturbed
    ):
        now = facts.seen.now.timestamp()
        too_old = abs(now - int(now - step.age)) > 300
        status = facts.seen.answers[0].status
        yield _if(too_old and status != 400, f"It is answered {status}.")


def hosts(facts: Facts) -> Iterator[str]:
    """Only the gateway, the network and the mail server are asked for anything."""
    for line in facts.seen.trace:
        if re.match(r"(GET|POST) https?://", line):
            ours = line.split()[1].startswith((f"{GATEWAY}/v1/", f"{NETWORK}/oauth/"))
            posts = line.split()[1].startswith(f"{NETWORK}/statuses")
            yield _if(not ours and not posts, line)


def refund_mails(facts: Facts) -> Iterator[str]:
    """A buyer whose charge came too late gets a mail at once, with or without the refund."""
    for order in facts.orders:
        old = facts.old_orders.get(order["id"])
        is_new = old is None or old["refund_state"] == "none"
        if is_new and order["refund_state"] != "none" and order["status"] != "cancelled":
            excused = facts.has_met("mail", *DATABASE) or order["email"].startswith("bounce@")
            killed = any("kills" in fault.effect for fault in facts.seen.faults)
            unsent = order["refund_notice_sent_at"] is None
            yield _if(unsent and not excused and not killed, f"{order['reference']} got no mail.")


def nothing_left(facts: Facts) -> Iterator[str]:
    """After an undisturbed job, nothing is left that it should have done."""
    if not isinstance(facts.step, Run) or not facts.undisturbed:
        return
    now = facts.seen.now
    if facts.step.words == "jobs expire":
        for order in facts.orders:
            lapsed = order["status"] == "pending" and instant_of(order["hold_until"]) < now
            yield _if(lapsed, f"{order['reference']} is still held.")
        for entry in facts.entries:
            offered = entry["status"] == "offered"
            lapsed = offered and instant_of(entry["offered_until"]) < now
            yield _if(lapsed, f"The offer of {entry['email']} has not lapsed.")
        yield from _unserved(facts, now)
        unaware = [entry for entry in facts.entries if entry["status"] == "offered"]
        yield from _unsent(facts, unaware, "offer_sent_at")
    if facts.step.words == "jobs reconcile":
        paid = [order for order in facts.orders if order["status"] == "paid"]
        yield from _unsent(facts, paid, "confirmation_sent_at")
        yield from _unsettled(facts)
    if facts.step.words == "jobs remind":
        soon = [
            order
            for order in facts.orders
            if order["status"] == "paid"
            and now < instant_of(facts.events[order["event_id"]]["starts_at"])
            and instant_of(facts.events[order["event_id"]]["starts_at"]) - now
            <= timedelta(hours=24)
        ]
        yield from _unsent(facts, soon, "reminder_sent_at")


def _unsent(facts: Facts, rows: list[Row], sent_at: str) -> Iterator[str]:
    """Yield a problem for each mail that was not sent, though the server would have taken it."""
    for row in rows:
        claimed = row["mail_claimed_until"]
        free = claimed is None or instant_of(claimed) < facts.seen.now
        bounces = row["email"].startswith("bounce@")
        yield _if(
            row[sent_at] is None and free and not bounces, f"{sent_at} of {row['email']} is empty."
        )


def _unsettled(facts: Facts) -> Iterator[str]:
    """Yield a problem for each order whose money is not where it belongs."""
    for order in facts.orders:
        if order["reference"] in facts.outside.misled:
            continue
        yield _if(order["refund_state"] == "due", f"The refund of {order['reference']} is due.")
        charge = facts.outside.charges.get(f"{order['reference']}-1")
        if charge is not None and charge.status == "succeeded" and order["uncharged_at"] is None:
            yield _if(
                order["status"] == "pending"
                or (order["status"] in ("expired", "declined") and not order["refund_cents"]),
                f"{order['reference']} is charged, and {order['status']}.",
            )


def _unserved(facts: Facts, now: datetime) -> Iterator[str]:
    """Yield a problem for each event whose first in line could have seats and has none."""
    for event in facts.events.values():
        waiting = [
            entry
            for entry in facts.entries
            if entry["event_id"] == event["id"] and entry["status"] == "waiting"
        ]
        if waiting and event["published"] and now < instant_of(event["starts_at"]):
            left = event["capacity"] - seats_taken(facts, event["id"], now)
            yield _if(
                waiting[0]["quantity"] <= left,
                f"{waiting[0]['email']} waits, and {left} seats are left.",
            )


RULES: tuple[Callable[[Facts], Iterator[str]], ...] = (
    seats,
    voucher_uses,
    transitions,
    tickets,
    prices,
    ladder,
    queue,
    open_entries,
    money,
    idempotency,
    statuses,
    headers,
    secrets,
    guesses,
    other_names,
    events,
    signatures,
    hosts,
    refund_mails,
    nothing_left,
)
