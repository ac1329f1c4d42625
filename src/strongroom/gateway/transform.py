"""Document in, tokens out: a plan for each operation, compiled from the catalogue's rules.

A plan reads a parsed response (`extract`), the vault stores what was found, and `replace` writes the tokens. Between
the two nothing in the document has changed, and after an exception the document must not be sent. Whatever the
catalogue does not know is tokenized or dropped, and reported as drift [2.2]. Must never do I/O or print a value.
"""

from collections.abc import Callable, Sequence
from typing import Any

from strongroom.gateway.compiler import compile_plan
from strongroom.gateway.extraction import (
    NO_CALL,
    Call,
    Cursor,
    Drift,
    Extraction,
    Json,
    Placed,
)
from strongroom.gateway.neutral import neutral_errors
from strongroom.policy.catalogue import Operation

__all__ = ["NO_CALL", "Call", "Cursor", "Drift", "Extraction", "Placed", "Plan", "neutral_errors"]


class Plan:
    """What one operation's responses become. Made once, then shared by all threads."""

    __slots__ = ("_extract", "operation", "source")

    def __init__(self, operation: Operation, *, clear: bool = True) -> None:
        """Compile an operation's rules.

        `clear` lets those leaves pass as well as being stored that the catalogue says may: country codes.

        Raises:
            ValueError: a rule makes no sense where it stands; the service must not start.

        """
        self.operation = operation
        self.source, names = compile_plan(operation, clear=clear)
        """The compiled code, for people to read."""
        # The code comes from the package's own rules, and every name in it has passed the catalogue's loader.
        exec(compile(self.source, f"<plan {operation.id}>", "exec"), names)  # noqa: S102
        self._extract: Callable[[Json, Call], Extraction] = names["extract"]

    def extract(self, document: Json, call: Call = NO_CALL) -> Extraction:
        """Return the subjects of a parsed response with their personal data. Changes nothing.

        `call` is the request it answers, for subjects that only the request identifies.

        Raises:
            Malformed: the document has not the form of this operation's responses; nothing of it may be sent.

        """
        return self._extract(document, call)

    def replace(self, found: Extraction, placed: Sequence[Placed]) -> Any:  # noqa: ANN401 - any JSON
        """Write tokens into the document, `placed` being one record for each sighting, and return it. Use once."""
        found.replace(placed)
        return found.document

    def __repr__(self) -> str:
        return f"<plan {self.operation.id}>"
