"""What is on sale in both shops during a soak, and what visitors type that no form expects."""

from datetime import datetime, timedelta
from typing import Any

# A small hall sells out and has a waiting list; a big one never does, so that it can be bought
# from as long as the soak lasts.
SMALL, BIG = 10, 90_000
PRICE = 2500
EARLY_BIRD_PRICE = 2000
DAY = timedelta(days=1)

# Short names of the events, by what they are there for.
BIG_EVENTS = ("opera", "circus", "early-bird", "in-a-week", "tonight", "free-concert")
SMALL_EVENTS = ("jazz", "tango")
HIDDEN_EVENT = "rehearsal"
# A title gets into the subject of mails, where it must stay what it is: a text.
HOSTILE_TITLE = "Tango =?utf-8?q?=0D=0ABcc:_eve=40evil.example?= für zwei"

# One of each kind that a checkout can meet. FEW and GIFT are used up in the course of a soak.
VOUCHERS: dict[str, dict[str, Any]] = {
    "WELCOME10": {"kind": "percent", "value": 10, "max_uses": 90_000},
    "FEW": {"kind": "amount", "value": 500, "max_uses": 30},
    "GIFT": {"kind": "percent", "value": 100, "max_uses": 30},
}
LAPSED_VOUCHER = "LASTYEAR"

PAYING_CARDS: tuple[str, ...] = ("tok_visa",) * 8 + (
    "tok_declined",
    "tok_insufficient",
    "tok_error",
)
# It keeps the shop waiting until its time-out.
SLOW_CARD = "tok_slow"


def event_rows(now: datetime) -> list[dict[str, Any]]:
    """Return the events as rows to store; `now` is aware, in UTC."""
    now = now.replace(second=0, microsecond=0)
    rows = [_event(slug, now + 20 * DAY, BIG) for slug in BIG_EVENTS]
    rows += [_event(slug, now + 20 * DAY, SMALL) for slug in SMALL_EVENTS]
    rows.append(_event(HIDDEN_EVENT, now + 20 * DAY, BIG) | {"published": False})
    by_slug = {row["slug"]: row for row in rows}
    by_slug["early-bird"] |= {
        "early_bird_price_cents": EARLY_BIRD_PRICE,
        "early_bird_until": now + 5 * DAY,
    }
    # One for each step of the refund ladder; people are reminded of the one that is near.
    by_slug["in-a-week"]["starts_at"] = now + 7 * DAY
    by_slug["tonight"]["starts_at"] = now + DAY / 2
    by_slug["free-concert"]["price_cents"] = 0
    by_slug["tango"]["title"] = HOSTILE_TITLE
    return rows


def _event(slug: str, starts_at: datetime, capacity: int) -> dict[str, Any]:
    return {
        "slug": slug,
        "title": slug.replace("-", " ").title(),
        "summary": "Sold out, cancelled and sold again.",
        "venue": "Mill Barn",
        "category": "music",
        "starts_at": starts_at,
        "capacity": capacity,
        "price_cents": PRICE,
        "early_bird_price_cents": None,
        "early_bird_until": None,
        "max_per_order": 10,
        "published": True,
    }


def voucher_rows(now: datetime) -> list[dict[str, Any]]:
    """Return the vouchers as rows to store; `now` is aware, in UTC."""
    rows = [{"code": code, "valid_until": None, **facts} for code, facts in VOUCHERS.items()]
    lapsed = {"code": LAPSED_VOUCHER, "kind": "percent", "value": 30, "max_uses": 90_000}
    return [*rows, lapsed | {"valid_until": now - DAY}]


# Names that are strange, and accepted: they get into pages, mails and tables as they are.
NAMES = (
    *("Ada Okafor",) * 8,
    "Emil Sørensen",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} %s {0}",
    "=?utf-8?q?Bcc:_eve=40evil.example?=",
    "Robert'); DROP TABLE orders;--",
    "=1+1",
    "👩‍👧",
    "n" * 100,
)

# What a purchase may have in a field instead of what is asked for, and the status it gets.
HOSTILE_FIELDS: tuple[tuple[str, str, int], ...] = (
    ("name", "", 422),
    ("name", "n" * 101, 422),
    ("name", "Ada\0Okafor", 400),
    ("email", "no address", 422),
    ("email", "=?utf-8?q?x=0Ay?=@example.org", 422),
    ("email", "=?utf-8?q?a=40victim.example?=@example.org", 422),
    ("email", "ada@example.org\r\nBcc: eve@example.org", 422),
    ("quantity", "0", 422),
    ("quantity", "-1", 422),
    ("quantity", "1_0", 422),
    ("quantity", "１", 422),
    ("quantity", "9" * 400, 422),
    ("voucher", "' OR 1=1 --", 422),
    ("checkout_id", "", 422),
    ("checkout_id", "c" * 65, 422),
)
# Requests that no page of the shop sends, and the status they get.
HOSTILE_REQUESTS: tuple[tuple[str, str, bytes, int], ...] = (
    ("GET", "/?page=0", b"", 400),
    ("GET", "/?sort=secret", b"", 400),
    ("GET", "/?q=%00", b"", 400),
    ("GET", "/?q=" + "q" * 101, b"", 400),
    ("GET", "/events/%2e%2e%2fsecret", b"", 404),
    ("GET", "/orders/AAAAA/no-secret", b"", 404),
    ("GET", "/waitlist/no-token", b"", 404),
    ("GET", "/organiser", b"", 303),
    ("GET", "/organiser/events/jazz/sales?format=csv", b"", 303),
    ("POST", "/events/jazz/checkout", b"", 400),
    ("POST", "/events/jazz/checkout", b"{" * 2000, 400),
    ("POST", "/webhooks/payments", b'{"type": "charge.succeeded"}', 400),
    ("DELETE", "/events/jazz", b"", 405),
)
