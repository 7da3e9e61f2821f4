"""A user's account at another site, over OAuth 1 (RFC 5849). Came out of `views/share.py`.

First the shop asks for temporary credentials. Then the user allows it at the provider, and comes
back with a verifier that swaps them for credentials that give access.
"""

import hmac

from .base import Service
from .errors import ConnectionRevoked, InvalidCallback, NotAllowed, NotConnected
from .interfaces import Credentials, CredentialStore, OAuth1Provider, Signer


class OAuth1Service(Service):
    """Connects one user's account at one provider, and posts there.

    Nothing is committed anywhere: what there is to keep is in `credentials`.
    """

    def __init__(self, *, provider: OAuth1Provider, credentials: CredentialStore) -> None:
        self._provider = provider
        self._credentials = credentials

    @property
    def authorized(self) -> bool:
        """Whether the user has allowed the shop to act in their name."""
        kept = self._credentials.read()
        return kept is not None and not kept.temporary

    @property
    def signer(self) -> Signer:
        """What signs in the user's name, for a client of your own. Raises NotConnected."""
        return self._provider.signer(self._access())

    def authorization_url(self, callback: str = "oob") -> str:
        """Begin anew; return the provider's page where the user is asked.

        From there the user comes back to the address `callback`; "oob" (out of band) is for a
        program without one, whose user types the verifier. Raises NetworkRefused or
        NetworkUnclear.
        """
        # What was kept until now cannot be used a second time.
        self.forget()
        given = self._provider.temporary_credentials(callback)
        self._credentials.keep(given)
        return self._provider.authorization_url(given)

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
        self.forget()
        if not verifier:
            raise NotAllowed()
        self._credentials.keep(self._provider.access_credentials(kept, verifier))

    def post(self, text: str) -> None:
        """Post a text in the user's name.

        Raises NotConnected with nothing sent, PostRefused, PostUnclear when it may be out or not,
        or ConnectionRevoked, with the credentials forgotten.
        """
        try:
            self._provider.post(self._access(), text)
        except ConnectionRevoked:
            self.forget()
            raise

    def forget(self) -> None:
        """Log out: drop the user's credentials."""
        self._credentials.drop()

    def _access(self) -> Credentials:
        kept = self._credentials.read()
        if kept is None or kept.temporary:
            raise NotConnected()
        return kept
