"""To whom the relay may send personal data: `destination`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.channels import Name
from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    secret,
    split,
    table,
    verb,
)
from strongroom.feeds.parties import Answers

destination = typer.Typer(help="To whom the relay may send personal data.", no_args_is_help=True)

_COLUMNS = ("name", "place", "state", "categories", "purposes", "sellers", "answers")
_TOLD = ("at", "principal", "seller", "record", "purpose", "categories", "fields")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(destination, name="destination")


@verb(
    destination,
    "add",
    example="strongroom destination add parcels --host api.parcels.example --prefix /v1/labels "
    "--categories name,address,phone --purposes fulfilment --seller acme",
)
def destination_add(  # noqa: PLR0913 - its options
    session: Session,
    *,
    name: Name,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST[:PORT]", help="Where it is; port 443 if none.")
    ],
    categories: Annotated[
        str, typer.Option(metavar="C,…", help="The categories of data it may get.")
    ],
    purposes: Annotated[str, typer.Option(metavar="P,…", help="What for.")],
    seller: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="Whose buyers' data; repeatable; else every partner's."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(metavar="PATH", help="What every path there begins with.")
    ] = "/",
    pin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="sha256/…",
            help="SHA-256 of a public key it may have; repeatable: name the next.",
        ),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM to trust instead of the public roots.")
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="A network of its own that is not public; repeatable."),
    ] = None,
    answers: Annotated[
        str,
        typer.Option(
            metavar="scan|strict|none", help="What an app gets of its answers, beside tokens."
        ),
    ] = Answers.SCAN.value,
    answer_bytes: Annotated[
        int, typer.Option(metavar="N", help="How long an answer may be.")
    ] = 1024 * 1024,
    per_minute: Annotated[int, typer.Option(metavar="N", help="Requests a minute.")] = 60,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that the relay may send to a third party; it does once another person approves it."""
    row = session.call(
        "destination.add",
        as_name=as_name,
        credential_file=credential_file,
        name=name,
        host=host,
        prefix=prefix,
        categories=split(categories),
        purposes=split(purposes),
        sellers=seller or None,
        pins=pin or [],
        ca=None if ca is None else secret(ca, "--ca"),
        networks=network or [],
        answers=answers,
        answer_bytes=answer_bytes,
        per_minute=per_minute,
    )
    session.say(row)


@verb(destination, "list", example="strongroom destination list --json")
def destination_list(session: Session) -> None:
    """List the destinations. Exit code 1: one was edited, and is sent nothing."""
    found = session.call("destination.list")
    session.say(found, table(found["destinations"], _COLUMNS))
    if found["tampered"]:
        session.warn("tampered destinations are sent nothing: find out who writes to the database")
        raise typer.Exit(EXIT_REFUSED)


@verb(destination, "show", example="strongroom destination show parcels")
def destination_show(session: Session, name: Name) -> None:
    """Show one destination: all that was approved of it."""
    session.say(session.call("destination.show", name=name))


@verb(
    destination,
    "disclosures",
    example="strongroom destination disclosures parcels --as anna --credential-file anna.json",
)
def destination_disclosures(
    session: Session,
    name: Name,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List what a destination was told, newest first: records and the names of fields, never a value."""
    found = session.call(
        "destination.disclosures", as_name=as_name, credential_file=credential_file, name=name
    )
    session.say(found, table(found["disclosures"], _TOLD))


decisions(
    destination,
    "destination",
    named=Name,
    argument="name",
    example="parcels",
    remove="Ask for a destination's end; it is used until another person approves that.",
    approve="Approve what another person asked for: a destination, or its end.",
    reject="Refuse what was asked for; a destination whose end was asked for stays.",
    terms=True,
)
