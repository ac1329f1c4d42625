"""The text of a document: Markdown with headings, blanks and references to duties; what it lacks, and its digest. Pure.

A blank is written `{{company}}`. A reference to a duty is its number in brackets, as `[2.1-a]` [1.6, 2.2, 2.7].
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from strongroom.errors import Malformed

LONGEST: Final = 40_000
"""Characters of one document."""

MOST_LINES: Final = 1500

_LONGEST_VALUE: Final = 400
_BLANK: Final = re.compile(r"\{\{([a-z][a-z0-9_]{0,39})\}\}")
_HEADING: Final = re.compile(r"^##[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_DUTY: Final = re.compile(r"\[(\d(?:\.\d{1,2})?-[a-z])\]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison."""

    how: Literal["same", "added", "removed", "skipped"]
    text: str


def checked(text: str) -> str:
    """Return a text as it is kept: its lines end alike, and it ends with one line end.

    Raises:
        Malformed: it is empty, too long, or has letters that nobody sees.

    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip() + "\n"
    if len(text) > LONGEST:
        raise Malformed(f"a document has up to {LONGEST:,} characters")
    if text.count("\n") > MOST_LINES:
        raise Malformed(f"a document has up to {MOST_LINES:,} lines")
    if text == "\n":
        raise Malformed("the document is empty")
    if any(
        unicodedata.category(one) in {"Cc", "Cf", "Co", "Cs"} for one in text if one not in "\n\t"
    ):
        raise Malformed("the document has characters that nobody sees", hint="remove them")
    return text


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as a version is known by."""
    return sha256(text.encode()).hexdigest()


def blanks(text: str) -> tuple[str, ...]:
    """Return the names of what is still to be filled in, each once, in their order."""
    return tuple(dict.fromkeys(_BLANK.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with these blanks filled in; an empty value leaves its blank.

    Raises:
        Malformed: the text has no such blank, or a value is too long or would be more than words.

    """
    known = set(blanks(text))
    for name, value in values.items():
        if name not in known:
            raise Malformed(
                "the document has no such blank", hint=f"it has {', '.join(sorted(known))}"
            )
        if len(value) > _LONGEST_VALUE or "\n" in value or "{{" in value:
            raise Malformed(
                f"{name} is filled in with one line of up to {_LONGEST_VALUE} characters"
            )
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    return _BLANK.sub(lambda found: given.get(found[1], found[0]), text)


def headings(text: str) -> tuple[str, ...]:
    """Return the headings of the second level, in their order."""
    return tuple(_HEADING.findall(text))


def sections(text: str) -> dict[str, str]:
    """Return what stands below each heading; of two that are alike, below both."""
    parts = _HEADING.split(text)[1:]
    found: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        found[name] = f"{found.get(name, '')}\n{body}".strip()
    return found


def duties(text: str) -> frozenset[str]:
    """Return the duties that a text refers to."""
    return frozenset(_DUTY.findall(text))


def faults(text: str, wanted: Iterable[str]) -> list[str]:
    """Return what a text lacks to be approved: blanks to fill in, headings missing, sections with nothing in them."""
    found = []
    if left := blanks(text):
        found.append(f"fill in {', '.join(left)}")
    there = sections(text)
    for name in wanted:
        if name not in there:
            found.append(f"the heading “{name}” is missing")
        elif not re.sub(r"[\W_]", "", there[name]):
            found.append(f"nothing stands below “{name}”")
    return found


def difference(before: str, after: str, *, around: int = 2) -> list[Line]:
    """Return what changed between two texts, line by line, with some lines around each change."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    last = 0
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(
        around
    ):
        if group[0][1] > last:
            found.append(Line("skipped", f"{group[0][1] - last} lines are the same"))
        for tag, start, end, first, until in group:
            if tag == "equal":
                found += [Line("same", line) for line in old[start:end]]
            else:
                found += [Line("removed", line) for line in old[start:end]]
                found += [Line("added", line) for line in new[first:until]]
        last = group[-1][2]
    if found and last < len(old):
        found.append(Line("skipped", f"{len(old) - last} lines are the same"))
    return found
