"""Hostile requests over a real socket, to what `make serve` starts: both apps refuse alike.

After each request, no answer and no log has a traceback or a secret in it, the server still
answers, and both apps give the same answer, byte for byte. Random values in a page, and dates,
are left out of that.
"""

import random
import re
import shutil
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from difflib import unified_diff
from pathlib import Path

import pytest
import requests

from tests.equivalence.hostile import GROUPS, NAME, Known, Visitor, mutations, request
from tests.workbench.served import Served, complete_settings, serving
from workbench.run import ORGANISER, PACKAGES, PASSWORD, close_database, create_seeded_app
from workbench.sandbox.server import HOST
from workbench.serve import PREFIX

PATIENCE = 10
MUTATIONS = 300
BYTES_SHOWN = 300
PROBLEMS_SHOWN = 20
LINES_SHOWN = 10
STATUS = re.compile(rb"^HTTP/1.[01] ([0-9]{3}) ", re.MULTILINE)
# 501 is for an unknown coding of bodies, 502 for the social network, which is not running.
FAULTS = {*range(500, 600)} - {501, 502}
HEALTH = request(b"GET /healthz HTTP/1.1")
KEYS = re.compile(rb"(session=|X-CSRFToken: |csrf_token=)[\w.-]{60,}")
# Of a secret or an address, nothing else is a letter.
WORD = re.compile(rb"[\w@.-]+")

BY_LOT = (
    re.compile(rb'(?<=name="csrf_token" type="hidden" value=")[^"]*'),
    re.compile(rb'(?<=name="checkout_id" type="hidden" value=")[^"]*'),
    re.compile(rb'(?<=name="csrf_token" value=")[^"]*'),
    re.compile(rb"(?<=Set-Cookie: session=)[^;]*"),
    re.compile(rb"(?<=Expires=)[^;]*"),
    # Of the style sheet: when the file was written on this machine.
    re.compile(rb"(?<=\r\n)(?:Date|Last-Modified|ETag): [^\r]*"),
)
CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')
SECRETS = (
    "SELECT secret FROM orders UNION SELECT checkout_id FROM orders UNION SELECT email FROM orders"
    " UNION SELECT code FROM tickets UNION SELECT token FROM waitlist_entries"
    " UNION SELECT email FROM waitlist_entries"
    " UNION SELECT substr(password_hash, -128) FROM organisers"
)
# The statuses that each group must at least have had: a group whose requests are all refused by
# the server itself would show nothing.
REACHED = {
    "request_lines": {200, 400, 404},
    "hosts": {200, 400},
    "headers": {200, 303, 400},
    "lengths": {200, 400, 413},
    "chunks": {400, 422},
    "paths": {200, 308, 400, 404},
    "methods": {200, 303, 405},
    "forms": {303, 400, 401, 404, 413, 422, 429},
    "webhooks": {200, 400, 404},
    "pipelines": {200, 400, 404},
}


class Pair:
    """Both apps, each served by two processes, with the same rows in their databases."""

    def __init__(self, servers: dict[str, Served], known: Known, secrets: set[bytes]) -> None:
        self.servers = servers
        self._secrets = secrets
        self._log_read = dict.fromkeys(servers, 0)
        self.known = known

    def send(self, text: bytes) -> tuple[bytes, list[str]]:
        """Send this to both; return the answer of the first, and all that is wrong."""
        given = {app: exchange(served, text) for app, served in self.servers.items()}
        wrong = []
        for app, served in self.servers.items():
            if b" 200 OK" not in exchange(served, HEALTH):
                wrong.append(f"{app}: /healthz does not answer.")
            for where, seen in (("answer", given[app]), ("log", self._new_log(app))):
                wrong += [f"{app}: the {where} has {what}" for what in self._leaks(seen)]
        before, after = (masked(answer) for answer in given.values())
        diff = list(unified_diff(before, after, *given, n=0, lineterm=""))
        if diff:
            wrong.append("\n".join(["They differ:", *diff[:LINES_SHOWN]]))
        return next(iter(given.values())), wrong

    def _leaks(self, text: bytes) -> Iterator[str]:
        if b"Traceback (most recent" in text:
            yield "a traceback."
        words = {word.strip(b".") for word in WORD.findall(text)}
        yield from (f"the secret {secret!r}." for secret in words & self._secrets)

    def _new_log(self, app: str) -> bytes:
        with self.servers[app].log_file.open("rb") as log:
            log.seek(self._log_read[app])
            text = log.read()
        self._log_read[app] += len(text)
        return text


def exchange(served: Served, text: bytes) -> bytes:
    """Send what may be no HTTP, say that this was all, and return all that comes back."""
    answer = b""
    with socket.create_connection((HOST, served.port), timeout=PATIENCE) as connection:
        # The server may hang up before all was said. Its answer is there to be read then.
        with suppress(OSError):
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while received := connection.recv(64 * 1024):
                answer += received
    return answer


def masked(answer: bytes) -> list[str]:
    """Return the lines of an answer, without random values."""
    for pattern in BY_LOT:
        answer = pattern.sub(b"***", answer)
    return answer.decode(errors="backslashreplace").splitlines()


