"""The instant all tests start from, the words of a page, and stand-ins for all that is outside."""

import base64
import hmac
import html
import json
import re
import time
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from smtplib import SMTP, SMTPResponseException
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import responses
from requests import PreparedRequest
from requests.utils import to_native_string

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
# The smallest step of a clock: what holds at an instant may be over a tick later.
TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

PAYMENTS_URL = "https://gateway.example"
WEBHOOK_SECRET = "shared with the gateway"
NETWORK_URL = "https://network.example"
SHARE_URL = f"{NETWORK_URL}/oauth"
SHARE_CLIENT_SECRET = "shared with the network"


class Killed(BaseException):
    """Ends a request or a job at this point, as a killed process would."""


def elsewhere(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function as another process would: without the context of a request that waits."""
    return Context().run(function, *arguments, **options)


def text_of(page: Any) -> str:
    """Return a page as it is read: without tags, with single blanks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page.text)).split())


def hidden_value(page: Any, name: str) -> str:
    """Return what a hidden field of a page's form holds; fails where there is none."""
    found = re.search(rf'name="{name}" type="hidden" value="([^"]+)"', page.text)
    assert found, f"no hidden field {name}"
    return found[1]


def signature(body: bytes, stamp: int | None = None, secret: str = WEBHOOK_SECRET) -> str:
    """Return the header that proves a webhook; `stamp` is in Unix seconds, now if not given."""
    stamp = int(time.time()) if stamp is None else stamp
    signed = b"%d.%s" % (stamp, body)
    return f"t={stamp},v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}"


def oauth_of(request: PreparedRequest) -> dict[str, str]:
    """Return what a request's header says for OAuth 1, such as `oauth_token`."""
    header = to_native_string(request.headers["Authorization"])
    pairs = re.findall(r'(\w+)="([^"]*)"', header)
    return {name: unquote(value) for name, value in pairs}


def form_of(request: PreparedRequest) -> dict[str, str]:
    """Return the fields of the form that a request carries."""
    return dict(parse_qsl(to_native_string(request.body or "")))


def oauth_signature(request: PreparedRequest, token_secret: str = "") -> str:
    """Return the signature that a request must have, by RFC 5849, section 3.4.

    The apps leave this to a library, so the tests do not ask the same one.
    """
    signed = {**oauth_of(request), **form_of(request)}
    del signed["oauth_signature"]
    pairs = sorted((quote(name, ""), quote(value, "")) for name, value in signed.items())
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(quote(str(part), "") for part in (request.method, request.url, parameters))
    key = f"{quote(SHARE_CLIENT_SECRET, '')}&{quote(token_secret, '')}"
    return base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()


class Gateway:
    """The payment gateway, faked below `requests`.

    It gives only the answers that a test has asked for, and each of them must be fetched: any
    other call gets no answer, and an answer that is not fetched fails the test.
    """

    def __init__(self, transport: responses.RequestsMock) -> None:
        self.transport = transport

    @property
    def requests(self) -> list[PreparedRequest]:
        """All that the gateway was asked, the first first."""
        return [call.request for call in self.transport.calls]

    def charges(self, **differences: Any) -> None:
        """Charge the card, and say so; `differences` change the answer."""

        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            charge = {"id": "ch_1", "status": "succeeded", **json.loads(request.body or "")}
            return 201, {}, json.dumps({**charge, **differences})

        self.transport.add_callback("POST", f"{PAYMENTS_URL}/v1/charges", answer)

    def refunds(self, **differences: Any) -> None:
        """Make the refund, and say so; `differences` change the answer."""

        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            amount = json.loads(request.body or "")["amount"]
            refund = {"id": "re_1", "status": "succeeded", "amount": amount}
            return 201, {}, json.dumps({**refund, **differences})

        self.transport.add_callback("POST", f"{PAYMENTS_URL}/v1/refunds", answer)

    def knows(self, order: Any = None, **differences: Any) -> None:
        """Answer which charge exists: that of this order, or none."""
        charges = []
        if order is not None:
            charge = {"id": "ch_1", "status": "succeeded", "currency": "EUR"}
            charge |= {"amount": order.total_cents, "reference": order.reference}
            charges.append({**charge, **differences})
        self.answers("charges", method="GET", json={"data": charges})

    def answers(self, path: str, method: str = "POST", **answer: Any) -> None:
        """Answer one path with anything that `responses` can: status, json, body, headers."""
        self.transport.add(method, f"{PAYMENTS_URL}/v1/{path}", **answer)

    def redirects(self, path: str) -> None:
        """Redirect the shop to an address that would answer that all went well."""
        self.transport.assert_all_requests_are_fired = False
        self.answers(path, status=307, headers={"Location": f"{PAYMENTS_URL}/elsewhere"})

        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            done = {"id": "ch_1", "status": "succeeded", **json.loads(request.body or "")}
            return 201, {}, json.dumps(done)

        self.transport.add_callback("POST", f"{PAYMENTS_URL}/elsewhere", answer)

    def kills(self, path: str) -> None:
        """End the shop's process while it waits for the answer on this path."""

        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            raise Killed

        self.transport.add_callback("POST", f"{PAYMENTS_URL}/v1/{path}", answer)


