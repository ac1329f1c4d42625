"""Who holds which office in keeping the policy: `office` [1.6]."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, secret, table, verb
from strongroom.errors import Malformed

office = typer.Typer(help="Who answers for what, and who stands in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="OFFICE", show_default=False)]
_COLUMNS = ("office", "part", "person", "accepted_at", "fault")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(office, name="office")


@verb(office, "list", example="strongroom office list")
def office_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List every office with its holder and its deputy, and what is wrong with each."""
    found = session.call("office.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["offices"], _COLUMNS))


@verb(office, "set", example="strongroom office set incident_lead --holder anna")
def office_set(
    session: Session,
    *,
    name: Name,
    holder: Annotated[str | None, typer.Option(metavar="NAME", help="Who holds it.")] = None,
    deputy: Annotated[str | None, typer.Option(metavar="NAME", help="Who stands in.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Appoint a person; it counts when they accept it on the desk, or with `office accept`."""
    person = holder or deputy
    if person is None or (holder and deputy):
        raise Malformed("name one: --holder or --deputy")
    session.say(
        session.call(
            "office.set",
            as_name=as_name,
            credential_file=credential_file,
            office=name,
            part="deputy" if holder is None else "holder",
            person=person,
        )
    )


@verb(
    office,
    "accept",
    example="strongroom office accept incident_lead --as anna --credential-file anna.json",
)
def office_accept(
    session: Session,
    *,
    name: Name,
    deputy: Annotated[bool, typer.Option("--deputy", help="The deputy's place.")] = False,
    address_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with the e-mail address you are reached by."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take on an office you were appointed to, for half a year."""
    address = None if address_file is None else secret(address_file, "--address-file")
    session.say(
        session.call(
            "office.accept",
            as_name=as_name,
            credential_file=credential_file,
            office=name,
            part="deputy" if deputy else "holder",
            address=address,
        )
    )
