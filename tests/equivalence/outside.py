"""The world outside a shop, with all its failures: gateway, social network, mail server.

All three are reached through the real libraries, down to the last step before the network, so
that the record is what would be sent over the network. They answer as the sandbox does, unless a
`Fault` says that something goes wrong: then they fail, are slow, lie, or another request comes in.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3 import HTTPResponse

GATEWAY = "https://gateway.example"
NETWORK = "https://network.example"
MAIL_HOST = "mail.example"
API_KEY = "key of the shop"
TIMEOUT_SECONDS = 5.0
DECLINES = {
    "tok_declined": ("card_declined", "The bank refuses to pay."),
    "tok_insufficient": ("insufficient_funds", "There is not enough money on the account."),
}
# The card is charged, and no answer comes, or none that says so.
CHARGED_IN_SILENCE = ("tok_slow", "tok_lost")
PAYING_CARDS = ("tok_visa", *CHARGED_IN_SILENCE)

# Where something can go wrong inside a step, and how it fails there.
EXPECTED: dict[str, Callable[[], Exception]] = {
    "gateway": lambda: requests.ConnectionError("Connection refused"),
    "network": lambda: requests.ConnectionError("Connection refused"),
    "mail": lambda: ConnectionRefusedError("Connection refused"),
    "lock": lambda: sqlite3.OperationalError("database is locked"),
    "inner lock": lambda: sqlite3.OperationalError("database is locked"),
    "commit": lambda: sqlite3.OperationalError("disk I/O error"),
}
LATE: dict[str, Callable[[], Exception]] = {
    "gateway": lambda: requests.ReadTimeout("Read timed out."),
    "network": lambda: requests.ReadTimeout("Read timed out."),
    "mail": lambda: TimeoutError("timed out"),
    "commit": lambda: sqlite3.OperationalError("disk I/O error"),
}


class Killed(BaseException):
    """The process ends here. No app may catch this exception."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong when the `number`-th call, mail, commit or lock of a step is reached.

    `point` is lock, inner lock, commit, gateway, network or mail. `effect` is one of

    - fails: the expected error, and nothing is done on the other side;
    - breaks: an error that no program expects;
    - times out: it is done, but the answer comes too late;
    - kills before, kills after: the process ends;
    - takes time: `detail` is the instant that is reached meanwhile;
    - lets in: `detail` is the step of another visitor that comes in between;
    - lies: `detail` names what the gateway or the network answers.
    """

    point: str
    number: int
    effect: str
    detail: Any = None

    def __repr__(self) -> str:
        detail = "" if self.detail is None else f", {self.detail!r}"
        return f"Fault({self.point!r}, {self.number}, {self.effect!r}{detail})"


class Trouble:
    """The faults of one step in one app, and everything that passes their points.

    `let_in` does another step, `pass_time` moves the clock; both get a fault's detail.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        let_in: Callable[[Any], None],
        pass_time: Callable[[Any], None],
    ) -> None:
        self._faults = faults
        self._let_in = let_in
        self._pass_time = pass_time
        self._reached: Counter[str] = Counter()
        self.met: list[Fault] = []
        self.dead = False

    def arrive(self, point: str) -> list[Fault]:
        """Count one more at this point, do what comes before it, and return what was met."""
        if self.dead:
            raise Killed
        self._reached[point] += 1
        met = [
            fault
            for fault in self._faults
            if (fault.point, fault.number) == (point, self._reached[point])
        ]
        self.met += met
        for fault in met:
            self._before(fault)
        return met

    def _before(self, fault: Fault) -> None:
        match fault.point, fault.effect:
            case _, "kills before":
                self.dead = True
                raise Killed
            case _, "breaks":
                raise RuntimeError("Something that no program expects")
            case point, "fails":
                raise EXPECTED[point]()
            # While a lock is held no other step comes in: others come and time passes before that.
            case "lock", "lets in":
                self._let_in(fault.detail)
            case "lock", "takes time":
                self._pass_time(fault.detail)

    def leave(self, met: Sequence[Fault]) -> None:
        """Do what comes after a point: `met` is what `arrive` has returned."""
        for fault in met:
            match fault.point, fault.effect:
                case _, "kills after":
                    self.dead = True
                    raise Killed
                case point, "times out":
                    self._pass_time(TIMEOUT_SECONDS)
                    raise LATE[point]()
                case point, "lets in" if point != "lock":
                    self._let_in(fault.detail)
                case point, "takes time" if point != "lock":
                    self._pass_time(fault.detail)


