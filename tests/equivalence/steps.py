"""The steps of a journey: plain values that can be printed, shortened and done again.

A step names what it means and not what it is: `<order 0>` in an address or a field stands for
reference and secret of the first order. So a journey stays meaningful when
steps are left out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.equivalence.outside import Fault
from tests.equivalence.values import Body

Rows = dict[str, list[dict[str, Any]]]

PLACEHOLDER = re.compile(r"<([a-zA-Z ]+) (-?\d+)>")


def _event_of(row: dict[str, Any], rows: Rows) -> dict[str, Any]:
    return next(event for event in rows["events"] if event["id"] == row["event_id"])


def _order_of(ticket: dict[str, Any], rows: Rows) -> dict[str, Any]:
    return next(order for order in rows["orders"] if order["id"] == ticket["order_id"])


# What a placeholder is replaced by: a table, and a value of its row.
Meaning = Callable[[dict[str, Any], Rows], str]
MEANINGS: dict[str, tuple[str, Meaning]] = {
    "order": ("orders", lambda row, rows: f"{row['reference']}/{row['secret']}"),
    "ORDER": ("orders", lambda row, rows: f"{row['reference']}/{row['secret'].swapcase()}"),
    "reference": ("orders", lambda row, rows: row["reference"]),
    "checkout id": ("orders", lambda row, rows: row["checkout_id"]),
    "buyer": ("orders", lambda row, rows: row["email"]),
    "event of order": ("orders", lambda row, rows: _event_of(row, rows)["slug"]),
    "offer": ("waitlist_entries", lambda row, rows: row["token"]),
    "OFFER": ("waitlist_entries", lambda row, rows: row["token"].swapcase()),
    "waiting": ("waitlist_entries", lambda row, rows: row["email"]),
    "event of offer": ("waitlist_entries", lambda row, rows: _event_of(row, rows)["slug"]),
    "ticket": ("tickets", lambda row, rows: row["code"]),
    "TICKET": ("tickets", lambda row, rows: row["code"].swapcase()),
    "event of ticket": (
        "tickets",
        lambda row, rows: _event_of(_order_of(row, rows), rows)["slug"],
    ),
    "event": ("events", lambda row, rows: row["slug"]),
    # A checkout id that no order has yet.
    "new": ("events", lambda row, rows: f"form {len(rows['orders']) + 1}"),
}


class _Printed:
    """Prints only what differs from the defaults, in a form that can be pasted into a test."""

    def __repr__(self) -> str:
        shown = []
        for place, each in enumerate(fields(self)):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            default = each.default_factory() if callable(each.default_factory) else each.default
            if value != default:
                shown.append(repr(value) if place < 2 else f"{each.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Moment(_Printed):
    """An instant that a row names, so many seconds and microseconds before or after it."""

    column: str
    row: int = 0
    seconds: int = 0
    microseconds: int = 0

    def instant(self, rows: Rows) -> datetime | None:
        """Return the instant; None where there is no such row, or it names none."""
        table, column = self.column.split(".")
        if not rows.get(table):
            return None
        text = rows[table][self.row % len(rows[table])].get(column)
        if text is None:
            return None
        offset = timedelta(seconds=self.seconds, microseconds=self.microseconds)
        return instant_of(text) + offset


@dataclass(frozen=True, repr=False)
class Send(_Printed):
    """A request of a browser. `form` is typed into the form; `body` is sent instead of it.

    `who` has cookies of their own. `host` is another name of the shop than its own.
    """

    method: str
    path: str
    form: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    who: str = "ada"
    host: str = ""
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, repr=False)
class Webhook(_Printed):
    """A webhook about a charge. `age` is that of its signature, in seconds.

    `changes` replace what is true of the charge, `raw` the whole body.
    """

    kind: str = "charge.succeeded"
    order: int = 0
    age: float = 0
    changes: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    secret: str | None = None
    signature: str | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, repr=False)
class Run(_Printed):
    """A command of the app, such as `jobs expire`."""

    words: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, repr=False)
class Wait(_Printed):
    """Let time pass: so many seconds, or until an instant. It never runs backwards."""

    until: Moment | float


Step = Send | Webhook | Run | Wait


def instant_of(text: str) -> datetime:
    """Return an instant as SQLite keeps it: without a zone, and in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def resolve(text: str, rows: Rows) -> str:
    """Return a text with every placeholder replaced; by `none` where there is no such row."""

    def meaning(found: re.Match[str]) -> str:
        table, make = MEANINGS[found[1]]
        if not rows.get(table):
            return "none"
        return make(rows[table][int(found[2]) % len(rows[table])], rows)

    return PLACEHOLDER.sub(
        lambda found: meaning(found) if found[1] in MEANINGS else found[0], text
    )