class Network:
    """The social network, faked below `requests` as the gateway is."""

    def __init__(self, transport: responses.RequestsMock) -> None:
        self.transport = transport

    @property
    def requests(self) -> list[PreparedRequest]:
        """All that the network was asked, the first first."""
        return [call.request for call in self.transport.calls]

    def gives_temporary(self, **differences: str) -> None:
        """Give temporary credentials, and confirm the callback."""
        facts = {"oauth_token": "temporary", "oauth_token_secret": "temporary secret"}
        facts |= {"oauth_callback_confirmed": "true", **differences}
        self.answers("oauth/request_token", body=urlencode(facts))

    def gives_lasting(self, **differences: str) -> None:
        """Give credentials to post with."""
        facts = {"oauth_token": "lasting", "oauth_token_secret": "lasting secret"}
        self.answers("oauth/access_token", body=urlencode({**facts, **differences}))

    def redirects(self, path: str, **answer: Any) -> None:
        """Redirect the shop to an address that would give this answer."""
        self.transport.assert_all_requests_are_fired = False
        elsewhere = f"{NETWORK_URL}/elsewhere"
        self.answers(path, status=307, headers={"Location": elsewhere})
        self.transport.add("POST", elsewhere, **answer)

    def takes_post(self, status: int = 201) -> None:
        self.answers("statuses", status=status, json={"id": 1})

    def answers(self, path: str, **answer: Any) -> None:
        """Answer one path with anything that `responses` can: status, json, body, headers."""
        self.transport.add("POST", f"{NETWORK_URL}/{path}", **answer)


class Mailbox:
    """Stands in for the mail server: keeps what `smtplib` would send, as it is on the wire.

    `mails` are the mails that came, read again from their bytes, and `recipients` to whom each
    was to go. With a `failure` it raises that instead; `meanwhile` is called before.
    """

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.recipients: list[list[str]] = []
        self.server: tuple[str, int] | None = None
        self.failure: BaseException | None = None
        self.meanwhile: Callable[[], None] | None = None

    def __call__(self, host: str, port: int, **options: Any) -> "Connection":
        self.server = host, port
        return Connection(self)


class Connection(SMTP):
    """A connection to a mailbox. All but the line to the server is as in `smtplib`."""

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(local_hostname="shop.example")
        self._mailbox = mailbox

    def ehlo_or_helo_if_needed(self) -> None:
        """Do nothing: there is no server to greet."""

    def quit(self) -> Any:
        """Fail: the mail is sent already, and must count as sent."""
        raise SMTPResponseException(421, b"Too busy.")

    def sendmail(self, sender: str, to: Any, content: bytes, *options: Any) -> dict[str, Any]:
        """Take a mail; `send_message` ends here."""
        if self._mailbox.meanwhile:
            self._mailbox.meanwhile()
        if self._mailbox.failure:
            raise self._mailbox.failure
        self._mailbox.recipients.append(list(to))
        lines = content.replace(b"\r\n", b"\n")
        self._mailbox.mails.append(message_from_bytes(lines, policy=policy.default))
        return {}