def shown(text: bytes) -> str:
    """Return a request as a reader needs it: without keys that another run will not have."""
    text = KEYS.sub(rb"\1***", text)
    return repr(text if len(text) <= BYTES_SHOWN else text[:BYTES_SHOWN] + b"...")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        servers = {}
        folder = tmp_path_factory.mktemp("hostile")
        database = folder / "shop.sqlite"
        settings = {**complete_settings(database), f"{PREFIX}SITE_URL": f"https://{NAME}"}
        # A header lists the methods of an address in the order of their hashes.
        settings["PYTHONHASHSEED"] = "0"
        app = create_seeded_app(
            "before", {key.removeprefix(PREFIX): value for key, value in settings.items()}
        )
        close_database(app)
        for package in PACKAGES.values():
            place = folder / package
            place.mkdir()
            settings[f"{PREFIX}SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{place}/shop.sqlite"
            shutil.copy(database, place / "shop.sqlite")
            servers[package] = stack.enter_context(serving(settings, place, package))
        order, secrets = read_rows(database)
        known = Known(
            routes=sorted(routes_of(app)),
            stranger=visit(servers["before_mvt"]),
            organiser=log_in(servers["before_mvt"]),
            reference=order[0],
            secret=order[1],
            webhook_secret=settings[f"{PREFIX}PAYMENTS_WEBHOOK_SECRET"],
        )
        keys = [value for value in settings.values() if value.startswith("key-")]
        yield Pair(servers, known, {secret.encode() for secret in [*secrets, *keys]})


def read_rows(database: Path) -> tuple[tuple[str, str], list[str]]:
    """Return reference and secret of a paid order, and all secrets."""
    with sqlite3.connect(database) as connection:
        paid = "SELECT reference, secret FROM orders WHERE status = 'paid'"
        return connection.execute(paid).fetchone(), [row[0] for row in connection.execute(SECRETS)]


def routes_of(app) -> Iterator[tuple[str, list[str]]]:
    """Yield all addresses and their methods, with an event that exists, and no order."""
    for rule in app.url_map.iter_rules():
        path = re.sub("<slug>", "late-laughs", rule.rule)
        yield re.sub("<[^>]+>", "none", path), sorted(rule.methods)


def visit(served: Served) -> Visitor:
    """Return a visitor who has looked at a page with a form."""
    page = requests.get(f"{served.url}/login", headers={"Host": NAME}, timeout=PATIENCE)
    return Visitor(page.cookies["session"], CSRF_TOKEN.search(page.text)[1])


def log_in(served: Served) -> Visitor:
    """Return an organiser who is logged in. The cookies are for https: here none is sent back."""
    stranger = visit(served)
    headers = {"Host": NAME, "Referer": f"https://{NAME}/", "X-CSRFToken": stranger.token}
    answer = requests.post(
        f"{served.url}/login",
        {"name": ORGANISER, "password": PASSWORD},
        headers={**headers, "Cookie": f"session={stranger.cookie}"},
        allow_redirects=False,
        timeout=PATIENCE,
    )
    page = requests.get(
        f"{served.url}/organiser",
        headers={"Host": NAME, "Cookie": f"session={answer.cookies['session']}"},
        timeout=PATIENCE,
    )
    return Visitor(page.cookies["session"], CSRF_TOKEN.search(page.text)[1])


def check(pair: Pair, texts: Iterator[bytes]) -> Counter[int]:
    """Send everything, fail with all that is wrong, and return how often each status came."""
    statuses: Counter[int] = Counter()
    wrong = []
    for text in texts:
        answer, problems = pair.send(text)
        came = [int(status) for status in STATUS.findall(answer)]
        problems += [f"The status is {status}." for status in came if status in FAULTS]
        wrong += [f"{shown(text)}: {problem}" for problem in problems]
        statuses.update(came)
    if wrong:
        pytest.fail("\n".join(wrong[:PROBLEMS_SHOWN]), pytrace=False)
    return statuses


def test_an_order_opens_by_its_address(pair: Pair) -> None:
    """The other tests would pass as well if no order could be opened at all."""
    address = f"/orders/{pair.known.reference}/{pair.known.secret}"
    answer, problems = pair.send(request(f"GET {address} HTTP/1.1".encode()))

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert any("has the secret" in problem for problem in problems)
    assert not any("differ" in problem for problem in problems)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_hostile_requests_are_refused_alike(pair: Pair, group) -> None:
    statuses = check(pair, group(pair.known))

    assert REACHED[group.__name__] <= set(statuses)


def test_good_requests_with_changes_are_refused_alike(
    pair: Pair, pytestconfig: pytest.Config
) -> None:
    # The last line of a failed run says how to get the same seed again.
    seed = pytestconfig.getoption("randomly_seed")
    print(f"seed {seed}")

    statuses = check(pair, mutations(pair.known, random.Random(seed), MUTATIONS))

    assert {200, 303, 400} <= set(statuses)


def test_connections_that_wait_in_silence_do_not_stop_the_others(pair: Pair) -> None:
    with ExitStack() as stack:
        for served in pair.servers.values():
            for beginning in (b"", b"GET / HTTP/1.1\r\nHost: ", b"POST /login HTTP/1.1\r\n"):
                silent = socket.create_connection((HOST, served.port), timeout=PATIENCE)
                stack.enter_context(silent).sendall(beginning)

        answer, problems = pair.send(request(b"GET /about HTTP/1.1"))

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert problems == []
