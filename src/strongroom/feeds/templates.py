"""A webhook's payload: JSON whose strings hold placeholders, checked when it is added [1.6].

Pure. The JSON is parsed first and filled afterwards, so that no value can leave its string; a placeholder names one of
a closed list of words and numbers, so that no template can ask for anything else. Bundled ones lie in `payloads/`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.errors import Malformed

FIELDS: Final = frozenset(
    (  # noqa: SIM905 - a list of words reads as words
        "action alarm at count done drill home investigation key kind level message number principal runbook"
        " severity step subject target text"
    ).split()
)
MAX_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 16

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")

Value = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """A payload to be filled."""

    document: dict[str, Any]
    wanted: frozenset[str]

    def fill(self, values: Mapping[str, Value]) -> bytes:
        """Return the JSON; a string that is one placeholder and nothing else takes the value's own type."""
        return json.dumps(_filled(self.document, values)).encode()


def parse(text: str) -> Template:
    """Return a template.

    Raises:
        Malformed: it is no JSON object, too large or deep, or asks for something that is not told.

    """
    if len(text.encode()) > MAX_BYTES:
        raise Malformed(f"a template has {MAX_BYTES} bytes at most")
    try:
        document = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise Malformed(
            "the template is no JSON", hint="placeholders stand inside strings"
        ) from None
    if not isinstance(document, dict):
        raise Malformed("a template is a JSON object")
    wanted = frozenset(_wanted(document, 1))
    if not wanted <= FIELDS:
        raise Malformed(
            "the template asks for something that is not told",
            hint=f"{{{{…}}}} takes one of {', '.join(sorted(FIELDS))}",
        )
    return Template(document, wanted)


def _refused(_constant: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError


def _wanted(node: object, depth: int) -> list[str]:
    if depth > MAX_DEPTH:
        raise Malformed(f"a template is {MAX_DEPTH} levels deep at most")
    match node:
        case dict():
            if any("{{" in key for key in node):
                raise Malformed("a placeholder stands in a value, not in a name")
            return [name for value in node.values() for name in _wanted(value, depth + 1)]
        case list():
            return [name for value in node for name in _wanted(value, depth + 1)]
        case str():
            return _PLACEHOLDER.findall(node)
    return []


def _filled(node: Any, values: Mapping[str, Value]) -> Any:  # noqa: ANN401 - JSON
    match node:
        case dict():
            return {key: _filled(value, values) for key, value in node.items()}
        case list():
            return [_filled(value, values) for value in node]
        case str():
            alone = _PLACEHOLDER.fullmatch(node)
            if alone is not None:
                return values[alone[1]]
            # One pass: what a value brings in is not looked at again.
            return _PLACEHOLDER.sub(lambda found: _text(values[found[1]]), node)
    return node


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
    return str(value)