def lie_of(met: Sequence[Fault]) -> str | None:
    return next((fault.detail for fault in met if fault.effect == "lies"), None)


@dataclass(frozen=True)
class Answer:
    """What a server answers."""

    status: int
    content: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


def _json(status: int, facts: Any) -> Answer:
    return Answer(status, json.dumps(facts).encode())


def _changed(**changes: Any) -> Callable[[Answer], Answer]:
    """Return a lie: the true answer, or the charges in it, with other values."""

    def lie(truth: Answer) -> Answer:
        facts = json.loads(truth.content)
        for each in facts.get("data", [facts]):
            each.update(changes)
        return _json(truth.status, facts)

    return lie


def _instead(status: int, content: bytes, *headers: tuple[str, str]) -> Callable[[Answer], Answer]:
    """Return a lie: this answer in the place of the true one."""
    return lambda truth: Answer(status, content, headers)


def _refusal(message: Any) -> Callable[[Answer], Answer]:
    return lambda truth: _json(402, {"error": {"code": "x", "message": message}})


def _other_status(status: int) -> Callable[[Answer], Answer]:
    return lambda truth: Answer(status, truth.content, truth.headers)


ELSEWHERE = ("Location", "https://elsewhere.example/")
GATEWAY_LIES: dict[str, Callable[[Answer], Answer]] = {
    "garbage": _instead(201, b"<h1>Welcome</h1>"),
    "nothing": _instead(201, b""),
    "null": _instead(201, b"null"),
    "a list": _instead(201, b"[1]"),
    "a number": _instead(200, b"5"),
    "a text": _instead(200, b'"succeeded"'),
    "data that is no list": _instead(200, b'{"data": {"id": "ch_1"}}'),
    "data of nothing": _instead(200, b'{"data": [null]}'),
    "no data": _instead(200, b'{"data": []}'),
    "too deep": _instead(201, b"[" * 100_000 + b"]" * 100_000),
    "too many digits": _instead(201, b'{"amount": ' + b"9" * 5000 + b"}"),
    "not a number": _changed(amount=float("nan")),
    "not UTF-8": _instead(201, b'{"id": "\xff\xfe"}'),
    "huge": _instead(201, b'{"id": "' + b"x" * 2_000_000 + b'"}'),
    "other amount": _changed(amount=1),
    "amount as a text": _changed(amount="1250"),
    "amount as true": _changed(amount=True),
    "amount as nothing": _changed(amount=None),
    "other reference": _changed(reference="AAAAA"),
    "no reference": _changed(reference=None),
    "still pending": _changed(status="pending"),
    "failed": _changed(status="failed"),
    "id as a number": _changed(id=5),
    "id as nothing": _changed(id=None),
    "refusal without a reason": _instead(402, b"{}"),
    "reason as a number": _refusal(5),
    "reason with NUL": _refusal("a\0b"),
    "half a character as a reason": _refusal("\ud800"),
    "reason with markup": _refusal("<script>alert(1)</script>"),
    "long reason": _refusal("x" * 100_000),
    "not 201": _other_status(200),
    "202": _other_status(202),
    "204": _instead(204, b""),
    "401": _instead(401, b'{"error": {"message": "Who are you?"}}'),
    "404": _instead(404, b'{"error": {"message": "There is no such charge."}}'),
    "409": _instead(409, b'{"error": {"message": "This key was used before."}}'),
    "429": _instead(429, b"", ("Retry-After", "60")),
    "503": _instead(503, b"<h1>Out of order</h1>"),
    "redirect": _instead(302, b"", ELSEWHERE),
    "redirect that keeps the method": _instead(307, b"", ELSEWHERE),
    "redirect to nowhere": _instead(302, b"", ("Location", "http://[")),
    "cookie": lambda truth: Answer(
        truth.status, truth.content, (*truth.headers, ("Set-Cookie", "a=b"))
    ),
}


def _credentials(token: str, secret: str, confirmed: str = "true") -> Callable[[Answer], Answer]:
    fields = {"oauth_token": token, "oauth_token_secret": secret}
    text = urlencode({**fields, "oauth_callback_confirmed": confirmed})
    return _instead(200, text.encode())


