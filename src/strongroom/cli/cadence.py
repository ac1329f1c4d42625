"""What is due and what comes back: `cadence` [1.6, 2.2]."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed

cadence = typer.Typer(help="What is due, and the work that comes back.", no_args_is_help=True)

_WORK = ("work", "title", "office", "days", "last_at", "due_at", "duty")
_DUE = ("due_at", "stage", "what", "who", "duty", "path")
_LONGEST = 64 * 1024


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(cadence, name="cadence")


@verb(cadence, "list", example="strongroom cadence list")
def cadence_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List recurring work, when it was last done, and when it is due next."""
    found = session.call("cadence.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["work"], _WORK))


@verb(cadence, "due", example="strongroom cadence due")
def cadence_due(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List everything that is due, from every part of the house, the nearest first."""
    found = session.call("cadence.due", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["due"], _DUE))


@verb(cadence, "done", example="strongroom cadence done inventory --note-file minutes.txt")
def cadence_done(
    session: Session,
    *,
    work: Annotated[str, typer.Argument(metavar="WORK", show_default=False)],
    at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it was done; else now.")
    ] = None,
    note_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What was looked at, and what was found.")
    ] = None,
    evidence: Annotated[
        str, typer.Option(metavar="SHA256", help="Of a file that you keep elsewhere.")
    ] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State on your name that recurring work was done."""
    found = session.call(
        "cadence.done",
        as_name=as_name,
        credential_file=credential_file,
        work=work,
        at=at,
        note="" if note_file is None else text_of(note_file, "--note-file"),
        evidence=evidence,
    )
    session.say(found)


def text_of(path: Path, option: str) -> str:
    """Return the text of a file that an option names. Raises: Malformed."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"the file of {option} cannot be read as text") from None
    if len(content) > _LONGEST:
        raise Malformed(f"the file of {option} is too long")
    return text
