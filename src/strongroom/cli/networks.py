"""From where anybody may come: `network`."""

from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    table,
    verb,
)

network = typer.Typer(help="From which networks anybody may come.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", show_default=False)]

_COLUMNS = ("id", "scope", "target", "cidr", "state", "requested_by", "approved_by", "tampered")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(network, name="network")


@verb(network, "list", example="strongroom network list --json")
def network_list(
    session: Session,
    *,
    ended: Annotated[bool, typer.Option("--all", help="Rejected and removed ones too.")] = False,
) -> None:
    """List the allowed networks; a list of none lets in this machine. Exit code 1: one was edited."""
    found = session.call("network.list", ended=ended)
    session.say(found, table(found["networks"], _COLUMNS))
    if found["tampered"]:
        session.warn("tampered networks let nobody in: find out who writes to the database")
        raise typer.Exit(EXIT_REFUSED)


@verb(network, "allow", example="strongroom network allow --listener gateway 10.20.0.0/16")
def network_allow(
    session: Session,
    *,
    cidr: Annotated[str, typer.Argument(metavar="CIDR", show_default=False)],
    listener: Annotated[
        str | None, typer.Option(metavar="L", help="gateway, api, desk, health, witness or proxy.")
    ] = None,
    principal: Annotated[
        str | None, typer.Option(metavar="P", help="A person, an app or a node.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a network may come; pending until another person approves it."""
    row = session.call(
        "network.allow",
        as_name=as_name,
        credential_file=credential_file,
        cidr=cidr,
        listener=listener,
        principal=principal,
    )
    if not row["this_machine"]:
        session.warn(
            "with it the list lets in this machine no longer: allow 127.0.0.1 too if it should"
        )
    session.say(row)


decisions(
    network,
    "network",
    named=Number,
    argument="network",
    example="3",
    remove="Ask that a network may come no more; it may until another person approves that.",
    approve="Approve what another person asked for: a network, or its end.",
    reject="Refuse what was asked for; a network whose end was asked for stays.",
)
