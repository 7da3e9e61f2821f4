"""A user's account at another site, over OAuth 1 (RFC 5849). Came out of `views/share.py`.

The dance: temporary credentials for the shop, the user allows it at the provider, and comes back
with a verifier that swaps them for credentials that give access.

OAuth 1 is a protocol over HTTP, and so this service speaks of status codes and headers: they are
its rules. To send a request is not, and is left to `Http`.
"""

import hmac
import logging
from urllib.parse import parse_qsl, quote, urlencode, urljoin

from oauthlib.oauth1 import Client

from ..support.addresses import is_web_address
from .base import Service
from .errors import (
    InvalidCallback,
    NetworkRefused,
    NetworkUnclear,
    NotAllowed,
    NotConnected,
)
from .interfaces import Credentials, CredentialStore, Http, NoAnswer

log = logging.getLogger(__name__)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BEGIN_AGAIN = "The network has refused: begin again."
# With more, browsers would drop the cookie that keeps them without a word.
LARGEST_CREDENTIALS = 1000
TRY_LATER = "The network gives no clear answer: try again later."


class OAuth1Service(Service):
    """Connects one user's account at one provider, and posts there.

    `endpoint` is the address under which request_token, authorize and access_token are found;
    `post_path` is relative to it, or begins with a slash. The client's key and secret are those
    that the provider gave to the shop. Nothing is committed anywhere: what there is to keep is
    in `credentials`.
    """

    def __init__(
        self,
        endpoint: str,
        client_key: str,
        client_secret: str,
        *,
        http: Http,
        credentials: CredentialStore,
        post_path: str = "/statuses",
    ) -> None:
        if not is_web_address(endpoint):
            raise ValueError("endpoint: give an address that starts with http:// or https://.")
        if not all(isinstance(text, str) for text in (client_key, client_secret, post_path)):
            raise ValueError("client_key, client_secret and post_path: give a text for each.")
        self._endpoint = endpoint
        self._client_key = client_key
        self._client_secret = client_secret
        self._http = http
        self._credentials = credentials
        self._post_path = post_path

    @property
    def authorized(self) -> bool:
        """Whether the user has allowed the shop to act in their name."""
        kept = self._credentials.read()
        return kept is not None and not kept.temporary

    @property
    def signer(self) -> Client:
        """What signs in the user's name, for any HTTP library. Raises NotConnected.

        `signer.sign(address, "POST", body, headers)` returns address, headers and body.
        """
        kept = self._credentials.read()
        if kept is None or kept.temporary:
            raise NotConnected()
        return self._client(kept)

    def authorization_url(self, callback: str = "oob") -> str:
        """Begin anew; return the provider's page where the user is asked.

        From there the user comes back to the address `callback`; "oob" (out of band) is for a
        program without one, whose user types the verifier. Raises NetworkRefused or
        NetworkUnclear.
        """
        answer = self._fetch("request_token", self._client(callback_uri=callback))
        # Before its revision A, OAuth 1.0 had no verifier. Whoever began the dance could have it
        # allowed by somebody else: https://oauth.net/advisories/2009-1/
        if answer.get("oauth_callback_confirmed") != "true":
            raise NetworkUnclear(TRY_LATER)
        given = Credentials(answer["oauth_token"], answer["oauth_token_secret"], temporary=True)
        self._credentials.keep(given)
        return f"{self._address('authorize')}?oauth_token={quote(given.token)}"

    def verify(self, verifier: str, *, token: str | None = None) -> None:
        """Swap the temporary credentials for those that give access.

        `token` is what the user came back with: where it is given, it must be the one that was
        sent along. Raises InvalidCallback with everything kept as it is, and otherwise, with the
        temporary credentials dropped, NotAllowed for an empty verifier, NetworkRefused or
        NetworkUnclear.
        """
        kept = self._credentials.read()
        if kept is None or not kept.temporary:
            raise InvalidCallback()
        if token is not None and not hmac.compare_digest(token.encode(), kept.token.encode()):
            raise InvalidCallback()
        if not verifier:
            self.forget()
            raise NotAllowed()
        answer = self._fetch("access_token", self._client(kept, verifier=verifier))
        self._credentials.keep(
            Credentials(answer["oauth_token"], answer["oauth_token_secret"], temporary=False)
        )

    def post(self, text: str) -> None:
        """Post a text in the user's name.

        Raises NotConnected with nothing sent, NetworkRefused, or NetworkUnclear when it may be
        out or not. A provider that no longer knows the user's credentials makes them forgotten.
        """
        match self._ask(self.signer, self._post_path, urlencode({"status": text})):
            case ((200 | 201), _):
                return
            case 401, _:
                self.forget()
                raise NetworkRefused(
                    "The network no longer accepts the connection: connect your account again."
                )
            case int(status), _ if 400 <= status < 500:
                raise NetworkRefused("The network has refused this post.")
        raise NetworkUnclear(
            "The network gives no clear answer: look there before you post again."
        )

    def forget(self) -> None:
        """Log out: nothing is known of the user any more."""
        self._credentials.drop()

    def _fetch(self, path: str, client: Client) -> dict[str, str]:
        """Return what the provider gives out at this path, with a token and its secret.

        What was kept until now is dropped in any case: it cannot be used a second time.
        """
        self.forget()
        status, text = self._ask(client, path)
        if status is not None and 400 <= status < 500:
            raise NetworkRefused(BEGIN_AGAIN)
        answer = dict(parse_qsl(text))
        token, secret = answer.get("oauth_token"), answer.get("oauth_token_secret")
        is_whole = text.isascii() and token is not None and secret is not None
        # In a cookie, a letter that is not ASCII takes up to ten.
        size = len(f"{token}{secret}".encode("ascii", "backslashreplace"))
        if status != 200 or not is_whole or size > LARGEST_CREDENTIALS:
            raise NetworkUnclear(TRY_LATER)
        return answer

    def _ask(self, client: Client, path: str, body: str | None = None) -> tuple[int | None, str]:
        """Return status and text of the answer; None where there is none."""
        address, headers, body = client.sign(
            self._address(path), "POST", body, FORM if body else {}
        )
        try:
            status, text = self._http.post(address, headers=headers, body=body or "")
        except NoAnswer as error:
            log.error("No answer of %s: %s", address, error)
            return None, ""
        if status not in (200, 201):
            log.error("%s answers %s.", address, status)
        return status, text

    def _address(self, path: str) -> str:
        # Without the slash, the last part of the endpoint would be replaced.
        return urljoin(f"{self._endpoint.rstrip('/')}/", path)

    def _client(self, kept: Credentials | None = None, **options: str) -> Client:
        if kept is not None:
            options |= {"resource_owner_key": kept.token, "resource_owner_secret": kept.secret}
        return Client(self._client_key, self._client_secret, **options)
