"""One import from its first row to its report: values into the vault, durably, and only then tokens over them.

It can be killed anywhere: a value that is no token yet is taken in again, to the same token. The report counts and
names rows by number; it never holds a value.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.arriving.files import FileSource
from strongroom.arriving.mapping import Plan
from strongroom.arriving.rows import (
    LONGEST_ROW_BYTES,
    Reader,
    Row,
    Wanted,
    looks_personal,
    shown,
    too_long,
)
from strongroom.arriving.tables import TableSource
from strongroom.errors import Unavailable
from strongroom.request import Json

_ROUNDS: Final = 3
_MANY_NUMBERS: Final = 20
_MOST_AT_ONCE: Final = 500
_MANY_COLUMNS: Final = 1000
_ANOTHER: Final = "another column"
_FACTS: Final = ("item", "package")


@dataclass(slots=True)
class _Column:
    filled: int = 0
    replaced: int = 0
    tokens: int = 0
    strange: int = 0


@dataclass(slots=True)
class _Report:
    rows: int = 0
    replaced_rows: int = 0
    columns: dict[str, _Column] = field(default_factory=dict)
    unmapped: Counter[str] = field(default_factory=Counter)
    left: dict[str, list[int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def leave(self, why: str, row: Row) -> None:
        """Note a row that keeps its values."""
        self.counts[why] += 1
        numbers = self.left.setdefault(why, [])
        if len(numbers) < _MANY_NUMBERS:
            numbers.append(row.number)


class Import:
    """One run. Use once."""

    def __init__(
        self,
        plan: Plan,
        source: TableSource | FileSource,
        ask: Callable[..., Json],
        *,
        dry: bool,
        erase: bool,
        tell: Callable[[int, int | None], None],
    ) -> None:
        self._plan = plan
        self._source = source
        self._ask = ask
        self._dry = dry
        self._erase = erase
        self._tell = tell
        self._reader = Reader(plan)
        self._report = _Report(columns={name: _Column() for name in plan.fields})

    def run(self, *, vacuum: bool) -> Json:
        """Take everything in and return the report.

        Raises:
            StrongroomError: what the source or the home raised; what was done till then stays done.

        """
        for rows in self._source.batches():
            for row in rows:
                self._look(row)
            self._take(rows)
            self._tell(self._source.done, self._source.total)
        # A file is given its name only when nothing was wrong with it to its end.
        remains = [] if self._dry else self._source.finish(vacuum=vacuum)
        return self._told(remains)

    # -- private ---------------------------------------------------------------------------------------------------

    def _look(self, row: Row) -> None:
        """Count what a row holds, and what looks personal where no mapping says so."""
        report, plan = self._report, self._plan
        report.rows += 1
        for column in plan.fields:
            report.columns[column].filled += column in row.cells
        known = {*plan.columns, *plan.ignore}
        for column, text in row.cells.items():
            if column not in known and looks_personal(text):
                report.unmapped[column if len(report.unmapped) < _MANY_COLUMNS else _ANOTHER] += 1

    def _take(self, rows: Sequence[Row]) -> None:
        for attempt in range(_ROUNDS):
            changed: list[Row] = []
            for wanted in self._batches(rows):
                changed += self._bring(wanted)
            if not changed:
                return
            rows = self._source.again(changed)
            if attempt == _ROUNDS - 1:
                for row in rows:
                    self._leave("changed", row)

    def _batches(self, rows: Sequence[Row]) -> Iterator[list[Wanted]]:
        """Yield what can be taken, in parts that fit one request."""
        part: list[Wanted] = []
        size = 0
        for row in rows:
            if self._reader.is_apart(row):
                self._leave("no_one_value", row)
                continue
            wanted = self._reader.wanted(row)
            if wanted is None:
                if not self._plan.others_stay and self._reader.values(row):
                    self._leave("no_amazon_order", row)
                continue
            if not wanted.values:
                continue
            if too_long(wanted.values):
                self._leave("too_long", row)
                continue
            bytes_ = sum(len(value.encode()) for value in wanted.values.values())
            if part and (size + bytes_ > LONGEST_ROW_BYTES or len(part) >= _MOST_AT_ONCE):
                yield part
                part, size = [], 0
            part.append(wanted)
            size += bytes_
        if part:
            yield part

    def _bring(self, wanted: Sequence[Wanted]) -> list[Row]:
        """Take rows in and write what stands for their values; return those that changed meanwhile."""
        columns = list(self._plan.fields)
        answer = self._ask(
            "import.bring",
            seller=self._plan.seller,
            fields=[_name(self._plan, column) for column in columns],
            orders=[one.order for one in wanted],
            facts=[[str(int(said)) for said in one.facts] for one in wanted],
            idents=[[one.idents.get(kind, "") for kind in _FACTS] for one in wanted],
            values=[[(one.values | one.clear).get(column) for column in columns] for one in wanted],
            dry=self._dry,
            erase=self._erase,
        )
        if len(answer["rows"]) != len(wanted):
            raise Unavailable("the home answered something else than was asked")
        changes: list[tuple[Row, Mapping[str, str]]] = []
        for one, said in zip(wanted, answer["rows"], strict=True):
            tokens = self._tokens(one, columns, said)
            if tokens:
                changes.append((one.row, tokens))
        overtaken = [] if self._dry or not changes else self._source.write(changes)
        late = {row.number for row in overtaken}
        for row, written in changes:
            if row.number not in late:
                self._report.replaced_rows += 1
                for column in written:
                    self._report.columns[column].replaced += 1
        return overtaken

    def _tokens(
        self, one: Wanted, columns: Sequence[str], said: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return a row's tokens by column, and note what keeps its value."""
        report = self._report
        tokens: dict[str, str] = {}
        missing = False
        for column, mark, token in zip(columns, said["marks"], said["tokens"], strict=True):
            if column in one.clear:
                continue
            report.columns[column].tokens += mark == "t"
            report.columns[column].strange += mark == "s"
            if token is not None:
                tokens[column] = token
            missing |= mark == "v" and token is None
        age = said["age"]
        why = {"past_due": "past_due", "unknown": "unknown_age"}.get(age)
        if why == "past_due" and tokens:
            report.counts["erased"] += 1
            why = None
        if why is None and missing and not self._dry:
            why = "not_stored"
        if self._dry and why == "past_due" and self._erase:
            report.counts["erased"] += 1
            why = None
        if why is not None:
            self._leave(why, one.row)
        return tokens

    def _leave(self, why: str, row: Row) -> None:
        """Note a row that keeps values, and keep it out of a new file."""
        self._report.leave(why, row)
        self._source.leave_out(row)

    def _told(self, remains: Sequence[str]) -> Json:
        report = self._report
        names = shown(self._source.columns or sorted(report.unmapped))
        strange = sum(column.strange for column in report.columns.values())
        left = sum(report.counts[why] for why in report.left)
        return {
            "ok": not (left or strange or report.unmapped),
            "dry_run": self._dry,
            "rows": report.rows,
            "replaced_rows": report.replaced_rows,
            "replaced": sum(column.replaced for column in report.columns.values()),
            "erased_rows": report.counts["erased"],
            "left_rows": left,
            "left": {
                why: {"rows": report.counts[why], "first": numbers}
                for why, numbers in sorted(report.left.items())
            },
            "columns": [
                {
                    "column": name,
                    "field": _name(self._plan, name),
                    "filled": column.filled,
                    "tokens": column.tokens,
                    "replaced": column.replaced,
                    "not_ours": column.strange,
                }
                for name, column in report.columns.items()
            ],
            "unmapped": {
                names.get(name, _ANOTHER): count for name, count in sorted(report.unmapped.items())
            },
            "remains": list(remains),
        }


def _name(plan: Plan, column: str) -> str:
    target = plan.fields[column]
    return target.spec.name if target.number is not None else f"{target.owner}.{target.name}"
