"""The sandbox's gateway and mail server, with somebody who notes what passes through."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from io import BytesIO

import requests
from werkzeug.wrappers import Request, Response

from workbench.sandbox.gateway import create_gateway
from workbench.sandbox.mailbox import Mailbox, MailServer
from workbench.sandbox.server import HOST, listen, serving
from workbench.sandbox.webhooks import Webhooks

API_KEY = "key of the shop"
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
        answer = requests.post(
            f"{self.url}/v1/charges",
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
            timeout=5,
        )
        return answer.json()["id"]

    def kept_of(self, reference: str) -> int:
        """Return what was taken for an order and not given back, in cents."""
        charges = {id_ for id_, made in self.charges.items() if made["reference"] == reference}
        taken = sum(self.charges[id_]["amount"] for id_ in charges)
        return taken - sum(
            made["amount"] for made in self.refunds.values() if made["charge"] in charges
        )


class Letters(Mailbox):
    """The mailbox, and the mails as they came in, with all their headers."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Message] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.all.append(message_from_bytes(envelope.content))
        return await super().handle_DATA(server, session, envelope)

    def about(self, subject: str) -> list[str]:
        """Return to whom mails went whose subject begins like this."""
        return [mail["To"] for mail in self.all if mail["Subject"].startswith(subject)]


@contextmanager
def running_servers() -> Iterator[tuple[Bank, Letters, int]]:
    """Run both until the block ends; yield them, and the port that takes mail."""
    bank, letters, listener = Bank(), Letters(), listen()
    mail_server = MailServer(letters, listener)
    with serving(bank) as bank.url:
        mail_server.start()
        try:
            yield bank, letters, mail_server.port
        finally:
            mail_server.stop()


def closed_port() -> int:
    """Return a port of this machine where nobody answers."""
    with listen() as listener:
        return listener.getsockname()[1]


def address_of_nobody() -> str:
    return f"http://{HOST}:{closed_port()}"
