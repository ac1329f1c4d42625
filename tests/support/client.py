"""A plain client of the gateway: one connection, nothing repeated, nothing hidden."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any, Self

from tests.support.home import App

MARKETPLACES = "ATVPDKIKX0DER,A1PA6795UKMFR9,A1VC38T7YXB528"
EVERY_ELEMENT = ["buyerInfo", "buyerTaxInformation", "shippingAddress"]
EVERY_DATASET = "BUYER,RECIPIENT,PROCEEDS,FULFILLMENT,PACKAGES,TAX,PAYMENT,CANCELLATION"
ORDERS = "/orders/v0/orders"
ORDERS_2026 = "/orders/2026-01-01/orders"
_SECONDS = 15


@dataclass(frozen=True)
class Answer:
    """What came back, byte for byte."""

    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """Calls a gateway, or the simulator, as one app. Not for several threads."""

    def __init__(
        self, endpoint: str, trust: ssl.SSLContext, app: App, *, access: str | None = None
    ) -> None:
        self.app = app
        self.access = access
        self.received: list[bytes] = []
        """Everything that ever came back: headers and bodies."""
        host = urllib.parse.urlsplit(endpoint).netloc
        self._connection = http.client.HTTPSConnection(host, context=trust, timeout=_SECONDS)
        self._restricted: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request. Raises: OSError, http.client.HTTPException."""
        target = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        try:
            self._connection.request(method, target, body, dict(headers or {}))
            with self._connection.getresponse() as response:
                answer = Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        self.received += [str(answer.headers).encode(), answer.content]
        return answer

    def login(self) -> str:
        """Return an access token; asks for it once."""
        if self.access is None:
            form = {
                "grant_type": "refresh_token",
                "client_id": self.app.client_id,
                "client_secret": self.app.client_secret,
                "refresh_token": self.app.refresh_token,
            }
            content_type = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urllib.parse.urlencode(form).encode()
            answer = self.send("POST", "/auth/o2/token", headers=content_type, body=body)
            if answer.status != 200:
                raise AssertionError(f"the token endpoint answered {answer.status}")
            self.access = answer.json["access_token"]
        return self.access

    def restrict(self, path: str, *elements: str) -> str:
        """Return a Restricted Data Token for one path; asks for it once."""
        if path not in self._restricted:
            resource: dict[str, Any] = {"method": "GET", "path": path}
            if elements:
                resource["dataElements"] = list(elements)
            answer = self.send(
                "POST",
                "/tokens/2021-03-01/restrictedDataToken",
                headers={"x-amz-access-token": self.login(), "Content-Type": "application/json"},
                body=json.dumps({"restrictedResources": [resource]}).encode(),
            )
            if answer.status != 200:
                raise AssertionError(f"createRestrictedDataToken answered {answer.status}")
            self._restricted[path] = answer.json["restrictedDataToken"]
        return self._restricted[path]

    def get(self, path: str, token: str | None = None, **query: str) -> Answer:
        """Read a path with a token, by default the access token."""
        headers = {"x-amz-access-token": token or self.login()}
        return self.send("GET", path, query=query, headers=headers)

    def pages(self, *, restricted: bool = True, **query: str) -> Iterator[Answer]:
        """Yield every page of getOrders, a refused one included; it is the last."""
        token = self.restrict(ORDERS, *EVERY_ELEMENT) if restricted else None
        asked = {"MarketplaceIds": MARKETPLACES, **query}
        while True:
            answer = self.get(ORDERS, token, **asked)
            yield answer
            following = answer.json.get("payload", {}).get("NextToken")
            if answer.status != 200 or following is None:
                return
            asked = {"MarketplaceIds": MARKETPLACES, "NextToken": following}

    def view(self, name: str, order_id: str) -> Answer:
        """Read one order by a view of `VIEWS`, with all the personal data it can show."""
        if name == "order_2026":
            return self.get(f"{ORDERS_2026}/{order_id}", includedData=EVERY_DATASET)
        suffix, elements = VIEWS[name]
        token = self.restrict(f"{ORDERS}/{{orderId}}{suffix}", *elements)
        return self.get(f"{ORDERS}/{order_id}{suffix}", token)


VIEWS: Mapping[str, tuple[str, list[str]]] = {
    "order": ("", EVERY_ELEMENT),
    "address": ("/address", []),
    "buyer": ("/buyerInfo", []),
    "items": ("/orderItems", ["buyerInfo"]),
    "items_buyer": ("/orderItems/buyerInfo", []),
    "regulated": ("/regulatedInfo", []),
    "order_2026": ("", []),
}
"""Each view of one order: what its path ends with, and the data elements to ask for."""
