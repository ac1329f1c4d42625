"""Asks one witness to cosign a checkpoint: `add-checkpoint` of c2sp.org/tlog-witness, from the log's side.

A witness that knows another history than the proof continues has seen a fork; one that has seen more than there is
has seen what was taken back. Both are told apart from a witness that is not there, or answers nonsense. What it
signed is verified under the key it was added with; nothing else it says is believed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from strongroom.anchors.asking import PATH, SIZE_TYPE, Asked, compose, parse_lines, parse_size
from strongroom.anchors.rows import Failed
from strongroom.audit import Reason
from strongroom.audit.proving import Prover
from strongroom.crypto.cosignature import Cosignature, Witness
from strongroom.crypto.note import parse_note
from strongroom.errors import Malformed, Tampered
from strongroom.outbound import Answer, Fault, Outbound, Unreachable

_TRIES: Final = 4
_OK: Final = 200
_CONFLICT: Final = 409
_REFUSED: Final = {
    403: Reason.NOT_AUTHORIZED,
    404: Reason.NOT_FOUND,
    422: Reason.FORKED,
}
_FAULTS: Final = {
    Fault.TLS: Reason.UPSTREAM_TLS,
    Fault.TIMEOUT: Reason.UNREACHABLE,
    Fault.FAILED: Reason.UNREACHABLE,
    Fault.TOO_LARGE: Reason.MALFORMED_UPSTREAM,
}

Views = Callable[[], AbstractContextManager[Prover]]
"""Opens a view of the log."""


class Ahead(Failed):
    """The witness cosigned a checkpoint of `size` entries, more than it was shown."""

    def __init__(self, size: int) -> None:
        super().__init__(Reason.ROLLED_BACK)
        self.size = size


def ask(
    outbound: Outbound, place: str, witness: Witness, views: Views, note: str, size: int, known: int
) -> Cosignature:
    """Return a witness's cosignature of this note of ours; `known` is the size it is believed to have seen.

    Raises:
        Ahead: it has seen more.
        Failed: it refuses, is not there, or does not answer as a witness.

    """
    old = known
    for _ in range(_TRIES):
        with views() as prover:
            proof = prover.growth(old, size).proof if 0 < old < size else ()
        body = compose(Asked(old, proof, note))
        answer = send(outbound, "POST", place + PATH, body, {"content-type": "text/plain"})
        if answer.status == _OK:
            return _taken(answer, witness, note)
        if answer.status != _CONFLICT:
            raise Failed(_REFUSED.get(answer.status, Reason.UPSTREAM_ERROR))
        if old == size:
            # It has seen as many entries, and others.
            raise Failed(Reason.FORKED)
        seen = _seen(answer)
        if seen > size:
            raise Ahead(seen)
        if seen == old:
            raise Failed(Reason.MALFORMED_UPSTREAM)
        old = seen
    raise Failed(Reason.CONFLICT)


def send(
    outbound: Outbound, method: str, address: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    """Return an answer, as `Outbound.send`. Raises: Failed."""
    try:
        return outbound.send(method, address, body, headers)
    except Unreachable as exc:
        raise Failed(_FAULTS[exc.fault]) from exc


def _taken(answer: Answer, witness: Witness, note: str) -> Cosignature:
    try:
        return witness.verify(parse_note(note).text, parse_lines(answer.body))
    except Tampered:
        raise Failed(Reason.TAMPERED) from None
    except Malformed:
        raise Failed(Reason.MALFORMED_UPSTREAM) from None


def _seen(answer: Answer) -> int:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind != SIZE_TYPE:
        raise Failed(Reason.MALFORMED_UPSTREAM)
    try:
        return parse_size(answer.body)
    except Malformed:
        raise Failed(Reason.MALFORMED_UPSTREAM) from None
