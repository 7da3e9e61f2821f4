"""The payment gateway, over HTTP."""

from typing import Any

import requests

from ..services.interfaces import NoClearAnswer
from ..services.refusals import CardDeclined


class HttpPayments:
    """Implements `services.interfaces.Payments`; `timeout` in seconds."""

    def __init__(self, *, url: str, api_key: str, timeout: float) -> None:
        self._url = url
        self._api_key = api_key
        self._timeout = timeout

    def charge(self, *, amount_cents: int, source: str, reference: str, key: str) -> str:
        body = {
            "amount": amount_cents,
            "currency": "EUR",
            "source": source,
            "reference": reference,
        }
        status, answer = self._post("/v1/charges", body, key)
        match status, answer:
            case 201, {"id": str(charge_id), "status": "succeeded", **rest} if (
                rest.get("amount") == amount_cents and rest.get("reference") == reference
            ):
                return charge_id
            case 402, {"error": {"message": str(reason)}}:
                raise CardDeclined(reason)
        raise NoClearAnswer(f"{status} {answer}")

    def refund(self, *, charge_id: str, amount_cents: int, key: str) -> None:
        body = {"charge": charge_id, "amount": amount_cents}
        status, answer = self._post("/v1/refunds", body, key)
        match status, answer:
            case 201, {"status": "succeeded", "amount": amount} if amount == amount_cents:
                return
        raise NoClearAnswer(f"{status} {answer}")

    def _post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, Any]:
        try:
            answer = requests.post(
                self._url + path,
                json=body,
                headers={"Authorization": f"Bearer {self._api_key}", "Idempotency-Key": key},
                timeout=self._timeout,
                allow_redirects=False,
            )
            return answer.status_code, answer.json()
        except (requests.RequestException, ValueError, RecursionError) as error:
            raise NoClearAnswer(str(error)) from error
