"""Changes of storage, systems, controls and suppliers: `change` [1.6, 2.7]."""

from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

change = typer.Typer(
    help="Changes: tested, verified, approved by another person, closed.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="CHANGE", show_default=False)]
_COLUMNS: Final = ("change", "kind", "title", "state", "opened_by", "approved_by", "closed_at")
_FACTS: Final = ("fact", "recorded", "now", "differs")
_PEOPLE: Final = ("place", "person", "approved_by", "review_by", "fault")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(change, name="change")


@verb(
    change,
    "open",
    example="strongroom change open 'New disk' --kind storage_hardware --what '…' --back-out '…' --risk '…'",
)
def change_open(
    session: Session,
    *,
    title: Annotated[str, typer.Argument(metavar="TITLE", show_default=False)],
    kind: Annotated[
        str,
        typer.Option(
            help="storage_hardware, storage_volume, database_host, system, controls, environment, "
            "supply_chain or risk_level."
        ),
    ],
    what: Annotated[str, typer.Option(metavar="TEXT", help="What is changed.")],
    back_out: Annotated[str, typer.Option(metavar="TEXT", help="How it is taken back.")],
    risk: Annotated[str, typer.Option(metavar="TEXT", help="What could go wrong.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for a change; of storage only who is named for it may."""
    found = session.call(
        "change.open",
        as_name=as_name,
        credential_file=credential_file,
        kind=kind,
        title=title,
        what=what,
        back_out=back_out,
        risk=risk,
    )
    session.say(found)


@verb(
    change,
    "test",
    example="strongroom change test 3 --passed --result 'restored a backup' --evidence 7",
)
def change_test(
    session: Session,
    *,
    number: Number,
    result: Annotated[str, typer.Option(metavar="TEXT", help="How the test went.")],
    passed: Annotated[bool, typer.Option("--passed/--failed", help="Whether it passed.")],
    evidence: Annotated[
        int | None, typer.Option(metavar="N", help="An item of the evidence store.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record how its test went; again, until somebody verified it."""
    found = session.call(
        "change.test",
        as_name=as_name,
        credential_file=credential_file,
        change=number,
        passed=passed,
        result=result,
        evidence=evidence,
    )
    session.say(found)


@verb(
    change,
    "verify",
    example="strongroom change verify 3 --as clara --credential-file clara.json",
)
def change_verify(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State that the test shows what it says: for a person who neither asked for it nor tested it."""
    session.say(_acted(session, "change.verify", number, as_name, credential_file))


@verb(
    change,
    "approve",
    example="strongroom change approve 3 --as clara --credential-file clara.json",
)
def change_approve(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let it be done: for a person who neither asked for it nor tested it."""
    session.say(_acted(session, "change.approve", number, as_name, credential_file))


@verb(change, "reject", example="strongroom change reject 3")
def change_reject(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that it will not be done."""
    session.say(_acted(session, "change.reject", number, as_name, credential_file))


@verb(
    change,
    "close",
    example="strongroom change close 3 --minor --reason 'same model, same place'",
)
def change_close(
    session: Session,
    *,
    number: Number,
    major: Annotated[
        bool,
        typer.Option(
            "--major/--minor", help="Major ones have the incident plan reviewed within 14 days."
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is major, or not.")],
    done: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it was done; else now.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that it is done; what of storage it explains is recorded."""
    found = session.call(
        "change.close",
        as_name=as_name,
        credential_file=credential_file,
        change=number,
        major=major,
        reason=reason,
        done_at=done,
    )
    session.say(found)


@verb(change, "list", example="strongroom change list")
def change_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List the newest changes."""
    found = session.call("change.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["changes"], _COLUMNS))


@verb(change, "show", example="strongroom change show 3")
def change_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show a change with all its stamps."""
    session.say(_acted(session, "change.show", number, as_name, credential_file))


@verb(change, "storage", example="strongroom change storage --record")
def change_storage(
    session: Session,
    *,
    record: Annotated[
        bool,
        typer.Option("--record", help="Record it, the first time; later closing a change does."),
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show what this installation lies on, beside what was recorded; exits 1 where that differs."""
    found = session.call(
        "change.storage", as_name=as_name, credential_file=credential_file, record=record
    )
    session.say(found, table(found["facts"], _FACTS))
    if found["drift"]:
        raise typer.Exit(1)


@verb(change, "people", example="strongroom change people --add clara")
def change_people(
    session: Session,
    *,
    add: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask for a person to be on the list.")
    ] = None,
    approve: Annotated[
        int | None, typer.Option(metavar="PLACE", help="Approve a place, as another person.")
    ] = None,
    end: Annotated[
        int | None, typer.Option(metavar="PLACE", help="Take a person off the list.")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="State that the list is who can change storage.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List who may change storage; name, approve, review and take off."""
    if sum((add is not None, approve is not None, end is not None, review)) > 1:
        raise Malformed("do one thing at a time: --add, --approve, --end or --review")
    found = session.call(
        "change.people",
        as_name=as_name,
        credential_file=credential_file,
        add=add,
        approve=approve,
        end=end,
        review=review,
    )
    session.say(found, table(found["people"], _PEOPLE))


def _acted(
    session: Session,
    operation: str,
    number: int,
    as_name: str | None,
    credential_file: Path | None,
) -> Json:
    return session.call(operation, as_name=as_name, credential_file=credential_file, change=number)
