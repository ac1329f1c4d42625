"""What each column of a report document is: the vocabulary of `reports.toml`, resolved.

A column is named by its header, an XML leaf by its elements, a JSON leaf by its members; all by the same rules. What
the file does not name has no rule, and the gateway tokenizes it [1.3, 2.2]. No I/O beyond the package's own file; a
rule that does not make sense raises ValueError and the service does not start.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Any, Final

from strongroom.policy.catalogue.rules import Render
from strongroom.policy.catalogue.slots import DYNAMIC, SlotSpec, number_of, spec_of
from strongroom.policy.retention import Progress


class Role(StrEnum):
    """What a column does; the first two and all that are no PII pass."""

    PASSES = "passes"
    ORDER = "order"
    """The id of the order that a row belongs to."""
    ITEM = "item"
    """The id that dynamic slots of an item have; likewise of a parcel."""
    PACKAGE = "package"
    PURCHASED = "purchased"
    SHIPPED = "shipped"
    UPDATED = "updated"
    STATUS = "status"
    PII = "pii"


@dataclass(frozen=True, slots=True)
class Column:
    """One column's rule."""

    role: Role
    spec: SlotSpec | None = None
    number: int | None = None
    """Of a fixed slot."""
    kind: str = ""
    """Of a dynamic slot: item or package; `field` is the rest of its name."""
    field: str = ""
    render: Render = Render.TOKEN
    clear: bool = False


class Form(StrEnum):
    """How a kind of report is written."""

    TABLE = "table"
    XML = "xml"
    JSON = "json"
    SEALED = "sealed"
    """PDF, spreadsheets: nothing in them can be replaced."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReportKind:
    """One type of report. `status` is what being in it says of an order."""

    name: str
    form: Form = Form.UNKNOWN
    status: Progress = Progress.UNKNOWN
    columns: Mapping[str, Column] = field(default_factory=dict, repr=False)

    def rule(self, names: Sequence[str]) -> Column | None:
        """Return the rule of a leaf by its names, outermost first; the longest rule that fits counts."""
        plain = [plain_name(name) for name in names]
        for start in range(max(len(plain) - _LONGEST_PATH, 0), len(plain)):
            found = self.columns.get("/".join(plain[start:]))
            if found is not None:
                return found
        return None


UNKNOWN_KIND: Final = "UNKNOWN"
"""The name of a report whose type nobody told."""

FEED_RESULT: Final = "FEED_RESULT"
"""The name of what Amazon says of a feed; no report has this type."""

DATA_KIOSK: Final = "DATA_KIOSK"
"""The name of what a Data Kiosk query answers; no report has this type."""

_LONGEST_PATH: Final = 4
_PASSING: Final = frozenset({"public", "business"})
_SLOT: Final = re.compile(r"([a-z_]+)\.([a-z][a-z0-9_]*(?::[0-9]{1,6})?)")
_STATUSES: Final = {
    "pending": Progress.PENDING,
    "unshipped": Progress.UNSHIPPED,
    "shipped": Progress.SHIPPED,
}


@dataclass(frozen=True, slots=True)
class Reports:
    """All kinds of report Strongroom knows."""

    kinds: Mapping[str, ReportKind]

    @classmethod
    def load(cls) -> "Reports":
        """Return what the package's own file says. Raises: ValueError."""
        text = resources.files(__package__).joinpath("reports.toml").read_text(encoding="utf-8")
        return cls.of(tomllib.loads(text))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Reports":
        """Return what a parsed file says."""
        common = _columns("columns", data["columns"])
        kinds: dict[str, ReportKind] = {UNKNOWN_KIND: ReportKind(UNKNOWN_KIND, columns=common)}
        for name, entry in data["types"].items():
            if unknown := entry.keys() - {"format", "status", "columns", "passes"}:
                raise ValueError(f"reports.toml: {name}: {sorted(unknown)}")
            status = _STATUSES[entry["status"]] if "status" in entry else Progress.UNKNOWN
            passing = dict.fromkeys(entry.get("passes", ()), "business")
            own = _columns(name, entry.get("columns", {}) | passing)
            kinds[name] = ReportKind(name, Form(entry["format"]), status, {**common, **own})
        for form, names in data["kinds"].items():
            for name in names:
                if name in kinds:
                    raise ValueError(f"reports.toml: {name} stands there twice")
                kinds[name] = ReportKind(name, Form(form), columns=common)
        return cls(kinds)

    def kind(self, name: str | None) -> ReportKind:
        """Return a type of report; of one nobody knows, the common columns alone."""
        found = self.kinds.get(name or UNKNOWN_KIND)
        return self.kinds[UNKNOWN_KIND] if found is None else found


def plain_name(name: str) -> str:
    """Return a header as it counts: letters and digits, in lower case; `@` in front marks an attribute."""
    mark = "@" if name.startswith("@") else ""
    return mark + "".join(filter(str.isalnum, name.casefold()))


def _columns(where: str, rules: Mapping[str, str]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for name, rule in rules.items():
        key = "/".join(map(plain_name, name.split("/")))
        if key in found or key.count("/") >= _LONGEST_PATH:
            raise ValueError(f"reports.toml: {where}: {name}")
        try:
            found[key] = _column(rule)
        except (KeyError, ValueError) as fault:
            raise ValueError(f"reports.toml: {where}: {name}: {rule}") from fault
    return found


def _column(rule: str) -> Column:
    words = rule.split()
    if words[0] != Role.PII:
        if len(words) != 1:
            raise ValueError(rule)
        return Column(Role.PASSES if words[0] in _PASSING else Role(words[0]))
    slot = _SLOT.fullmatch(words[1])
    if slot is None:
        raise ValueError(rule)
    head, name = slot.groups()
    clear = words[2:] == ["clear"]
    render = Render.TOKEN
    if not clear and len(words) > 2:  # noqa: PLR2004 - `pii`, the slot, and more
        render = Render(words[3])
        if words[2] != "as" or render in (Render.OMIT, Render.CONSTANT):
            raise ValueError(rule)
    if head in (Role.ITEM, Role.PACKAGE):
        spec = DYNAMIC[head, name.partition(":")[0]]
        return Column(Role.PII, spec, None, head, name, render, clear)
    number = number_of(f"{head}.{name}")
    if number is None:
        raise ValueError(rule)
    return Column(Role.PII, spec_of(f"{head}.{name}"), number, "", "", render, clear)
