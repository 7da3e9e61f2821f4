"""What can be typed into each form and each query string: valid, at the limits, invalid, hostile.

All random tests draw from here, so that a value which has once found a defect is tried
everywhere. A value is a text; values for a whole request, such as a JSON body where a form is
expected, are in `BODIES`. The simplest value of each kind comes first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from random import Random

NUL = "\0"
# Texts that some program on the way may decode, fold, cut or run instead of keeping them.
HOSTILE = (
    NUL,
    f"a{NUL}b",
    "line\r\nBcc: eve@evil.example",
    "line\nfeed",
    "=?utf-8?q?x=0Ay?=",
    "=?utf-8?q?=0D=0ABcc:_eve=40evil.example?=",
    "=?utf-8?b?RXZl?=",
    "=?utf-8?q?unfinished",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "{{ 7 * 7 }}{% raw %}",
    "%(name)s {0} $HOME",
    "' OR 1=1 --",
    "100%_of\\it",
    "../../etc/passwd",
    "//elsewhere.example",
    "javascript:alert(1)",
    "=1+1",
    "@SUM(A1)",
    "\x1b[31mred",
    "\x7f\x85\u2028\u2029",
    "\ufeffmark",
    "\u202eright to left",
    "\ufffd\uffff",
    "e\u0301\u0301\u0301",
    "👩‍👩‍👧‍👦",
    "ＦＵＬＬ　ＷＩＤＴＨ",
    "ﬁ ligature ſ İ ß",
    "x" * 2001,
    "0" * 5000,
)
# Numbers that Python, a browser or a database may read otherwise than a person does.
STRANGE_NUMBERS = (
    "",
    " ",
    "one",
    "1.0",
    "1.5",
    "1e1",
    "0x1",
    "-1",
    "+1",
    "1_0",
    "01",
    "１",
    "٣",
    "²",
    "½",
    "1 0",
    "nan",
    "inf",
    "true",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "9" * 5000,
)


@dataclass(frozen=True)
class Values:
    """Values to try in one field. `edge` is just inside or just outside the limits."""

    valid: tuple[str, ...]
    edge: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    hostile: tuple[str, ...] = HOSTILE

    def of_all_kinds(self) -> tuple[str, ...]:
        """Return all values, the simplest first."""
        return tuple(dict.fromkeys((*self.valid, *self.edge, *self.invalid, *self.hostile)))


def _text(longest: int, *valid: str) -> Values:
    """Return values for a text of 1 to `longest` letters."""
    edge = ("x", "x" * longest, "x" * (longest + 1), "é" * longest, "😀" * (longest + 1))
    return Values(valid, (*edge, f"  {valid[0]}  "), ("", " ", "\t"))


def _whole(most: int, *valid: str) -> Values:
    """Return values for a whole number of 1 to `most`."""
    edge = ("1", str(most), str(most + 1), "0", " 1 ", "\t1", "001")
    return Values(valid, edge, STRANGE_NUMBERS)


def _instant(*valid: str) -> Values:
    edge = ("2027-03-01 12:00", "2027-03-01T12:01", "1000-01-01 00:00", "9999-12-31 23:59")
    invalid = (
        "",
        "soon",
        "2027-02-29 12:00",
        "2027-13-01 12:00",
        "2027-03-01 24:00",
        "2027-03-01",
        "2027-03-01 12:00:00",
        "2027-03-01T12:00Z",
        "2027-03-01 12:00+02:00",
        "0001-01-01 00:00",
        "0999-12-31 23:59",
        "10000-01-01 00:00",
        "２０２７-03-01 12:00",
        "٢٠٢٧-03-01 12:00",
        "2027-3-1 1:2",
        " 2027-05-01 19:30 ",
        "1_00-01-01 00:00",
    )
    return Values(valid, edge, invalid)


def _euros(*valid: str) -> Values:
    edge = ("0", "0.01", "0,01", "0.1", "10000", "10000.00", "10000.01", "999999.99", "1000000")
    return Values(valid, edge, (*STRANGE_NUMBERS, "1.234", "1,000.00", "€5", "5 €", ".5", "5."))


EMAIL = Values(
    (
        "ada@example.org",
        "bruno@example.org",
        "ADA@Example.ORG",
        "chiara+tickets@example.org",
        # The tests' mail server has no such mailbox.
        "bounce@example.org",
    ),
    (
        f"{'a' * 64}@example.org",
        f"{'a' * 65}@example.org",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 56}.org",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 57}.org",
        "  ada@example.org  ",
        "o'hara@example.org",
        "a.b.c@sub.example.org",
    ),
    (
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@@example.org",
        "ada @example.org",
        "ada@exa mple.org",
        ".ada@example.org",
        "ada..o@example.org",
        "ada@-example.org",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@example.org, eve@evil.example",
        "ada@example.org;eve@evil.example",
        '"ada"@example.org',
        '"a b"@example.org',
        "(comment)ada@example.org",
        "ädä@example.org",
        "ada@exämple.org",
        "ａｄａ@example.org",
        "ada＠example.org",
        "ada@xn--a.org",
    ),
    (
        "=?utf-8?q?x=0Ay?=@example.org",
        "=?utf-8?q?a=40victim.example?=@example.org",
        "=?utf-8?q?x?=@example.org",
        "=?utf-8?b?ZXZl?=@example.org",
        "=?us-ascii?Q?a=0D=0ABcc=3A_eve?=@example.org",
        "=?x@example.org",
        "ada=?=@example.org",
        "ada@example.org\r\nBcc: eve@evil.example",
        "ada@example.org\nX: y",
        "ada\r\n@example.org",
        "ada@example.org\0",
        "ada\0@example.org",
        *HOSTILE,
    ),
)
CHECKOUT_ID = Values(
    ("form 1", "form 2", "form 3"), ("x" * 64, "x" * 65, "é" * 64, "FORM 1", " form 1"), ("", " ")
)
# The sandbox's test cards, and one that is charged although no answer comes.
CARDS = ("tok_visa", "tok_declined", "tok_insufficient", "tok_error", "tok_slow", "tok_lost")
CARD = Values(CARDS, ("", " tok_visa ", "TOK_VISA"), (" ", "tok_unknown"))
VOUCHER_CODES = ("HALF", "TENNER", "ALL", "ONCE", "JAZZ", "SOON", "GONE")
VOUCHER = Values(
    ("", *VOUCHER_CODES),
    ("half", " Half ", "h" * 40, "h" * 41),
    ("NONE", " ", "ＨＡＬＦ", "HALF\u200b", "ſoon", "once\u0307"),
)
SLUG = Values(
    ("", "jazz", "quiz", "a-new-one"),
    ("x" * 80, "x" * 81, "jazz-2", " jazz "),
    ("Jazz", "jazz_2", "-jazz", "jazz-", "ja--zz", "jäzz", "jazz/2", "jazz\n", "new", "ｊａｚｚ"),
)
LOCAL_PATH = Values(
    ("/", "/organiser", "/about?x=1"),
    ("/" + "x" * 499, "/" + "x" * 500),
    ("", "about", "//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example/"),
    ("/\t/elsewhere.example", "/\n/elsewhere.example", "/ /x", "/é", "/😀" * 100, *HOSTILE),
)
CODE = Values(("none",), (" none ",), ("", " "))
QUANTITY = _whole(10, "1", "2", "3", "5", "6", "7")

# The fields of each form, by the name of the form.
FORMS: dict[str, dict[str, Values]] = {
    "checkout": {
        "checkout_id": CHECKOUT_ID,
        "name": _text(100, "Ada Okafor", "Bruno", "Zoë O'Hara"),
        "email": EMAIL,
        "quantity": QUANTITY,
        "voucher": VOUCHER,
        "card_token": CARD,
        "offer": Values(("",), (), ("none", " ")),
    },
    "waitlist": {"email": EMAIL, "quantity": QUANTITY},
    "checkin": {"code": CODE},
    "login": {
        "name": Values(
            ("Greta",), ("greta", " Greta", "G" * 80, "G" * 81), ("", "Nobody", "Ｇreta")
        ),
        "password": Values(
            ("correct horse",), ("Correct horse", "correct horse "), ("", "wrong", "x" * 5000)
        ),
    },
    "event": {
        "title": _text(120, "Jazz", "Quiz Night", "Ça va? Oui!", "Soirée – été"),
        "slug": SLUG,
        "summary": _text(2000, "Loud.", "Two\r\nlines."),
        "venue": _text(120, "Mill Barn", "Café Größenwahn"),
        "category": Values(
            ("music", "talks", "comedy"), ("theatre", "family"), ("", "Music", "opera")
        ),
        "starts_at": _instant("2027-05-01 19:30", "2027-03-02T12:00", "2027-03-15 12:00"),
        "capacity": _whole(100_000, "4", "2", "6", "10", "50"),
        "price": _euros("12.50", "9", "0", "7,05"),
        "early_bird_price": _euros("", "9", "4.95"),
        "early_bird_until": _instant("", "2027-03-02 12:00", "2027-04-01T12:00"),
        "max_per_order": _whole(100, "10", "8", "2"),
        "published": Values(("y", ""), ("false", "n", "0"), ("true",)),
    },
    "voucher": {
        "code": Values(
            ("SPRING-10", "spring", "X"), ("x" * 40, "x" * 41, " spring "), ("", "a b", "ß", "é")
        ),
        "kind": Values(("percent", "amount"), (), ("", "gift", "PERCENT")),
        "value": _euros("10", "50", "7.50", "100"),
        "event": Values(("", "jazz", "quiz"), (), ("none", "JAZZ")),
        "valid_from": _instant("", "2027-03-01 12:00", "2027-03-02 12:00"),
        "valid_until": _instant("", "2027-03-03 12:00", "2027-04-01T12:00"),
        "max_uses": _whole(100_000, "1", "2", "5"),
    },
    "disconnect": {"next": LOCAL_PATH},
}
# The counter's form is the checkout's; it sells up to 50 seats.
FORMS["counter"] = {**FORMS["checkout"], "quantity": _whole(50, "1", "2", "6", "12")}

# The parameters of each address that reads a query string.
QUERIES: dict[str, dict[str, Values]] = {
    "search": {
        "q": Values(
            ("", "jazz", "JAZZ", "barn"),
            ("x" * 100, "x" * 101, "  jazz   night ", "é", "É", "ß", "İ"),
            ("%", "_", "\\", "100%", "a_z", "*", "?"),
        ),
        "category": Values(("music", "", "talks"), (), ("opera", "MUSIC", "music,talks")),
        "when": Values(("upcoming", "week", "month", "past"), (), ("", "today", "PAST")),
        "sort": Values(("date", "price", "title"), (), ("", "DATE", "-date")),
        "page": Values(
            ("1", "2"),
            ("999999999", "9999999999", "0", "00001"),
            STRANGE_NUMBERS,
        ),
        "per_page": Values(("10", "25", "50"), ("010", "11", "0"), STRANGE_NUMBERS),
    },
    "sales": {"format": Values(("html", "csv"), (), ("", "pdf", "CSV"))},
    "login": {"next": LOCAL_PATH},
    "authorize": {"next": LOCAL_PATH},
    "authorized": {
        "oauth_token": Values(
            ("request_token",), ("Request_token",), ("", "none", "request_token ")
        ),
        "oauth_verifier": Values(("verifier",), ("v" * 1000,), ("",)),
        "oauth_problem": Values(("", "user_refused")),
    },
}

COOKIES: dict[str, Values] = {
    "per_page": QUERIES["search"]["per_page"],
    "recent": Values(
        ("jazz", "jazz,quiz", "quiz,jazz,talk,gala,past,free"),
        (",,,", "jazz,jazz,jazz"),
        ("none", "JAZZ", "jazz;quiz"),
        ("x" * 3000, "%00", "é", "jazz%2Cquiz", '"jazz\\054quiz"'),
    ),
    "session": Values(("",), (), ("none", ".eJw.x.y", "e30.x.y"), ("x" * 3000, "é", "...")),
}

METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")


@dataclass(frozen=True)
class Body:
    """A whole request body that is not what a browser would make of a form."""

    content_type: str
    content: bytes


def _json(facts: object) -> Body:
    return Body("application/json", json.dumps(facts).encode())


def _deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def file_parts(names: list[str] | tuple[str, ...], content: bytes = b"x") -> Body:
    """Return a multipart body where each of these fields is an uploaded file."""
    body = BytesIO()
    for name in names:
        body.write(b"--cut\r\n")
        body.write(f'Content-Disposition: form-data; name="{name}"; filename="f"\r\n'.encode())
        body.write(b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n")
    body.write(b"--cut--\r\n")
    return Body("multipart/form-data; boundary=cut", body.getvalue())


def text_parts(fields: dict[str, str]) -> Body:
    """Return a multipart body with these fields as texts: as good as any form."""
    body = BytesIO()
    for name, text in fields.items():
        body.write(b"--cut\r\n")
        body.write(f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode())
        body.write(text.encode() + b"\r\n")
    body.write(b"--cut--\r\n")
    return Body("multipart/form-data; boundary=cut", body.getvalue())


ALL_FIELDS = tuple(sorted({name for fields in FORMS.values() for name in fields}))
FORM_TYPE = "application/x-www-form-urlencoded"
# Any form may be sent any of these instead of its fields.
BODIES = (
    _json({}),
    _json("x"),
    _json([1]),
    _json(None),
    _json({"name": 5}),
    _json({name: name for name in ALL_FIELDS}),
    _json({name: ["x", {"y": None}] for name in ALL_FIELDS}),
    _json(dict.fromkeys(ALL_FIELDS, "�")),
    _json(dict.fromkeys(ALL_FIELDS, NUL)),
    _json(dict.fromkeys(ALL_FIELDS, 10**400)),
    Body("application/json", b""),
    Body("application/json", b"{"),
    Body("application/json", b"\xff\xfe"),
    Body("application/json", b"NaN"),
    Body("application/json", b"9" * 5000),
    Body("application/json", _deep(1000)),
    Body("application/json", _deep(100_000)),
    Body("application/vnd.api+json", b'{"name": "x"}'),
    Body("text/plain", b"name=x"),
    Body("application/xml", b"<name>x</name>"),
    Body("", b"name=x"),
    Body("nonsense", b"name=x"),
    Body(FORM_TYPE, b"name=\xff&email=%FF&quantity=%ED%A0%80&%00=x"),
    Body(FORM_TYPE, b"&&==&=x&name&%&%zz=%zz"),
    Body(FORM_TYPE, b"name=x&name=y&quantity=1&quantity=2&email=a%40example.org&email=%00"),
    Body(FORM_TYPE, b"&".join(b"name=x" for _ in range(2000))),
    Body(f"{FORM_TYPE}; charset=utf-7", b"name=+AGE-"),
    Body(f"{FORM_TYPE}; charset=none", b"name=x"),
    file_parts(ALL_FIELDS),
    file_parts(ALL_FIELDS, b"\0"),
    file_parts(("checkout_id",)),
    file_parts(("quantity", "quantity")),
    file_parts([f"f{number}" for number in range(1100)]),
    text_parts({"name": NUL, "email": "a@example.org"}),
    Body("multipart/form-data", b"--x\r\n\r\n--x--"),
    Body("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\ny"),
    Body("multipart/form-data; boundary=x", b"--x\r\n" + b"A: " + b"y" * 70_000 + b"\r\n"),
    Body(FORM_TYPE, b"name=" + b"x" * (1024 * 1024)),
)

# Bodies of webhooks, besides those that the gateway itself would send.
WEBHOOKS = (
    b"",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b'"charge.succeeded"',
    b'{"type": "charge.succeeded"}',
    b'{"type": 5, "data": {"charge": {}}}',
    b'{"type": "charge.succeeded", "data": []}',
    b'{"type": "charge.succeeded", "data": {"charge": null}}',
    b'{"type": "charge.succeeded", "data": {"charge": {"id": 5, "amount": 1, "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a", "amount": "1", "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a\\u0000", "amount": 1, "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a", "amount": 1, "reference": "\\ud800"}}}',
    b'{"type": "x", "data": {"charge": {"id": "\\ud800", "amount": 1, "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a", "amount": NaN, "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a", "amount": true, "reference": "X"}}}',
    b'{"type": "x", "data": {"charge": {"id": "a", "amount": 1e999, "reference": "X"}}}',
    b"9" * 5000,
    _deep(100_000),
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b" " * (1024 * 1024 - 2) + b"{}",
    b" " * (1024 * 1024 - 1) + b"{}",
)


def draw(chance: Random, fields: dict[str, Values]) -> dict[str, str]:
    """Return a filled-in form: mostly valid, with a field now and then that is anything.

    `fields` is an entry of FORMS or QUERIES. The same `chance` draws the same form.
    """
    filled = {name: chance.choice(values.valid) for name, values in fields.items()}
    for name in chance.sample(sorted(fields), k=min(len(fields), chance.choice((0, 0, 0, 1, 2)))):
        filled[name] = chance.choice(fields[name].of_all_kinds())
    return filled
