"""A visitor's browser: HTTP with cookies and CSRF tokens, and a connection for each request.

It is `http.client` and not `requests`, because the visitors share the processor with the servers
that they put under load, and should leave most of it to these.
"""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode

from workbench.sandbox.server import HOST

# Longer than anything in a shop waits: no answer by then is a fault of the shop.
PATIENCE = 30.0

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
CHECKOUT_ID = re.compile(r'name="checkout_id"[^>]*value="([^"]+)"')


class NoAnswer(Exception):
    """The connection ended, or too much time passed, before there was an answer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: a status, a page, and where it leads to."""

    status: int
    text: str
    location: str = ""

    @property
    def checkout_id(self) -> str:
        """Return the id of the purchase form on the page; empty where there is no such form."""
        found = CHECKOUT_ID.search(self.text)
        return found[1] if found else ""


class Browser:
    """Keeps the cookies of one visitor, and the CSRF token of the last page with a form."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.csrf_token = ""

    def copy(self) -> Self:
        """Return another window of the same browser."""
        other = type(self)(self.port)
        other.cookies, other.csrf_token = dict(self.cookies), self.csrf_token
        return other

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form, with the CSRF token."""
        body = urlencode({"csrf_token": self.csrf_token, **fields}).encode()
        return self.send("POST", path, body, FORM)

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send anything. Raises NoAnswer."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request(
                method,
                path,
                body,
                {
                    "Connection": "close",
                    **({"Cookie": cookies} if cookies else {}),
                    **(headers or {}),
                },
            )
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(repr(error)) from error
        finally:
            connection.close()
        self._keep_cookies(response.headers.get_all("Set-Cookie") or [])
        if found := CSRF_TOKEN.search(text):
            self.csrf_token = found[1]
        return Answer(
            status=response.status, text=text, location=response.headers.get("Location", "")
        )

    def _keep_cookies(self, headers: list[str]) -> None:
        for header in headers:
            for name, morsel in SimpleCookie(header).items():
                self.cookies.pop(name, None)
                # A cookie is deleted by an empty one.
                if morsel.value:
                    self.cookies[name] = morsel.coded_value
