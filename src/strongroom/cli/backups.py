"""Backups and where they go, and copies of the keystore: `backup`, `keys copy`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.evidence import keys
from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    secret,
    table,
    verb,
)

backup = typer.Typer(help="Backups of the vault, sealed to people elsewhere.", no_args_is_help=True)
place = typer.Typer(help="Whom backups are sealed to, and where they go.", no_args_is_help=True)
backup.add_typer(place, name="place")

_BACKUPS = ("id", "file", "taken_at", "rows", "bytes", "local", "places", "missing")
_PLACES = ("id", "kind", "value", "state", "terms", "requested_by")
_COPIES = ("id", "path", "created_at", "expires_at")

Number = Annotated[int, typer.Argument(metavar="ID", show_default=False)]
Which = Annotated[
    int | None, typer.Argument(metavar="[ID]", help="Else the newest.", show_default=False)
]


def register(root: typer.Typer) -> None:
    """Add the noun to the command line; `keys` is there already, or comes with its own."""
    root.add_typer(backup, name="backup")


@verb(backup, "run", example="strongroom backup run --json")
def backup_run(session: Session) -> None:
    """Take a backup now and send it to every target; exit code 1 when one did not take it."""
    found = session.call("backup.run")
    session.say(found)
    if found["missing"]:
        session.warn("a target did not take it: `serve` tries again, `backup list` shows it")
        raise typer.Exit(EXIT_REFUSED)


@verb(backup, "list", example="strongroom backup list")
def backup_list(session: Session) -> None:
    """List the backups there are, where they lie, and where they should."""
    found = session.call("backup.list")
    session.say(found, table(found["backups"], _BACKUPS))
    if found["late"]:
        session.warn(f"late: {', '.join(found['late'])}")


@verb(backup, "verify", example="strongroom backup verify 17 --json")
def backup_verify(session: Session, *, number: Which = None) -> None:
    """Hold all backups, or one, against the hashes that the log has of them, in every place."""
    found = session.call("backup.verify", backup=number)
    session.say(found, table(found["files"], ("backup", "place", "fault")))
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(backup, "prune", example="strongroom backup prune --json")
def backup_prune(session: Session) -> None:
    """Remove what is more or older than the settings keep; the newest in each place stays."""
    found = session.call("backup.prune")
    session.say(found, table(found["removed"], ("backup", "place")))


@verb(backup, "drill", example="strongroom backup drill --identity /media/usb/backup.identity")
def backup_drill(
    session: Session,
    *,
    number: Which = None,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="FILE", help="What opens backups.")
    ],
) -> None:
    """Restore a backup into a scratch database, verify it, open a sample; prints RTO and RPO."""
    session.say(
        session.call("backup.drill", identity=secret(identity, "--identity"), backup=number)
    )


@verb(place, "add", example="strongroom backup place add recipient age1…")
def place_add(
    session: Session,
    kind: Annotated[str, typer.Argument(metavar="recipient|recovery|target|keys")],
    value: Annotated[str, typer.Argument(metavar="AGE1…|DIR|S3://…")],
    *,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A bucket's KEY:SECRET.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM to trust instead of the public roots.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for a recipient or a place; it has effect once another person approves it."""
    session.say(
        session.call(
            "place.add",
            as_name=as_name,
            credential_file=credential_file,
            kind=kind,
            value=value,
            ca=None if ca is None else secret(ca, "--ca"),
            credentials=None if token_file is None else secret(token_file, "--token-file"),
        )
    )


@verb(place, "list", example="strongroom backup place list")
def place_list(session: Session) -> None:
    """List recipients and places, with the terms that an approval names."""
    found = session.call("place.list")
    session.say(found, table(found["places"], _PLACES))


@verb(keys, "copy", example="strongroom keys copy --json")
def keys_copy(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """Make a copy of the keystore, sealed to the recovery recipients; it expires within hours."""
    found = session.call("keys.copy", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["copies"], _COPIES))


@verb(keys, "copies", example="strongroom keys copies")
def keys_copies(session: Session) -> None:
    """List the copies there are; exit code 1 when one lives longer than it may."""
    found = session.call("keys.copies")
    session.say(found, table(found["copies"], _COPIES))
    if found["faults"]:
        session.warn("; ".join(found["faults"]))
        raise typer.Exit(EXIT_REFUSED)


@verb(keys, "destroy-copy", example="strongroom keys destroy-copy 3")
def keys_destroy_copy(
    session: Session,
    number: Number,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Destroy a copy of the keystore before its time."""
    session.say(
        session.call(
            "keys.destroy_copy", as_name=as_name, credential_file=credential_file, copy=number
        )
    )


decisions(
    place,
    "backup place",
    named=Number,
    argument="place",
    example="3",
    remove="Ask that a recipient or place end.",
    approve="Approve what another person asked for: a recipient or place, or its end.",
    reject="Refuse what another person asked for.",
    terms=True,
)
