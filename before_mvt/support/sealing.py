"""Encryption for what a cookie carries: Flask signs its session, but does not encrypt it.

Fernet does both, https://cryptography.io/en/latest/fernet/. A table on the server would need a
row for each visitor, and a job to clear it up.
"""

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import want_bytes


def seal(facts: Any, secret_key: str | bytes) -> str:
    """Return facts as a text that only `unseal` with the same key can read."""
    return _fernet(secret_key).encrypt(json.dumps(facts).encode()).decode()


def unseal(text: str, secret_key: str | bytes) -> Any:
    """Return the facts; None for a text that was not sealed with this key."""
    try:
        return json.loads(_fernet(secret_key).decrypt(text))
    except InvalidToken:
        return None


def _fernet(secret_key: str | bytes) -> Fernet:
    # A key of its own for each purpose: the same SECRET_KEY signs the cookie.
    derived = HKDF(SHA256(), length=32, salt=None, info=b"box office: sealed in the session")
    return Fernet(base64.urlsafe_b64encode(derived.derive(want_bytes(secret_key))))
