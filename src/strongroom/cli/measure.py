"""How fast this machine does it: `bench`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from strongroom import bench
from strongroom.bench import Part, Row
from strongroom.cli.session import Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json


def register(root: typer.Typer) -> None:
    """Add this verb to the command line."""

    @verb(root, "bench", example="strongroom bench --only pages")
    def bench_(
        session: Session,
        *,
        only: Annotated[Part | None, typer.Option(help="Measure this part alone.")] = None,
        directory: Annotated[
            Path, typer.Option("--dir", metavar="DIR", help="Measure the disk this lies on.")
        ] = Path(),
        quick: Annotated[
            bool, typer.Option("--quick", help="See that it runs; the figures are worth nothing.")
        ] = False,
    ) -> None:
        """Measure this machine beside its limits, in throw-away homes that need no --home."""
        if not directory.is_dir():
            raise Malformed("--dir is no directory")
        machine = bench.machine()
        if not session.as_json:
            session.say(machine)
        rows = []
        for row in bench.run(directory.absolute(), only=only, quick=quick):
            rows.append(row)
            session.warn(f"{row.work}: {_figure(row.ours)} {row.unit}")
        document = {"machine": machine, "quick": quick, "rows": [_document(row) for row in rows]}
        columns = ("work", "ours", "peer", "theirs", "ratio", "target", "verdict")
        session.say(document, table([_shown(row) for row in rows], columns))


def _document(row: Row) -> Json:
    return {**asdict(row), "ratio": row.ratio, "met": row.met}


def _shown(row: Row) -> Json:
    verdicts = {None: "-", True: "met", False: "missed"}
    return {
        "work": row.work,
        "ours": f"{_figure(row.ours)} {row.unit}",
        "peer": row.peer or None,
        "theirs": None if row.theirs is None else f"{_figure(row.theirs)} {row.unit}",
        "ratio": None if row.ratio is None else f"{row.ratio:.2f}",
        "target": _target(row),
        "verdict": verdicts[row.met],
    }


def _target(row: Row) -> str | None:
    if row.ratio_target is not None:
        return f"ratio ≥ {row.ratio_target}"
    if row.target is None:
        return None
    return f"{'≥' if row.unit == '/s' else '≤'} {_figure(row.target)}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004 - two places are enough
