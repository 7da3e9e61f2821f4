"""The social network, over HTTP."""

from collections.abc import Mapping

import requests

from ..services.interfaces import NoAnswer


class SignedHttp:
    """Implements `services.interfaces.Http`; `timeout` in seconds."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout

    def post(self, address: str, *, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        try:
            answer = requests.post(
                address,
                body,
                headers=headers,
                auth=_keep_signature,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except Exception as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        return answer.status_code, answer.content.decode(errors="replace")


def _keep_signature(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Change nothing: without it, `requests` may take a password from ~/.netrc instead."""
    return request
