"""What receives Information, what threatens it, and which laws apply: `register` [1, 1.5, 2, 2.2]."""

from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from strongroom.cli.cadence import text_of
from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

register_ = typer.Typer(help="The registers of scope, risks and laws.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="scope|risk|law", show_default=False)]
Entry = Annotated[int, typer.Argument(metavar="ENTRY", show_default=False)]

_COLUMNS: Final = {
    "scope": ("entry", "title", "kind", "country", "pii", "tls", "owner", "reviewed_at"),
    "risk": ("entry", "title", "controls", "likelihood", "impact", "treatment", "reviewed_at"),
    "law": ("entry", "title", "laws", "owner", "reviewed_at"),
}


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(register_, name="register")


@verb(register_, "show", example="strongroom register show scope")
def register_show(
    session: Session,
    *,
    name: Name,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show a register, and what is seen that it has no entry of."""
    found = session.call(
        "register.show", as_name=as_name, credential_file=credential_file, register=name
    )
    if not session.as_json and (found["unregistered"] or found["missing"]):
        session.warn(f"not entered: {', '.join(found['unregistered'] + found['missing'])}")
    session.say(found, table(_filled(found["entries"], name), _COLUMNS[name]))


@verb(register_, "begin", example="strongroom register begin risk")
def register_begin(
    session: Session,
    *,
    name: Name,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Enter what is known: systems that are seen, threats and laws that ship."""
    session.say(
        session.call(
            "register.begin", as_name=as_name, credential_file=credential_file, register=name
        )
    )


@verb(register_, "write", example="strongroom register write scope --answers erp.json")
def register_write(
    session: Session,
    *,
    name: Name,
    answers: Annotated[
        Path, typer.Option(metavar="FILE", help='JSON, such as {"title": "ERP", "kind": "erp", …}.')
    ],
    entry: Annotated[int | None, typer.Option(help="An entry to write anew.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write an entry; it counts once the register is reviewed."""
    try:
        given = orjson.loads(text_of(answers, "--answers"))
    except orjson.JSONDecodeError:
        raise Malformed("the file of --answers is no JSON") from None
    if not isinstance(given, dict):
        raise Malformed("the file of --answers is no JSON object")
    session.say(
        session.call(
            "register.write",
            as_name=as_name,
            credential_file=credential_file,
            register=name,
            answers=given,
            entry=entry,
        )
    )


@verb(register_, "end", example="strongroom register end scope 4 --yes")
def register_end(
    session: Session,
    *,
    name: Name,
    entry: Entry,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take an entry out; the log keeps that it was there."""
    if not yes:
        raise Malformed("this takes an entry out of a register", hint="add --yes")
    session.say(
        session.call(
            "register.end",
            as_name=as_name,
            credential_file=credential_file,
            register=name,
            entry=entry,
        )
    )


@verb(register_, "review", example="strongroom register review law --note-file sources.txt")
def register_review(
    session: Session,
    *,
    name: Name,
    note_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What was looked at, in which sources.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State on your name that you reviewed the whole register as it is now."""
    session.say(
        session.call(
            "register.review",
            as_name=as_name,
            credential_file=credential_file,
            register=name,
            note="" if note_file is None else text_of(note_file, "--note-file"),
        )
    )


def _filled(entries: list[Json], name: str) -> list[Json]:
    return [{**dict.fromkeys(_COLUMNS[name]), **entry} for entry in entries]
