"""The sandbox's gateway, mail server and social network, and a note of what passes through."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit

import requests
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from workbench.sandbox.credentials import Network, Post
from workbench.sandbox.gateway import create_gateway
from workbench.sandbox.mailbox import Mailbox, MailServer
from workbench.sandbox.server import HOST, listen, serving
from workbench.sandbox.social import Views, create_social
from workbench.sandbox.webhooks import Webhooks

API_KEY = "key of the shop"
CLIENT_KEY, CLIENT_SECRET = "key of the shop at the network", "shared with the network"
SLOW_SECONDS = 0.5


class Bank:
    """The gateway, and a list of the charges and refunds that it has made.

    `on_charge` is called with each new charge, or with why there is none, before the answer goes
    out. `lie` may put another text in the place of an answer that something was done.
    """

    def __init__(self) -> None:
        self.url = ""
        self.open_afresh()

    def open_afresh(self) -> None:
        """Forget all that was paid, and all that was arranged."""
        self._gateway = create_gateway(API_KEY, SLOW_SECONDS, Webhooks("", []))
        self.charges: dict[str, dict] = {}
        self.refunds: dict[str, dict] = {}
        self.on_charge: Callable[[dict], None] = lambda charge: None
        self.lie: Callable[[dict], str] | None = None

    def __call__(self, environ, start_response):
        """Pass a request on to the gateway; this is a WSGI app."""
        request = Request(environ)
        asked = request.get_data()
        # It was read to its end: the gateway gets it afresh.
        environ["wsgi.input"] = BytesIO(asked)
        answer = Response.from_app(self._gateway, environ, buffered=True)
        if request.method == "POST" and answer.mimetype == "application/json":
            self._note(request.path, json.loads(asked), json.loads(answer.get_data()), answer)
        return answer(environ, start_response)

    def _note(self, path: str, asked: dict, said: dict, answer: Response) -> None:
        if path == "/v1/charges" and said.get("id") not in self.charges:
            if answer.status_code == 201:
                self.charges[said["id"]] = said
            self.on_charge(said)
        elif path == "/v1/refunds" and answer.status_code == 201:
            self.refunds[said["id"]] = {**said, **asked}
        if self.lie is not None:
            answer.set_data(self.lie(said))

    def fail(self, *, calls: int = 1, status: int = 500, body: str = "") -> None:
        """Let the next calls get this answer, and do nothing."""
        order = {"calls": calls, "status": status, "body": body}
        requests.post(f"{self.url}/sandbox/fail", json=order, timeout=5).raise_for_status()

    def charge(self, cents: int, reference: str) -> str:
        """Charge a card as a checkout does; return the id of the charge."""
        answer = Client(self).post(
            "/v1/charges",
            json={
                "amount": cents,
                "currency": "EUR",
                "source": "tok_visa",
                "reference": reference,
            },
            headers={
                "Authorization": f"Bearer {API_KEY}",
                "Idempotency-Key": f"{reference}-1",
            },
        )
        return answer.json["id"]

    def kept_of(self, reference: str) -> int:
        """Return what was taken for an order and not given back, in cents."""
        charges = {id_ for id_, made in self.charges.items() if made["reference"] == reference}
        taken = sum(self.charges[id_]["amount"] for id_ in charges)
        return taken - sum(
            made["amount"] for made in self.refunds.values() if made["charge"] in charges
        )


class Letters(Mailbox):
    """A mailbox that keeps the mails as they came in, with all their headers."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Message] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.all.append(message_from_bytes(envelope.content))
        return "250 OK"

    def about(self, subject: str) -> list[str]:
        """Return the recipients of the mails whose subject begins like this."""
        return [mail["To"] for mail in self.all if mail["Subject"].startswith(subject)]


class TimelessNetwork(Network):
    """The clocks of the apps are not that of this process: no request is too old here."""

    timestamp_lifetime = 100 * 365 * 24 * 3600


class SocialNetwork:
    """The social network, where a person allows everything."""

    def __init__(self) -> None:
        self.url = ""
        self._network = TimelessNetwork(CLIENT_KEY, CLIENT_SECRET)
        self._app = create_social(Views(self._network))

    def open_afresh(self) -> None:
        """Forget who may post, and what was posted."""
        for known in (self._network.asking, self._network.connections, self._network.posts):
            known.clear()

    def __call__(self, environ, start_response):
        """Pass a request on to the network; this is a WSGI app."""
        return self._app(environ, start_response)

    @property
    def posts(self) -> list[Post]:
        return self._network.posts

    def allow(self, address: str) -> dict[str, str]:
        """Allow what the page at this address asks; return what is sent back to the app."""
        form = {**read_query(address), "name": "Ada", "answer": "allow"}
        answer = requests.post(
            f"{self.url}/oauth/authorize", form, allow_redirects=False, timeout=5
        )
        return read_query(answer.headers["Location"])


def read_query(address: str) -> dict[str, str]:
    """Return the query string of an address."""
    return dict(parse_qsl(urlsplit(address).query))


@dataclass(frozen=True)
class Servers:
    """The servers that an app talks to; `mail_port` takes mail."""

    bank: Bank
    letters: Letters
    network: SocialNetwork
    mail_port: int

    def open_afresh(self) -> None:
        """Forget all that was paid, mailed and posted."""
        self.bank.open_afresh()
        self.letters.all.clear()
        self.network.open_afresh()


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Run all of them until the block ends."""
    bank, letters, network, listener = Bank(), Letters(), SocialNetwork(), listen()
    mail_server = MailServer(letters, listener)
    with serving(bank) as bank.url, serving(network) as network.url:
        mail_server.start()
        try:
            yield Servers(bank, letters, network, mail_server.port)
        finally:
            mail_server.stop()


def closed_port() -> int:
    """Return a port of this machine where no server listens."""
    with listen() as listener:
        return listener.getsockname()[1]


def address_of_nobody() -> str:
    return f"http://{HOST}:{closed_port()}"
