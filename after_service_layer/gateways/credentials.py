"""Where a user's credentials are kept: in Flask's session, sealed."""

from dataclasses import asdict

from flask import has_request_context, session

from ..services.interfaces import Credentials
from ..support.sealing import seal, unseal


class SessionCredentials:
    """Implements `services.interfaces.CredentialStore`, for one blueprint.

    Inside a request the credentials are in Flask's session, which is one user's; this object may
    serve several. Outside of a request they are in the object.
    """

    def __init__(self, blueprint_name: str, *, secret_key: str | bytes) -> None:
        self._key = f"oauth1.{blueprint_name}"
        self._secret_key = secret_key
        self._own: Credentials | None = None

    def read(self) -> Credentials | None:
        if not has_request_context():
            return self._own
        facts = unseal(session.get(self._key, ""), self._secret_key)
        return None if facts is None else Credentials(**facts)

    def keep(self, credentials: Credentials) -> None:
        if has_request_context():
            session[self._key] = seal(asdict(credentials), self._secret_key)
        else:
            self._own = credentials

    def drop(self) -> None:
        if has_request_context():
            session.pop(self._key, None)
        else:
            self._own = None