NETWORK_LIES: dict[str, Callable[[Answer], Answer]] = {
    "garbage": _instead(200, b"<h1>Welcome</h1>"),
    "nothing": _instead(200, b""),
    "not UTF-8": _instead(200, b"oauth_token=\xff&oauth_token_secret=\xfe"),
    "not ASCII": _instead(200, "oauth_token=é&oauth_token_secret=ß".encode()),
    "huge": _instead(200, b"oauth_token=" + b"x" * 2_000_000),
    "not confirmed": _credentials("t", "s", "false"),
    "no token": _credentials("", "s"),
    "no secret": _credentials("t", ""),
    "1,000 bytes": _credentials("t" * 500, "s" * 500),
    "1,001 bytes": _credentials("t" * 500, "s" * 501),
    "hostile token": _credentials("t\r\nX: y\0&=é", "s\r\n\0"),
    "token in parts": _credentials("a b/c?d=e&f#g", "%00+"),
    "201": _other_status(201),
    "204": _instead(204, b""),
    "400": _instead(400, b"Bad"),
    "401": _instead(401, b"Who are you?"),
    "403": _instead(403, b"No"),
    "499": _instead(499, b"No"),
    "500": _instead(500, b"Out of order"),
    "redirect": _instead(302, b"", ELSEWHERE),
    "redirect that keeps the method": _instead(307, b"", ELSEWHERE),
    "redirect to nowhere": _instead(302, b"", ("Location", "http://[")),
}


@dataclass
class Charge:
    """One try to charge a card, as the gateway keeps it. `refunded` in cents."""

    id: str
    reference: str
    amount: int
    status: str
    refunded: int = 0

    def as_json(self) -> dict[str, Any]:
        facts = {"id": self.id, "status": self.status, "amount": self.amount}
        return {**facts, "currency": "EUR", "reference": self.reference}


class Outside:
    """Gateway, network and mail server of one app. `trace` is what has reached them, in order."""

    def __init__(self) -> None:
        self.trouble = Trouble((), lambda step: None, lambda moment: None)
        self.trace: list[str] = []
        self.charges: dict[str, Charge] = {}
        self.mails: list[Mail] = []
        # Orders about which the gateway has said what is not true.
        self.misled: set[str] = set()
        self._answers: dict[str, tuple[Any, Answer]] = {}

    # The two that speak HTTP.

    def send(
        self, adapter: Any, request: requests.PreparedRequest, timeout: float | None
    ) -> requests.Response:
        """Answer a request instead of the network; this is what `requests` calls last."""
        point = "network" if str(request.url).startswith(NETWORK) else "gateway"
        met = self.trouble.arrive(point)
        body = request.body or b""
        asked = body if isinstance(body, bytes) else body.encode()
        headers = sorted(
            f"{name}: {value.decode() if isinstance(value, bytes) else value}"
            for name, value in request.headers.items()
        )
        self.trace += [
            f"{request.method} {request.url}, at most {timeout} s",
            *headers,
            asked.decode(),
        ]
        if point == "network":
            answer = self._answer_as_network(str(request.url), lie_of(met))
        else:
            answer = self._answer_as_gateway(request, asked, lie_of(met))
        self.trouble.leave(met)
        return adapter.build_response(
            request,
            HTTPResponse(
                io.BytesIO(answer.content),
                headers=answer.headers,
                status=answer.status,
                preload_content=False,
            ),
        )

    def _answer_as_gateway(
        self, request: requests.PreparedRequest, asked: bytes, lie: str | None
    ) -> Answer:
        address = str(request.url)
        if not address.startswith(GATEWAY):
            return _json(201, {"id": "ch_elsewhere", "status": "succeeded"})
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return _json(401, {"error": {"message": "Who are you?"}})
        if request.method == "GET":
            key = address.rpartition("=")[2]
            found = [self.charges[key].as_json()] if key in self.charges else []
            truth = _json(200, {"data": found})
        else:
            key = request.headers["Idempotency-Key"]
            wanted = json.loads(asked)
            if wanted.get("source") == "tok_error":
                truth = Answer(500, b"<h1>Out of order</h1>", ())
            elif key in self._answers:
                first, truth = self._answers[key]
                if first != wanted:
                    truth = _json(409, {"error": {"message": "This key was used before."}})
            else:
                truth = self._charge(key, wanted) if "source" in wanted else self._refund(wanted)
                self._answers[key] = wanted, truth
            if wanted.get("source") == "tok_lost":
                truth = Answer(500, b"", ())
            if wanted.get("source") == "tok_slow":
                self.trouble.leave([Fault("gateway", 0, "times out")])
        if lie is None:
            return truth
        self.misled.add(key.rpartition("-")[0])
        return GATEWAY_LIES[lie](truth)

    def _charge(self, key: str, wanted: dict[str, Any]) -> Answer:
        code, reason = "succeeded", ""
        if wanted["source"] not in PAYING_CARDS:
            code, reason = DECLINES.get(wanted["source"], ("unknown_card", "No such card."))
        charge = Charge(f"ch_{len(self.charges) + 1}", wanted["reference"], wanted["amount"], code)
        self.charges[key] = charge
        if reason:
            return _json(402, {"error": {"code": code, "message": reason}})
        return _json(201, charge.as_json())

    def _refund(self, wanted: dict[str, Any]) -> Answer:
        paid = (charge for charge in self.charges.values() if charge.status == "succeeded")
        charge = next((charge for charge in paid if charge.id == wanted["charge"]), None)
        if charge is None:
            return _json(404, {"error": {"message": "There is no such charge."}})
        if wanted["amount"] > charge.amount - charge.refunded:
            return _json(422, {"error": {"message": "That is more than is left."}})
        charge.refunded += wanted["amount"]
        facts = {"id": f"re_{charge.id}", "status": "succeeded", "amount": wanted["amount"]}
        return _json(201, facts)

    def capture(self, reference: str, amount: int) -> Charge:
        """Let the charge of an order succeed, if it has not yet, and return it."""
        key = f"{reference}-1"
        new = Charge(f"ch_{len(self.charges) + 1}", reference, amount, "succeeded")
        charge = self.charges.setdefault(key, new)
        charge.status = "succeeded"
        return charge

    def _answer_as_network(self, address: str, lie: str | None) -> Answer:
        given = address.rpartition("/")[2]
        fields = {"oauth_token": given, "oauth_token_secret": f"secret of {given}"}
        text = urlencode({**fields, "oauth_callback_confirmed": "true"})
        truth = Answer(200, text.encode(), ())
        return truth if lie is None else NETWORK_LIES[lie](truth)

    # The mail server.

    def connect(self, address: tuple[str, int], timeout: object) -> MailConnection:
        """Answer `socket.create_connection`, which smtplib calls."""
        met = self.trouble.arrive("mail")
        self.trace.append(f"SMTP {address}, at most {timeout} s")
        return MailConnection(self, met)


