"""Hostile requests, byte by byte as they are sent, by group and by name.

The groups are fixed lists; `mutations` changes good requests by chance.
"""

import gzip
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from workbench.sandbox.webhooks import sign

NAME = "shop.example"
HOST = f"Host: {NAME}".encode()
# A visitor who joins its waiting list gets the same answer in both apps, and pays nothing.
SOLD_OUT = "/events/late-laughs"
KIB = 1024
WEBHOOK = b"POST /webhooks/payments HTTP/1.1"


@dataclass(frozen=True)
class Visitor:
    """A session, and the token that the shop wants to have back with its forms."""

    cookie: str
    token: str

    @property
    def headers(self) -> tuple[bytes, ...]:
        """The form token of the visitor, in the query or in the body."""
        return f"Cookie: session={self.cookie}".encode(), f"X-CSRFToken: {self.token}".encode()


@dataclass(frozen=True)
class Known:
    """The values of the shop that the requests need; the secret is that of an order."""

    routes: Sequence[tuple[str, Sequence[str]]]
    stranger: Visitor
    organiser: Visitor
    reference: str
    secret: str
    webhook_secret: str


def request(line: bytes, *headers: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    """Return a valid request, except for what is given."""
    return b"\r\n".join([line, *([host] if host else []), *headers, b"", body])


def post(path: str, *headers: bytes, body: bytes) -> bytes:
    """Return a form with its length."""
    length = b"Content-Length: %d" % len(body)
    return request(f"POST {path} HTTP/1.1".encode(), *headers, length, body=body)


def request_lines(known: Known) -> Iterator[bytes]:
    for line in (
        b"",
        b"\0",
        b"GET",
        b"GET /",
        b"GET / HTTP",
        b"GET / HTTP/0.9",
        b"GET /about HTTP/1.0",
        b"GET / HTTP/1.2",
        b"GET / HTTP/2.0",
        b"GET / HTTP/11.1",
        b"GET / http/1.1",
        b"GET / HTTP/1.1 HTTP/1.1",
        b"GET  /about HTTP/1.1",
        b"GET\t/about\tHTTP/1.1",
        b" GET /about HTTP/1.1",
        b"get /about HTTP/1.1",
        b"G@T /about HTTP/1.1",
        b"GET\0 /about HTTP/1.1",
        b"GET /about\0 HTTP/1.1",
        b"GET /a\rb HTTP/1.1",
        b"GET /a\nb HTTP/1.1",
        b"GET /\x01\x1b[31m HTTP/1.1",
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /%s HTTP/1.1" % (b"a" * 9 * KIB),
        b"%s / HTTP/1.1" % (b"A" * 9 * KIB),
        b"GET /?q=%s HTTP/1.1" % (b"a" * 3 * KIB),
        b"OPTIONS * HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET about HTTP/1.1",
        b"GET ?q=a HTTP/1.1",
        b"GET #about HTTP/1.1",
        b"GET /about#top HTTP/1.1",
        b"CONNECT shop.example:443 HTTP/1.1",
        b"GET http://shop.example/about HTTP/1.1",
        b"GET https://evil.example/about HTTP/1.1",
        b"GET http://evil.example:80@shop.example/about HTTP/1.1",
        b"GET http://[::1/about HTTP/1.1",
        b"GET http:///about HTTP/1.1",
        b"GET //evil.example/about HTTP/1.1",
        b"GET javascript:alert(1) HTTP/1.1",
    ):
        yield request(line)
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
    yield bytes(range(256)) * 8
    yield b"\r\n" * 200 + request(b"GET /about HTTP/1.1")
    yield b"\n".join([b"GET /about HTTP/1.1", HOST, b"", b""])
    yield b"GET /about HTTP/1.1\r\nHost: shop.exam"


def hosts(known: Known) -> Iterator[bytes]:
    for host in (
        b"",
        b"Host:",
        b"Host: evil.example",
        b"Host: shop.example.evil.example",
        b"Host: shop.example:443",
        b"Host: shop.example:81",
        b"Host: shop.example:",
        b"Host: shop.example:http",
        b"Host: SHOP.example",
        b"Host: shop.example.",
        b"Host: evil.example@shop.example",
        b"Host: shop.example/orders",
        b"Host: shop.example, evil.example",
        b"Host: [::1",
        b"Host: sh\xc3\xb6p.example",
        b"Host: shop.example\0.evil.example",
        b"Host: shop.example\r\nHost: evil.example",
        b"Host : shop.example",
        b"Host: shop.example\r\nX-Forwarded-Host: evil.example",
        b"Host: shop.example\r\nForwarded: host=evil.example;proto=http",
    ):
        yield request(b"GET /login HTTP/1.1", host=host)


def headers(known: Known) -> Iterator[bytes]:
    cookie = f"Cookie: session={known.organiser.cookie}".encode()
    for header in (
        b"no colon",
        b": no name",
        b"A name: with a blank",
        b"A\0: b",
        b"A: b\0c",
        b"A: b\rc",
        b"A: b\nc",
        b"A: \x01\x7f",
        b"\xe4: b",
        b"A: \xe4\xff",
        b"A: b\r\n folded",
        b"A:" + b" " * 5 * KIB,
        b"A: " + b"b" * 10 * KIB,
        b"A" * 10 * KIB + b": b",
        b"\r\n".join(b"A%d: b" % number for number in range(200)),
        b"SCRIPT_NAME: /organiser",
        b"Script-Name: /organiser",
        b"PATH_INFO: /organiser",
        b"Path-Info: /organiser",
        b"Remote-User: organiser",
        b"X-Forwarded-Proto: http",
        b"X-Original-URL: /organiser",
        b"X-HTTP-Method-Override: DELETE",
        b"Expect: 100-continue",
        b"Expect: the unexpected",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Range: bytes=0-1,1-2,-5",
        b"Accept: " + b"text/csv;q=nan, */*;q=-1" * 40,
        b"Accept-Language: \xff",
        b"If-Modified-Since: never",
        b"If-None-Match: " + b'"a",' * 500,
        b"Authorization: Basic \xff\xff",
        b"Content-Type: multipart/form-data",
        b"Content-Type: " + b"a/b;" * 500,
        b"Cookie: session=" + b"a" * 7 * KIB,
        b"Cookie: session=.eJw" + b"A" * 3 * KIB + b".aaaaaa.bbbb",
        b"Cookie: session=eyJvcmdhbmlzZXIiOjF9.aaaaaa.bbbb",
        b"Cookie: " + b"recent=\xff\0; per_page=%00; session=\xff",
        b"Cookie: " + b"; ".join(b"a%d=b" % number for number in range(700)),
        b"Cookie: recent=" + b"late-laughs," * 400,
        cookie[:-1],
        cookie.replace(b"session=", b"session=x"),
        cookie.replace(b"session=", b"Session="),
    ):
        for path in (b"/", b"/organiser"):
            yield request(b"GET %s HTTP/1.1" % path, header)


def lengths(known: Known) -> Iterator[bytes]:
    """Bodies that are longer or shorter than their length says, or that have two lengths."""
    form = b"name=Eve&password=guess"
    for headers in (
        b"",
        b"Content-Length: 23",
        b"Content-Length: 22",
        b"Content-Length: 24",
        b"Content-Length: 0",
        b"Content-Length: -1",
        b"Content-Length: +23",
        b"Content-Length: 2_3",
        b"Content-Length: 0x17",
        b"Content-Length: 23.0",
        b"Content-Length: \xd9\xa2\xd9\xa3",
        b"Content-Length:",
        b"Content-Length: a",
        b"Content-Length: 23, 23",
        b"Content-Length: 23\r\nContent-Length: 23",
        b"Content-Length: 23\r\nContent-Length: 5",
        b"Content-Length: 1048577",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: " + b"9" * 5000,
        b"Content-Length : 23",
        b"Content-Length: 23\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding: chunked",
    ):
        for line in (b"POST /login HTTP/1.1", WEBHOOK, b"GET /about HTTP/1.1"):
            yield request(line, headers, body=form) if headers else request(line, body=form)
    huge = b"x" * (KIB * KIB + 1)
    for path in ("/login", "/webhooks/payments", "/nowhere"):
        yield post(path, body=huge)
    yield request(b"POST /login HTTP/1.0", body=form)


def chunks(known: Known) -> Iterator[bytes]:
    chunked = b"Transfer-Encoding: chunked"
    form = (*known.stranger.headers, b"Content-Type: application/x-www-form-urlencoded", chunked)
    join = f"POST {SOLD_OUT}/waitlist HTTP/1.1".encode()
    for body in (
        b"7\r\nemail=a\r\n0\r\n\r\n",
        b"3\r\nema\r\n4;note=b\r\nil=a\r\n0\r\n\r\n",
        b"007\r\nemail=a\r\n000\r\nTrailer: a\r\n\r\n",
        b"7\r\nemail=a\r\n",
        b"7\r\nemail=a0\r\n\r\n",
        b"70\r\nemail=a\r\n0\r\n\r\n",
        b"6\r\nemail=a\r\n0\r\n\r\n",
        b"-7\r\nemail=a\r\n0\r\n\r\n",
        b"0x7\r\nemail=a\r\n0\r\n\r\n",
        b"+7\r\nemail=a\r\n0\r\n\r\n",
        b"7 \r\nemail=a\r\n0\r\n\r\n",
        b"7\nemail=a\n0\n\n",
        b"G\r\nemail=a\r\n0\r\n\r\n",
        b"\r\nemail=a\r\n0\r\n\r\n",
        b"F" * 100 + b"\r\nemail=a\r\n0\r\n\r\n",
        b"7;" + b"a" * 20 * KIB + b"\r\nemail=a\r\n0\r\n\r\n",
        b"1\r\na\r\n" * 2000 + b"0\r\n\r\n",
        b"110000\r\n" + b"a" * 0x110000 + b"\r\n0\r\n\r\n",
        b"0\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"0\r\nContent-Length: 5\r\nCookie: session=a\r\n\r\n",
        b"",
    ):
        yield request(join, *form, body=body)
        yield request(WEBHOOK, chunked, body=body)


def paths(known: Known) -> Iterator[bytes]:
    """Ways to write an address, of an order above all; none of them has its secret."""
    order = f"/orders/{known.reference}"
    for path in (
        f"{order}/",
        f"{order}//",
        f"{order}/%00",
        f"{order}/%25",
        f"{order}/*",
        f"{order}/{known.secret[:-1]}",
        f"{order}/{known.secret}x",
        f"{order}/{known.secret.swapcase()}",
        f"{order.lower()}/{known.secret}",
        f"{order}/' OR '1'='1",
        f"{order}/'%20OR%20'1'%3D'1",
        f"{order}/../{known.reference}/",
        f"{order}/%2e%2e/{known.reference}",
        f"/share/{known.reference}/x",
        "/waitlist/%",
        "/waitlist/%00",
        "/waitlist/..",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/style.css%00.html",
        "/static/",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//",
        "///orders",
        "//evil.example/%2e%2e",
        "/%2f%2fevil.example",
        "/\\evil.example",
        "/events//late-laughs",
        "/events/late-laughs/",
        "/events/late%2dlaughs",
        "/events/LATE-LAUGHS",
        "/events/%ff",
        "/events/%c0%ae",
        "/events/%ed%a0%80",
        "/events/%zz",
        "/events/%",
        "/events/a%0d%0aSet-Cookie:%20a=b",
        "/events/" + "a" * 3000,
        "/events/" + "%41" * 1000,
        "/" + "a/" * 1500,
        "/;a=b",
        "/.git/config",
        "/?q=%00",
        "/?q=%ff%fe",
        "/?q=%ed%a0%80",
        "/?q=a&q=%00",
        "/?" + "q=a&" * 900,
        "/?page=9" + "9" * 3000,
        "/?page=%D9%A3",
        "/?per_page=10%0d%0aA:%20b",
        "/?category[]=music",
        "/login?next=//evil.example",
        "/login?next=/%5cevil.example",
        "/login?next=https:evil.example",
        "/login?next=%00",
        "/share/authorized?oauth_token=%00&oauth_verifier=%ff",
        "/share/authorize?next=//evil.example",
        "/organiser/events/late-laughs/sales?format=../csv",
    ):
        yield request(f"GET {path} HTTP/1.1".encode("latin-1"))


def methods(known: Known) -> Iterator[bytes]:
    """Every method at every address, by a stranger."""
    names = ("HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "NONE")
    for (path, _), name in product(known.routes, names):
        yield request(f"{name} {path} HTTP/1.1".encode(), *known.stranger.headers)


BOUNDARY = b"Content-Type: multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
FIELDS = (b"name", b"email", b"quantity", b"checkout_id", b"title", b"code", b"password", b"next")
URLENCODED = b"Content-Type: application/x-www-form-urlencoded"
JSON = b"Content-Type: application/json"
FORMS = (
    (JSON, b'{"name": "Eve", "email": "eve@evil.example", "quantity": 1}'),
    (JSON, b'"x"'),
    (JSON, b"[1]"),
    (JSON, b"{"),
    (JSON, b'{"name": 5, "email": {"a": []}, "code": null}'),
    (JSON, b'{"name": "\\ud800", "email": "\\u0000"}'),
    (JSON, b"[" * 20_000),
    (JSON, b'{"quantity": %s}' % (b"9" * 5000)),
    (b"Content-Type: application/json; charset=utf-16", '{"name": "Eve"}'.encode("utf-16")),
    (
        b"Content-Type: application/xml",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><name>&b;</name>',
    ),
    (BOUNDARY[:33], PART % (b"name", b"", b"Eve")),
    (BOUNDARY, b"".join(PART % (name, b"", b"Eve") for name in FIELDS) + b"--b--\r\n"),
    (
        BOUNDARY,
        b"".join(PART % (name, b'; filename="a.txt"', b"Eve") for name in FIELDS) + b"--b--\r\n",
    ),
    (BOUNDARY, PART % (b"a", b"", b"b") * 1500 + b"--b--\r\n"),
    (BOUNDARY, PART % (b"a" * 100 * KIB, b"", b"b") + b"--b--\r\n"),
    (BOUNDARY, PART % (b"a", b"; b=c" * 20 * KIB, b"b") + b"--b--\r\n"),
    (BOUNDARY, PART % (b"name", b"\r\nContent-Type: text/plain; charset=utf-7", b"+AAA-")),
    (BOUNDARY, PART % (b"name", b"\r\nno colon", b"Eve")),
    (BOUNDARY, b"--b\r\nContent-Disposition: form-data\r\n\r\nEve\r\n--b--\r\n"),
    (BOUNDARY, PART % (b"name", b"", b"a" * 600 * KIB) + b"--b--\r\n"),
    (BOUNDARY, b"no part"),
    (b"Content-Type: multipart/form-data; boundary=" + b"b" * 5 * KIB, b"--b"),
    (URLENCODED, b"name=%ff%fe&email=%00&quantity=%ED%A0%80"),
    (URLENCODED, b"name=\xff\xfe&email=\0"),
    (URLENCODED, b"email=eve@evil.example&email=%00&quantity=1"),
    (URLENCODED, b"&".join(b"a%d=b" % number for number in range(3000))),
    (URLENCODED, b"name=" + b"a" * 600 * KIB),
    (URLENCODED, b"=&=&%=%&&;;"),
    (URLENCODED + b"; charset=utf-7", b"name=+AAA-&quantity=1"),
    (URLENCODED + b"\r\nContent-Encoding: gzip", gzip.compress(b"name=Eve")),
    (b"Content-Type: text/plain", b"name=Eve"),
    (b"Content-Type:", b"name=Eve"),
)


def forms(known: Known) -> Iterator[bytes]:
    """Every kind of body at every address that takes a form, by a visitor who may send it."""
    for path, names in known.routes:
        visitor = known.organiser if path.startswith("/organiser") else known.stranger
        if "POST" in names:
            for kind, body in FORMS:
                yield post(path, *visitor.headers, kind, body=body)


def webhooks(known: Known) -> Iterator[bytes]:
    """Messages with a valid signature that no gateway would send."""
    charge = {"id": "ch_1", "amount": 1, "reference": "NONE7"}
    good = {"id": "evt_1", "type": "charge.succeeded", "data": {"charge": charge}}
    bodies = [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        json.dumps(good).encode("utf-16"),
        json.dumps(good).replace("1,", "9" * 5000 + ",").encode(),
        *(
            json.dumps({**good, "data": {"charge": {**charge, **difference}}}).encode()
            for difference in (
                {},
                {"reference": "\ud800"},
                {"reference": "\0"},
                {"reference": ["NONE7"]},
                {"reference": known.reference, "amount": 1},
                {"amount": float("nan")},
                {"amount": True},
                {"id": "\udfff"},
                {"id": "x" * 100_000},
            )
        ),
        json.dumps({**good, "type": ["charge.succeeded"]}).encode(),
        json.dumps({**good, "type": "\ud800"}).encode(),
        json.dumps({**good, "data": [charge]}).encode(),
    ]
    for body in bodies:
        signature = sign(known.webhook_secret, body, int(time.time()))
        yield post(
            "/webhooks/payments", f"Gateway-Signature: {signature}".encode(), JSON, body=body
        )
    for signature in (b"", b"t=1,v1=", b"t=\xd9\xa3,v1=a", b"t=1,v1=" + b"\xff" * 64, b"t" * 7000):
        yield post("/webhooks/payments", b"Gateway-Signature: " + signature, body=b"{}")


def pipelines(known: Known) -> Iterator[bytes]:
    """Several requests on one connection, or what may be taken for several."""
    about, nowhere = request(b"GET /about HTTP/1.1"), request(b"GET /nowhere HTTP/1.1")
    hidden = b"GET /organiser HTTP/1.1\r\nX: "
    login = post("/login", *known.stranger.headers, body=b"a" * 50)
    yield about + nowhere
    yield about * 20
    yield about + b"\0" + nowhere
    yield login + about
    yield login[:-1] + about
    yield login + b"extra" + about
    yield request(b"GET /about HTTP/1.1", b"Connection: close") + nowhere
    yield request(b"GET /about HTTP/1.0", b"Connection: keep-alive") + nowhere
    yield request(b"HEAD /about HTTP/1.1") + nowhere
    yield request(b"POST /login HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 9") + about
    length, chunked = b"Content-Length: %d" % (len(hidden) + 5), b"Transfer-Encoding: chunked"
    for headers in (
        (length, chunked),
        (chunked, length),
        (chunked.replace(b":", b" :"), length),
        (chunked.replace(b"-", b"_"), length),
        (chunked + b"\x0b", length),
    ):
        yield request(b"POST /login HTTP/1.1", *headers, body=b"0\r\n\r\n" + hidden) + about
    yield request(b"GET /about HTTP/1.1", length, body=b"0\r\n\r\n" + hidden) + about


GROUPS = (
    request_lines,
    hosts,
    headers,
    lengths,
    chunks,
    paths,
    methods,
    forms,
    webhooks,
    pipelines,
)

# What a mutation puts into a request.
INSERTS = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b":",
    b"/",
    b"..",
    b"%00",
    b"%ff",
    b"%2e%2e/",
    b"\xff",
    b"\xed\xa0\x80",
    b"=?utf-8?q?=0A?=",
    b"chunked",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: evil.example\r\n",
    b"HTTP/1.0",
    b"9" * 30,
    b"A" * 9 * KIB,
)


def mutations(known: Known, chance: random.Random, count: int) -> Iterator[bytes]:
    """Return good requests, each changed in one to four places."""
    join = b"csrf_token=%s&email=eve@evil.example&quantity=1" % known.stranger.token.encode()
    good = (
        request(b"GET /?q=glass&sort=price HTTP/1.1", b"Cookie: recent=late-laughs; per_page=25"),
        post(f"{SOLD_OUT}/waitlist", *known.stranger.headers, URLENCODED, body=join),
        request(
            f"POST {SOLD_OUT}/waitlist HTTP/1.1".encode(),
            *known.stranger.headers,
            URLENCODED,
            b"Transfer-Encoding: chunked",
            body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(join), join),
        ),
        post(f"{SOLD_OUT}/waitlist", *known.stranger.headers, *FORMS[11][:1], body=FORMS[11][1]),
        post("/webhooks/payments", b"Gateway-Signature: t=1,v1=" + b"a" * 64, JSON, body=b"{}"),
    )
    for _ in range(count):
        changed = chance.choice(good)
        for _ in range(chance.randint(1, 4)):
            changed = mutate(changed, chance)
        yield changed


def mutate(text: bytes, chance: random.Random) -> bytes:
    """Return the text with one change: a part of it is lost, doubled or replaced."""
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((0, 1, 1, 4, 20)))
    part = text[start:end]
    replacement = chance.choice((b"", part * 2, part[::-1], chance.choice(INSERTS)))
    return text[:start] + replacement + text[end:]
