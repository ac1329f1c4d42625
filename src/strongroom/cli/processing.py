"""The record of processing on the command line: `processing` [2.2]."""

import base64
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed

processing = typer.Typer(
    help="The record of processing: each field of personal data, as it is really handled.",
    no_args_is_help=True,
)

_COLUMNS: Final = ("field", "category", "person", "seen_in", "purposes", "used_by", "disclosed_to")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(processing, name="processing")


@verb(processing, "show", example="strongroom processing show --all")
def processing_show(
    session: Session,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Every field that may come, not only those seen.")
    ] = False,
) -> None:
    """Show the record; --json has all of each row, and what changed since it was confirmed."""
    found = session.call("processing.show", every=every)
    session.say(found, table(found["rows"], _COLUMNS))
    if not session.as_json:
        session.warn(f"SHA-256 {found['sha256']}, confirmed {found['confirmed_at'] or 'never'}")
        for one in (*found["missing"], *found["gaps"]):
            session.warn(one)


@verb(
    processing,
    "confirm",
    example="strongroom processing confirm --digest 9f86d0… --as paula --credential-file paula.json",
)
def processing_confirm(
    session: Session,
    *,
    digest: Annotated[
        str, typer.Option("--digest", metavar="SHA256", help="Of the record you read.")
    ],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Confirm the record as it is: for the privacy owner and the deputy, every 90 days."""
    session.say(
        session.call(
            "processing.confirm",
            as_name=as_name,
            credential_file=credential_file,
            digest=digest,
        )
    )


@verb(processing, "export", example="strongroom processing export --out record.csv")
def processing_export(
    session: Session,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")],
    form: Annotated[str, typer.Option(help="csv or pdf.")] = "csv",
) -> None:
    """Write the record as a file."""
    found = session.call("processing.export", form=form)
    content = base64.b64decode(found.pop("file"))
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as exc:
        raise Malformed(f"the file of --out can't be made: {os.strerror(exc.errno or 0)}") from None
    session.say(found)