@dataclass(frozen=True)
class Mail:
    """A mail that the server has taken. `recipients` are those of the envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class MailConnection:
    """The socket between smtplib and a mail server, and the server at its other end."""

    def __init__(self, outside: Outside, met: Sequence[Fault]) -> None:
        self._outside = outside
        self._met = met
        self._replies = [b"220 mail.example ESMTP\r\n"]
        self._data: bytes | None = None
        self._sender = ""
        self._recipients: list[str] = []

    def makefile(self, mode: str) -> MailConnection:
        return self

    def readline(self, limit: int) -> bytes:
        return self._replies.pop(0)

    def close(self) -> None:
        pass

    def sendall(self, sent: bytes) -> None:
        self._outside.trace += sent.decode("utf-8", "surrogateescape").split("\r\n")
        if self._data is not None:
            self._data += sent
            self._take_if_whole()
            return
        for line in sent.split(b"\r\n")[:-1]:
            self._replies += self._reply(line)

    def _reply(self, line: bytes) -> Iterator[bytes]:
        verb, _, rest = line.decode("utf-8", "surrogateescape").partition(":")
        match verb.upper():
            case "MAIL FROM":
                self._sender = rest
                yield b"250 OK\r\n"
            case "RCPT TO" if rest.lower().startswith("<bounce@"):
                yield b"550 There is no such mailbox.\r\n"
            case "RCPT TO":
                self._recipients.append(rest)
                yield b"250 OK\r\n"
            case "DATA":
                self._data = b""
                yield b"354 Go on\r\n"
            case "QUIT":
                yield b"221 Bye\r\n"
            case _:
                # EHLO or RSET: there are no extensions, as with many a server.
                yield b"250 mail.example\r\n"

    def _take_if_whole(self) -> None:
        if self._data is None or not self._data.endswith(b"\r\n.\r\n"):
            return
        mail = Mail(self._sender, tuple(self._recipients), self._data)
        self._outside.mails.append(mail)
        self._data = None
        self._outside.trouble.leave(self._met)
        self._replies.append(b"250 Taken\r\n")
