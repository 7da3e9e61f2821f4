"""A social network, over HTTP and OAuth 1 (RFC 5849)."""

import logging
from urllib.parse import parse_qsl, quote, urljoin

import requests
from requests_oauthlib import OAuth1

from ..services.errors import (
    ConnectionRevoked,
    NetworkRefused,
    NetworkUnclear,
    PostRefused,
    PostUnclear,
)
from ..services.interfaces import Credentials, Signer
from ..support.addresses import is_web_address

log = logging.getLogger(__name__)

# With more, browsers would drop the cookie that keeps them without a word.
LARGEST_CREDENTIALS = 1000


class OAuth1Network:
    """Implements `services.interfaces.OAuth1Provider`; `timeout` in seconds.

    `endpoint` is the address under which request_token, authorize and access_token are found;
    `post_path` is relative to it, or begins with a slash. The client's key and secret are those
    that the provider gave to the shop.
    """

    def __init__(
        self,
        endpoint: str,
        client_key: str,
        client_secret: str,
        *,
        timeout: float,
        post_path: str = "/statuses",
    ) -> None:
        if not is_web_address(endpoint):
            raise ValueError("endpoint: give an address that starts with http:// or https://.")
        if not all(isinstance(text, str) for text in (client_key, client_secret, post_path)):
            raise ValueError("client_key, client_secret and post_path: give a text for each.")
        self._endpoint = endpoint
        self._client_key = client_key
        self._client_secret = client_secret
        self._timeout = timeout
        self._post_path = post_path

    def temporary_credentials(self, callback: str) -> Credentials:
        answer = self._fetch("request_token", self._auth(callback=callback))
        # Before its revision A, OAuth 1.0 had no verifier: the person who began could have it
        # allowed by another. https://oauth.net/advisories/2009-1/
        if answer.get("oauth_callback_confirmed") != "true":
            raise NetworkUnclear()
        return Credentials(answer["oauth_token"], answer["oauth_token_secret"], temporary=True)

    def authorization_url(self, temporary: Credentials) -> str:
        return f"{self._address('authorize')}?oauth_token={quote(temporary.token)}"

    def access_credentials(self, temporary: Credentials, verifier: str) -> Credentials:
        answer = self._fetch("access_token", self._auth(temporary, verifier=verifier))
        return Credentials(answer["oauth_token"], answer["oauth_token_secret"], temporary=False)

    def post(self, credentials: Credentials, text: str) -> None:
        status, _ = self._ask(self._post_path, self._auth(credentials), {"status": text})
        match status:
            case 200 | 201:
                return
            case 401:
                raise ConnectionRevoked()
            case int() if 400 <= status < 500:
                raise PostRefused()
        raise PostUnclear()

    def signer(self, credentials: Credentials) -> Signer:
        return self._auth(credentials).client

    def _fetch(self, path: str, auth: OAuth1) -> dict[str, str]:
        """Return what the provider gives out at this path, with a token and its secret."""
        status, text = self._ask(path, auth)
        if status is not None and 400 <= status < 500:
            raise NetworkRefused()
        answer = dict(parse_qsl(text))
        token, secret = answer.get("oauth_token"), answer.get("oauth_token_secret")
        is_whole = text.isascii() and token is not None and secret is not None
        # In a cookie, a letter that is not ASCII takes up to ten.
        size = len(f"{token}{secret}".encode("ascii", "backslashreplace"))
        if status != 200 or not is_whole or size > LARGEST_CREDENTIALS:
            raise NetworkUnclear()
        return answer

    def _ask(
        self, path: str, auth: OAuth1, fields: dict[str, str] | None = None
    ) -> tuple[int | None, str]:
        """Return status and text of the answer; None where there is none."""
        address = self._address(path)
        try:
            answer = requests.post(
                address, fields, auth=auth, timeout=self._timeout, allow_redirects=False
            )
        except Exception as error:
            log.error("No answer of %s: %s: %s", address, type(error).__name__, error)
            return None, ""
        if answer.status_code not in (200, 201):
            log.error("%s answers %s.", address, answer.status_code)
        return answer.status_code, answer.content.decode(errors="replace")

    def _address(self, path: str) -> str:
        # Without the slash, the last part of the endpoint would be replaced.
        return urljoin(f"{self._endpoint.rstrip('/')}/", path)

    def _auth(
        self,
        kept: Credentials | None = None,
        *,
        callback: str | None = None,
        verifier: str | None = None,
    ) -> OAuth1:
        """Return what signs for the shop, and for the user whose credentials they are."""
        return OAuth1(
            self._client_key,
            self._client_secret,
            kept.token if kept else None,
            kept.secret if kept else None,
            callback_uri=callback,
            verifier=verifier,
            # Headers as text: by default they are bytes, as only `requests` takes them.
            decoding=None,
        )
