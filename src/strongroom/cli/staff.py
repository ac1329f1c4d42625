"""People with access: `staff` [1.1, 1.2]."""

from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb

staff = typer.Typer(
    help="Staff: trainings, and what joining and leaving still lack.", no_args_is_help=True
)

Person = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
_COLUMNS: Final = ("person", "state", "joining_lacks", "leaving_lacks", "leave_by", "late")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(staff, name="staff")


@verb(staff, "list", example="strongroom staff list")
def staff_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List people with access, and whoever left and is not done with it."""
    found = session.call("staff.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["staff"], _COLUMNS))


@verb(staff, "train", example="strongroom staff train ben --topic data_protection --on 2026-02-01")
def staff_train(
    session: Session,
    *,
    person: Person,
    topic: Annotated[str, typer.Option(help="data_protection or it_security.")],
    on: Annotated[str, typer.Option(metavar="INSTANT", help="When it was.")],
    evidence: Annotated[int | None, typer.Option(help="Its certificate, as evidence.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep that a person was trained; it counts a year."""
    found = session.call(
        "staff.train",
        as_name=as_name,
        credential_file=credential_file,
        person=person,
        topic=topic,
        on=on,
        evidence=evidence,
    )
    session.say(found)


@verb(staff, "state", example="strongroom staff state ben devices")
def staff_state(
    session: Session,
    *,
    person: Person,
    step: Annotated[
        str,
        typer.Argument(
            metavar="STEP",
            help="Joining: confidentiality, device. Leaving: devices, papers, elsewhere.",
        ),
    ],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State on your name that a step of joining or leaving is done."""
    found = session.call(
        "staff.state",
        as_name=as_name,
        credential_file=credential_file,
        person=person,
        step=step,
    )
    session.say(found)
