"""Which names of a table's header may be shown: a first line that is none could be a row, and hold anything. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from strongroom.gateway.documents.rows import is_order
from strongroom.policy.catalogue.reports import ReportKind

_WORDS: Final = re.compile(r"(?!.*[0-9]{2})[A-Za-z][A-Za-z0-9 _/.()-]{0,63}").fullmatch
"""How a report may name a column that nobody knows."""

_PLAIN: Final = re.compile(r"[a-z]+[0-9]?(?:[-_][a-z]+[0-9]?)*").fullmatch
"""How nobody is called: a whole line of such words, one of them a known column's name, is a header."""


def shown_names(names: Sequence[str], kind: ReportKind) -> list[str]:
    """Return a header as it may be shown: `column 3` stands in place of a name that could be a value."""
    stripped = [name.strip() for name in names]
    known = [kind.rule([name]) is not None for name in stripped]
    few = sum(known) * 2 < len(names)
    if not any(known) or any(map(is_order, stripped)) or (few and not all(map(_PLAIN, stripped))):
        known, words = [False] * len(names), [False] * len(names)
    else:
        words = [bool(_WORDS(name)) for name in stripped]
    return [
        name if known[index] or words[index] else f"column {index + 1}"
        for index, name in enumerate(names)
    ]


def drift_name(shown: str, index: int) -> str:
    """Return a column's name as a finding may keep it: longer than the document, so it must be plainer still."""
    return shown.strip() if _PLAIN(shown.strip()) else f"column {index + 1}"
