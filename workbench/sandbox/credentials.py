"""Who may post at the social network, and by which credentials.

oauthlib checks the requests (RFC 5849), and asks `Network` for credentials. Temporary credentials
become access once a person has allowed it, and then they are gone.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from oauthlib.common import Request
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, RequestValidator
from werkzeug.urls import iri_to_uri

# A program without pages has no callback: its user types the verifier.
# Else it is a page of a web site: no `javascript:`, and no name and password before the host.
OUT_OF_BAND = "oob"
CALLBACK = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?([/?][!-~]*)?", re.ASCII | re.I)

# No client has it. So a request for an unknown client or token is checked too, and fails.
DUMMY_SECRET = secrets.token_hex()


@dataclass(kw_only=True)
class Asking:
    """Temporary credentials; without a verifier, the person has not answered yet."""

    secret: str
    callback: str
    user: str = ""
    verifier: str = ""

    @property
    def site(self) -> str:
        """Host and port of the application; of a program without pages, what it is."""
        return urlsplit(self.callback).netloc or "A program"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Access that a person has given; `number` identifies it, and is no secret."""

    number: int
    user: str
    site: str
    since: datetime
    secret: str


@dataclass(frozen=True, kw_only=True)
class Post:
    """What an application has posted in a person's name."""

    id: int
    user: str
    status: str
    posted_at: datetime


class Network(RequestValidator):
    """Who may post, and what was posted. Its callers hold a lock."""

    # On loopback there is no TLS.
    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1,)
    # For an unknown client or token oauthlib goes on with these, which no client has: so
    # the refusal takes as long.
    dummy_client = dummy_request_token = dummy_access_token = ""

    def __init__(self, client_key: str, client_secret: str) -> None:
        super().__init__()
        self._client_key = client_key
        self._client_secret = client_secret
        self._seen: set[tuple[str | None, ...]] = set()
        self._given = 0
        self.asking: dict[str, Asking] = {}
        self.connections: dict[str, Connection] = {}
        self.posts: list[Post] = []

    def find_asking(self, token: str) -> Asking | None:
        """Return the temporary credentials that wait for the person's answer, if they do."""
        found = self.asking.get(token)
        return found if found and not found.verifier else None

    def revoke(self, number: str) -> None:
        """Take the access back; nothing happens where there is none of this number."""
        self.connections = {
            token: connection
            for token, connection in self.connections.items()
            if str(connection.number) != number
        }

    def post(self, token: str, status: str) -> Post:
        """Keep a post in the name of the person whose access token it is."""
        user = self.connections[token].user
        post = Post(id=len(self.posts) + 1, user=user, status=status, posted_at=datetime.now(UTC))
        self.posts.append(post)
        return post

    # From here on, the methods that oauthlib calls. Keys and nonces may have any form: it would
    # only take 20 to 30 letters and digits.

    def check_client_key(self, client_key: str) -> bool:
        return True

    def check_nonce(self, nonce: str) -> bool:
        return True

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: Any,
        nonce: str,
        request: Request,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        this = client_key, timestamp, nonce, request_token or access_token
        if this in self._seen:
            return False
        self._seen.add(this)
        return True

    def validate_client_key(self, client_key: str, request: Request) -> bool:
        return client_key == self._client_key

    def get_client_secret(self, client_key: str, request: Request) -> str:
        return self._client_secret if client_key == self._client_key else DUMMY_SECRET

    def get_default_realms(self, client_key: str, request: Request) -> list[str]:
        return []

    def validate_requested_realms(
        self, client_key: str, realms: list[str], request: Request
    ) -> bool:
        return True

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Request) -> bool:
        if redirect_uri == OUT_OF_BAND:
            return True
        # The second raises ValueError, as it would at the redirect, when there is no such host.
        return bool(CALLBACK.fullmatch(redirect_uri) and iri_to_uri(redirect_uri))

    def save_request_token(self, token: Any, request: Request) -> None:
        self.asking[token["oauth_token"]] = Asking(
            secret=token["oauth_token_secret"], callback=request.redirect_uri or ""
        )

    def verify_request_token(self, token: str, request: Request) -> bool:
        return self.find_asking(token) is not None

    def get_redirect_uri(self, token: str, request: Request) -> str:
        return self.asking[token].callback

    def save_verifier(self, token: str, verifier: Any, request: Request) -> None:
        self.asking[token].verifier = verifier["oauth_verifier"]

    def validate_request_token(self, client_key: str, token: str, request: Request) -> bool:
        return token in self.asking

    def get_request_token_secret(self, client_key: str, token: str, request: Request) -> str:
        asking = self.asking.get(token)
        return asking.secret if asking else DUMMY_SECRET

    def validate_verifier(
        self, client_key: str, token: str, verifier: str, request: Request
    ) -> bool:
        asking = self.asking.get(token)
        return asking is not None and hmac.compare_digest(asking.verifier, verifier)

    def get_realms(self, token: str, request: Request) -> list[str]:
        return []

    def save_access_token(self, token: Any, request: Request) -> None:
        asking = self.asking[str(request.resource_owner_key)]
        self._given += 1
        self.connections[token["oauth_token"]] = Connection(
            number=self._given,
            user=asking.user,
            site=asking.site,
            since=datetime.now(UTC),
            secret=token["oauth_token_secret"],
        )

    def invalidate_request_token(
        self, client_key: str, request_token: str, request: Request
    ) -> None:
        del self.asking[request_token]

    def validate_access_token(self, client_key: str, token: str, request: Request) -> bool:
        return token in self.connections

    def get_access_token_secret(self, client_key: str, token: str, request: Request) -> str:
        connection = self.connections.get(token)
        return connection.secret if connection else DUMMY_SECRET

    def validate_realms(
        self,
        client_key: str,
        token: str,
        request: Request,
        uri: str | None = None,
        realms: list[str] | None = None,
    ) -> bool:
        return True
