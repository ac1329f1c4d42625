"""Making an app clean that holds personal data already: `import`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from strongroom.arriving.files import FileSource
from strongroom.arriving.mapping import Plan, Table, parse
from strongroom.arriving.run import Import
from strongroom.arriving.tables import TableSource
from strongroom.cli.session import EXIT_REFUSED, Session, secret, verb
from strongroom.errors import Malformed
from strongroom.request import Json

_SQLITE: Final = "sqlite:"
_WHY: Final = {
    "changed": "changed while they were read; run again",
    "no_amazon_order": 'have no Amazon order\'s id; others = "stay" where they belong elsewhere',
    "no_one_value": "have an object or a list where the mapping names a column",
    "not_stored": "have more values than a record holds",
    "past_due": "are past their day; --past-due erase destroys their values",
    "too_long": "have values that are too long",
    "unknown_age": "have no date that tells their age; map one under [order]",
}


def register(root: typer.Typer) -> None:
    """Add the verb to the command line."""

    @verb(root, "import", example="strongroom import shop.toml --dry-run")
    def import_(
        session: Session,
        mapping: Annotated[
            Path, typer.Argument(metavar="MAPPING", help="The mapping file, docs/import.md.")
        ],
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only report what there is.")
        ] = False,
        past_due: Annotated[
            str,
            typer.Option(
                "--past-due",
                metavar="keep|erase",
                help="What to do with values of orders past their day, which are not stored.",
            ),
        ] = "keep",
        vacuum: Annotated[
            bool,
            typer.Option("--vacuum", help="Rewrite a SQLite file, so that no page of old remains."),
        ] = False,
        password_file: Annotated[
            Path | None,
            typer.Option(
                "--password-file",
                metavar="FILE",
                help="The password of the database; or PGPASSWORD.",
            ),
        ] = None,
        yes: Annotated[
            bool, typer.Option("--yes", help="Destroy what --past-due erase destroys.")
        ] = False,
    ) -> None:
        """Take a table or an export into the vault and write tokens back; exit code 1 where personal data remains."""
        if past_due not in ("keep", "erase"):
            raise Malformed("--past-due is keep or erase")
        if past_due == "erase" and not (yes or dry_run):
            raise Malformed("--past-due erase destroys values for good", hint="add --yes")
        plan = _plan(mapping)
        if vacuum and not (isinstance(plan.source, Table) and plan.source.url.startswith(_SQLITE)):
            raise Malformed(
                "--vacuum is for SQLite", hint="VACUUM FULL locks a table: run it yourself"
            )
        password = None if password_file is None else secret(password_file, "--password-file")
        result = _run(
            session, plan, password, dry=dry_run, erase=past_due == "erase", vacuum=vacuum
        )
        session.say(result, _told(result))
        if not result["ok"]:
            raise typer.Exit(EXIT_REFUSED)


def _run(
    session: Session, plan: Plan, password: str | None, *, dry: bool, erase: bool, vacuum: bool
) -> Json:
    home = session.home.root
    source = (
        TableSource(plan, plan.source, password, home, dry=dry)
        if isinstance(plan.source, Table)
        else FileSource(plan, plan.source, home, dry=dry)
    )
    mode = "dry" if dry else "table" if isinstance(plan.source, Table) else "file"
    with closing(source), session.hold() as ask, _bar(session) as tell:
        ask("import.begin", seller=plan.seller, mode=mode)
        result = Import(plan, source, ask, dry=dry, erase=erase, tell=tell).run(vacuum=vacuum)
        ask(
            "import.finish",
            seller=plan.seller,
            mode=mode,
            replaced=result["replaced"],
            left=result["left_rows"],
        )
    return result


def _plan(path: Path) -> Plan:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Malformed("the mapping file cannot be read") from None


@contextmanager
def _bar(session: Session) -> Iterator[Callable[[int, int | None], None]]:
    console = Console(stderr=True)
    if session.as_json or not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("importing", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _told(result: Json) -> str:
    would = "would be " if result["dry_run"] else ""
    lines = [
        f"{one['column']} ({one['field']}): {one['filled']} filled, {one['tokens']} tokens already, "
        f"{one['replaced']} replaced"
        + (f", {one['not_ours']} tokens not ours" * bool(one["not_ours"]))
        for one in result["columns"]
    ]
    lines += [
        f"{name}: {count} look like personal data, and no field is named for it"
        for name, count in result["unmapped"].items()
    ]
    for why, rows in result["left"].items():
        first = ", ".join(map(str, rows["first"]))
        lines.append(f"{rows['rows']} rows {_WHY[why]}: {first}")
    if result["erased_rows"]:
        lines.append(f"{result['erased_rows']} rows past their day {would}erased")
    lines += [f"remains: {one}" for one in result["remains"]]
    lines.append(
        f"{result['rows']} rows read, {result['replaced_rows']} now with tokens, "
        f"{result['left_rows']} left as they are"
    )
    return "\n".join(lines)
