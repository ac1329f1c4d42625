"""What every command shares: its options, how it reaches the home, how it prints, how it ends.

Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage, 78 misconfigured (EX_CONFIG). Results
go to standard output, errors to standard error as one line, both as JSON with `--json`. No error
repeats what was typed: an argument may be personal data, or a secret in the wrong place.
"""

import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from strongroom import control
from strongroom.errors import (
    InUse,
    Malformed,
    Misconfigured,
    StrongroomError,
    Unavailable,
)
from strongroom.home import Layout, layout
from strongroom.request import Json, Progress, Request

if TYPE_CHECKING:
    from strongroom.cli.here import Opened

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_MISCONFIGURED: Final = os.EX_CONFIG

_WAIT_SECONDS: Final = 10.0
"""How long a command waits for another short one that has the home open."""

_FILE_WIDTH: Final = 240
"""Columns of a table that no person's terminal cuts."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="The home; else STRONGROOM_HOME.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, on one line.")]
NowOption = Annotated[
    str | None,
    typer.Option(
        "--now", metavar="INSTANT", help="Pretend it is this instant; homes for tests only."
    ),
]
AsOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="The person or app that asks.")
]
CredentialOption = Annotated[
    Path | None,
    typer.Option(
        "--credential-file",
        metavar="FILE",
        help="Its client secret, or the JSON that `app add --json` printed.",
    ),
]
ApproverOption = Annotated[
    str | None, typer.Option("--approver", metavar="NAME", help="The other person who agrees.")
]
ApproverCredentialOption = Annotated[
    Path | None,
    typer.Option("--approver-credential-file", metavar="FILE", help="The approver's own."),
]


@dataclass(frozen=True, slots=True)
class Common:
    """The options that stand before the noun or after the verb."""

    home: Path | None = None
    as_json: bool = False
    now: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One command's run."""

    home_option: Path | None
    as_json: bool
    now: str | None

    @property
    def home(self) -> Layout:
        """The home this command is about. Raises: Malformed where none is named."""
        named = self.home_option or os.environ.get("STRONGROOM_HOME")
        if not named:
            raise Malformed("no home is named", hint="give --home DIR or set STRONGROOM_HOME")
        return layout(Path(named))

    def call(
        self,
        operation: str,
        *,
        as_name: str | None = None,
        credential_file: Path | None = None,
        **arguments: object,
    ) -> Json:
        """Run one operation: in the process that serves the home, or here where none does.

        Raises:
            StrongroomError: what the operation raised.
            Conflict: another process has the home open and does not let go.

        """
        if (as_name is None) != (credential_file is None):
            raise Malformed("--as and --credential-file go together")
        credential = (
            None if credential_file is None else secret(credential_file, "--credential-file")
        )
        request = Request(operation, arguments, as_name, credential, self.now)
        deadline = time.monotonic() + _WAIT_SECONDS
        with self._progress() as progress:
            while True:
                answer = control.ask(self.home, request, progress)
                if answer is not None:
                    return answer
                try:
                    with _open_here(self.home, self.now, request.operation) as opened:
                        return opened.run(request, progress)
                except InUse:
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.05)

    @contextmanager
    def hold(self) -> Iterator[Callable[..., Json]]:
        """Give what runs many operations: in the process that serves the home, or here, where it stays open meanwhile.

        Raises:
            Conflict: another process has the home open and does not let go.
            Unavailable: the process that served it went away in between.

        """
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            if control.is_served(self.home):
                yield self._ask_served
                return
            try:
                opened = _open_here(self.home, self.now)
            except InUse:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            break

        def ask_here(operation: str, **arguments: object) -> Json:
            return opened.run(Request(operation, arguments, now=self.now))

        with opened:
            yield ask_here

    def _ask_served(self, operation: str, **arguments: object) -> Json:
        request = Request(operation, arguments, now=self.now)
        answer = control.ask(self.home, request, lambda _done, _total: None)
        if answer is None:
            raise Unavailable("the home is no longer served", hint="run the command again")
        return answer

    def say(self, document: Json, text: str | Text | Table | None = None) -> None:
        """Print a result: the document as JSON, or `text` for people, or the document's lines."""
        if self.as_json:
            sys.stdout.write(to_json(document))
        elif isinstance(text, str):
            sys.stdout.write(text + "\n")
        else:
            console = Console(highlight=False, soft_wrap=True)
            if not console.is_terminal:
                console = Console(highlight=False, soft_wrap=True, width=_FILE_WIDTH)
            console.print(lines(document) if text is None else text)
        sys.stdout.flush()

    def warn(self, text: str) -> None:
        """Tell a person something beside the result."""
        if not self.as_json:
            sys.stderr.write(f"strongroom: {text}\n")

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        """Give a listener that draws a bar when a person watches."""
        console = Console(stderr=True)
        if self.as_json or not console.is_terminal:
            yield lambda _done, _total: None
            return
        with Bars(console=console, transient=True) as bars:
            task = bars.add_task("working", total=None, visible=False)
            yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


