"""HTTP to the payment gateway."""

from typing import Any

import requests
from flask import current_app


def ask_gateway(
    method: str, path: str, *, key: str | None = None, **content: Any
) -> tuple[int | None, Any]:
    """Return status and JSON of the gateway's answer; None, and why, where there is none.

    It raises nothing: whatever goes wrong, money may have moved, and the caller has to find out.
    With the same idempotency `key`, the gateway does a thing only once. `content` is what
    `requests` sends: json or params.
    """
    config = current_app.config
    try:
        answer = requests.request(
            method,
            f"{config['PAYMENTS_URL']}{path}",
            headers={
                "Authorization": f"Bearer {config['PAYMENTS_API_KEY']}",
                **({"Idempotency-Key": key} if key else {}),
            },
            timeout=config["PAYMENTS_TIMEOUT"],
            allow_redirects=False,
            **content,
        )
        return answer.status_code, answer.json()
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
