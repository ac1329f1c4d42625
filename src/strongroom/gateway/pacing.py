"""Keeps calls to Amazon within its usage plans, so that it need not refuse them: a short queue, then an honest 429.

One bucket for each selling partner and operation, so that a storm of one costs no other anything. Only where Amazon
itself is called: other endpoints have no such plans. Each process counts for itself; Amazon's own 429 empties a bucket.
Belongs to one event loop.
"""

import asyncio
import math
import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from strongroom.audit.entry import Reason
from strongroom.gateway.answers import Refusal, amazon_error
from strongroom.gateway.upstream import Reply
from strongroom.policy.catalogue import Operation
from strongroom.policy.usage import Bucket, full, plan_of
from strongroom.terms import SellerId
from strongroom.vault.sellers import Seller

_AMAZON: Final = ".amazon.com"
_RATE: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
_MOST_BUCKETS: Final = 20_000

_Key = tuple[SellerId, str]


class Pace:
    """The buckets of one process. `everywhere` holds endpoints that are not Amazon's to its plans too."""

    def __init__(self, patience: float, *, everywhere: bool = False) -> None:
        self._patience = patience
        self._everywhere = everywhere
        self._buckets: dict[_Key, Bucket] = {}

    async def turn(self, seller: Seller, operation: Operation) -> None:
        """Wait for a call's place. Raises: Refusal: with 429, where it comes too late to wait for."""
        bucket = self._bucket(seller, operation)
        if bucket is None:
            return
        turn = bucket.take(_now(), self._patience)
        if not turn.given:
            answer = amazon_error(
                429,
                "Amazon's usage plan for this operation is used up for now.",
                headers=(
                    (b"retry-after", str(math.ceil(turn.seconds)).encode()),
                    (b"x-amzn-ratelimit-limit", f"{bucket.plan.rate:g}".encode()),
                ),
            )
            raise Refusal(answer, Reason.RATE_LIMITED)
        if turn.seconds:
            await asyncio.sleep(turn.seconds)

    def heard(self, seller: Seller, operation: Operation, reply: Reply) -> None:
        """Go by what an answer says of its plan."""
        bucket = self._bucket(seller, operation)
        if bucket is None:
            return
        limit = reply.headers.get("x-amzn-ratelimit-limit", "")
        if _RATE.fullmatch(limit):
            bucket.learn(float(limit), _now())
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            bucket.empty(_now())

    def _bucket(self, seller: Seller, operation: Operation) -> Bucket | None:
        key = seller.id, operation.id
        known = self._buckets.get(key)
        if known is not None:
            return known
        plan = plan_of(operation.method, operation.template)
        host = urlsplit(seller.endpoint).hostname or ""
        if plan is None or not (self._everywhere or host.endswith(_AMAZON)):
            return None
        if len(self._buckets) >= _MOST_BUCKETS:
            # The oldest has been full again for long.
            del self._buckets[next(iter(self._buckets))]
        found = self._buckets[key] = full(plan, _now())
        return found


def _now() -> float:
    return asyncio.get_running_loop().time()