def _open_here(home: Layout, now: str | None, operation: str | None = None) -> "Opened":
    """Return the home, opened in this process."""
    # The whole system is a second's worth of modules, of which a command that asks `serve` needs none.
    from strongroom.cli.here import open_home  # noqa: PLC0415 - as said

    return open_home(home, now, operation)


def verb(
    group: typer.Typer, name: str, *, example: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: `function(session, …)` with its own options and those that all share."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in signature.parameters.values()
            if parameter.name != "session"
        ]
        shared = [
            _parameter("context", typer.Context, inspect.Parameter.empty),
            _parameter("home", HomeOption, None),
            _parameter("as_json", JsonOption, False),
            _parameter("now", NowOption, None),
        ]

        def run(
            *,
            context: typer.Context,
            home: Path | None,
            as_json: bool,
            now: str | None,
            **values: object,
        ) -> None:
            before: Common = context.find_root().obj
            function(
                Session(home or before.home, as_json or before.as_json, now or before.now), **values
            )

        # Typer reads options from here.
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*own, *shared]}
        group.command(
            name,
            help=f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\nExample:\n  {example}",
            no_args_is_help=False,
        )(run)
        return function

    return register


def approver_secret(path: Path | None) -> str | None:
    """Return what `--approver-credential-file` names; None where it names nothing."""
    return None if path is None else secret(path, "--approver-credential-file")


def secret(path: Path, option: str) -> str:
    """Return a secret from the file that an option names. Raises: Malformed."""
    from strongroom.settings import read_secret  # noqa: PLC0415 - most commands name no file

    try:
        return read_secret(path, option)
    except Misconfigured as exc:
        raise Malformed(exc.message) from None


def split(text: str) -> list[str]:
    """Return the parts of a comma-separated option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def to_json(document: Mapping[str, object]) -> str:
    """Return one line of JSON."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE, default=str).decode()


def table(rows: Sequence[Json], columns: Sequence[str]) -> Table | str:
    """Return rows for people."""
    if not rows:
        return "none"
    found = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        found.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        found.add_row(*(Text(_cell(row.get(column))) for column in columns))
    return found


def fail(error: StrongroomError, *, as_json: bool) -> int:
    """Print an error and return the exit code for its kind."""
    described = control.describe(error)
    _write_error(described, as_json=as_json)
    return {"Malformed": EXIT_USAGE, "Misconfigured": EXIT_MISCONFIGURED}.get(
        described["kind"], EXIT_REFUSED
    )


def fail_usage(message: str, *, as_json: bool) -> int:
    """Print what is wrong with the command line and return 2."""
    hint = "`strongroom --help` shows the commands, `strongroom … --help` their options"
    _write_error({"kind": "Usage", "message": message, "hint": hint}, as_json=as_json)
    return EXIT_USAGE


def fail_unexpectedly(error: BaseException, *, as_json: bool) -> int:
    """Print type and place of an error that nobody foresaw, and return 1."""
    from strongroom import logs  # noqa: PLC0415 - of use here alone

    told = logs.reduced(error)
    message = f"internal error: {told['error']} at {told['place']}"
    _write_error({"kind": "Internal", "message": message, "hint": None}, as_json=as_json)
    return EXIT_REFUSED


def _write_error(described: Json, *, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(to_json({"error": described}))
        return
    hint = f" ({described['hint']})" if described["hint"] else ""
    sys.stderr.write(f"strongroom: {described['message']}{hint}\n")


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def lines(document: Json) -> Text:
    """Return a document for people, a line for each name."""
    width = max((len(name) for name in document), default=0)
    lines = (
        f"{name.replace('_', ' '):<{width}}  {_cell(value)}"
        for name, value in document.items()
        if value is not None
    )
    return Text("\n".join(lines))


def _cell(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
