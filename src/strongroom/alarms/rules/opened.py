"""What the door recorded as opened [2.6]. Pure."""

from typing import Final

from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

OPENED: Final = frozenset({EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED})


def opened(seen: Seen) -> tuple[int, tuple[int, ...]]:
    """Return how many records an entry says were opened, and the numbers of those it names.

    A search with an operation is the leak scanner's, which compares tags and opens nothing.
    """
    if seen.outcome is not Outcome.SUCCESS or not seen.n:
        return 0, ()
    if seen.type is not EventType.RECORD_REVEALED and (
        seen.type is not EventType.RECORD_SEARCHED or seen.op is not None
    ):
        return 0, ()
    if seen.records:
        return seen.n, seen.records
    ref = seen.obj_ref
    named = seen.obj_kind == "record" and ref is not None and ref.isdecimal()
    return seen.n, (int(ref),) if named and ref is not None else ()
