"""What becomes of Amazon's success: parsed, its personal data sealed in the vault, tokens in its place.

All of it happens inline and in one go: the record and its event are durable before the changed document exists. An
answer that is not what the operation's model says ends the request; none of its bytes leave, not even in an error.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson

from strongroom.audit.entry import Reason
from strongroom.errors import StrongroomError, Tampered, Unavailable
from strongroom.gateway import transform
from strongroom.gateway.answers import Refusal, upstream_failed
from strongroom.gateway.documents.links import Links
from strongroom.gateway.extraction import Call, Extraction, Json
from strongroom.gateway.outgoing import Asking, Outgoing
from strongroom.gateway.unclassified import Everything
from strongroom.gateway.upstream import Reply, UpstreamLimits, too_many_containers
from strongroom.policy.catalogue import Operation
from strongroom.policy.retention import is_undated
from strongroom.policy.sighting import Sighting
from strongroom.vault import Overtaken, Vault

_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9.]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


class Sealing:
    """The way of a successful answer through the vault."""

    def __init__(
        self, vault: Vault, outgoing: Outgoing, links: Links, limits: UpstreamLimits
    ) -> None:
        self._vault = vault
        self._outgoing = outgoing
        self._links = links
        self._limits = limits
        self._plans: dict[str, transform.Plan | Everything] = {}

    def parse(self, reply: Reply) -> Json:
        """Return the document of an answer. Raises: Refusal where it is not the JSON it should be."""
        if not _JSON_TYPE.fullmatch(reply.headers.get("content-type", "")):
            raise unreadable()
        if too_many_containers(reply.body, self._limits.json_containers):
            raise unreadable()
        try:
            # Refuses invalid UTF-8, truncated text and more than 1,024 levels.
            return orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise unreadable() from None

    def extract(
        self, operation: Operation, document: Json, call: Call = transform.NO_CALL
    ) -> Extraction:
        """Return the personal data of a document, each with its place. Raises: Refusal."""
        # Outside the net below: rules that make no sense are our fault, not Amazon's.
        plan = self._plan(operation)
        try:
            found = plan.extract(document, call)
            found.settle(call)
        except (
            StrongroomError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            RecursionError,
        ):
            raise unreadable() from None
        return found

    def _plan(self, operation: Operation) -> transform.Plan | Everything:
        """Return an operation's plan, compiled when it is first wanted."""
        plan = self._plans.get(operation.id)
        if plan is None:
            # Two threads that come at once compile it twice, and either is good.
            plan = Everything(operation) if operation.unclassified else transform.Plan(operation)
            plan = self._plans.setdefault(operation.id, plan)
        return plan

    def undated(self, asking: Asking, found: Extraction) -> frozenset[str]:
        """Return the ids of orders that nobody has seen before and whose dates this view does not show.

        What the vault knows no age of it must not keep: the tokens would answer Gone at once [2.1].
        """
        undated = [
            sighting
            for sighting in found.sightings
            if sighting.kind == "order" and sighting.slots and is_undated(sighting.facts)
        ]
        if not undated:
            return frozenset()
        unknown = self._vault.unknown(asking.bearer.seller, undated)
        return frozenset(sighting.id for sighting in unknown)

    def facts(
        self,
        operation: Operation,
        document: Json,
        orders: frozenset[str],
    ) -> list[Sighting]:
        """Return what a view with dates says of these orders: dates alone, nothing that no app has asked for."""
        return [
            Sighting(sighting.kind, sighting.id, {}, sighting.facts)
            for sighting in self.extract(operation, document).sightings
            if sighting.id in orders
        ]

    def seal(
        self,
        asking: Asking,
        found: Extraction,
        now: datetime,
        *,
        dated: Sequence[Sighting] = (),
        asked_at: datetime | None,
    ) -> bytes:
        """Return the document as the app gets it; its personal data and its event are durable by then.

        Raises:
            Overtaken: a record changed after `asked_at`, and this view cannot tell whether it is the older one.
            Refusal: anything at all went wrong; nothing of the document is in it.

        """
        try:
            return self._seal(asking, found, now, dated, asked_at)
        except (Overtaken, Refusal, Tampered, Unavailable):
            raise
        except Exception as exc:
            raise unreadable() from exc

    def _seal(
        self,
        asking: Asking,
        found: Extraction,
        now: datetime,
        dated: Sequence[Sighting],
        asked_at: datetime | None,
    ) -> bytes:
        bearer = asking.bearer
        self._links.refuse_unknown(asking, found)
        placed = self._vault.put(
            bearer.seller,
            [*dated, *found.sightings],
            caller=bearer.caller,
            op=asking.operation.id,
            now=now,
            drift=found.drift,
            req=asking.request_id,
            src_ip=asking.src_ip,
            asked_at=asked_at,
        )
        found.replace(placed[len(dated) :])
        for cursor in found.cursors:
            cursor.write(self._outgoing.wrap_cursor(asking, cursor.value))
        self._links.rewrite(asking, found)
        self._links.notice(asking, found.document, now)
        return orjson.dumps(found.document)


def unreadable() -> Refusal:
    """Return the end of a request whose answer is not what the operation's model says."""
    return upstream_failed(502, "Amazon's answer is not readable.", Reason.MALFORMED_UPSTREAM)
