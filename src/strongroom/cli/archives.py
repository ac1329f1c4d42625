"""What was archived because a law requires it: `archive`. Opening one needs an identity and no home."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final

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
from strongroom.errors import Conflict, Malformed, Misconfigured, Tampered

archive = typer.Typer(
    help="What a law requires to be kept, sealed to people offline.", no_args_is_help=True
)
recipients = typer.Typer(help="Who can open what is sealed from now on.", no_args_is_help=True)
archive.add_typer(recipients, name="recipients")

Name = Annotated[str, typer.Argument(metavar="ARCHIVE", show_default=False)]
Change = Annotated[int, typer.Argument(metavar="CHANGE", show_default=False)]

_COLUMNS = ("archive", "hold", "seller", "records", "bytes", "sealed_at", "destroyed_at")
_STDOUT: Final = "-"
_MODE: Final = 0o600


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(archive, name="archive")


@verb(archive, "list", example="strongroom archive list --json")
def archive_list(session: Session) -> None:
    """List the archives there are and were. Exit code 1: something that counts was edited."""
    found = session.call("archive.list")
    session.say(found, table(found["archives"], _COLUMNS))
    if found["waiting"]:
        session.warn(f"{found['waiting']} records wait for their archive")
    for fault in (*found["unready"], *found["tampered"]):
        session.warn(fault)
    if found["tampered"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(archive, "verify", example="strongroom archive verify --json")
def archive_verify(session: Session) -> None:
    """Hold every archive against its manifest and the log. Exit code 1: one is not what was sealed."""
    found = session.call("archive.verify")
    session.say(found, "\n".join(found["faults"]) or "every archive is as it was sealed")
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(
    archive,
    "open",
    example="strongroom archive open hold-3-period-45-1a2b3c4d.age --identity key.txt --out opened",
)
def archive_open(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    *,
    identity: Annotated[
        Path, typer.Option(metavar="FILE", help="The age identity, as `age-keygen` writes it.")
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR|-", help="Where what is inside goes; - is standard output."),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Write nothing; print the digest that proves it.")
    ] = False,
) -> None:
    """Open an archive on a machine that is offline: it needs this package and an identity, no home."""
    # A command that only asks `serve` needs none of it.
    from strongroom.crypto.age import read_identities  # noqa: PLC0415 - as said
    from strongroom.vault import cold  # noqa: PLC0415 - as said

    if prove == (out is not None):
        raise Malformed("an archive is opened with --out DIR, --out -, or --prove")
    identities = read_identities(identity)
    manifest = cold.beside(file)
    if manifest is not None:
        cold.refuse_changed(file, manifest)
    written: str | None = None
    if prove:
        digest = cold.open_file(file, identities, _Nowhere())
    elif out == _STDOUT:
        digest = cold.open_file(file, identities, sys.stdout.buffer)
        sys.stdout.flush()
    else:
        place = Path(out or ".") / f"{file.stem}.jsonl"
        digest = _open_to(place, lambda target: cold.open_file(file, identities, target))
        written = str(place)
    if manifest is not None and not cold.check_proof(manifest, digest):
        raise Tampered(f"{file.name} holds something else than its manifest says")
    if out != _STDOUT:
        session.say(
            {
                "digest": digest,
                "archive": file.stem,
                "manifest": manifest is not None,
                "out": written,
            }
        )


@verb(
    archive,
    "drill",
    example="strongroom archive drill hold-3-period-45-1a2b3c4d --digest 9f86d081…",
)
def archive_drill(
    session: Session,
    name: Name,
    *,
    digest: Annotated[str, typer.Option(help="What `archive open --prove` printed offline.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record that an archive was opened offline: due every 90 days. Exit code 1: the digest is another."""
    found = session.call(
        "archive.drill",
        as_name=as_name,
        credential_file=credential_file,
        archive=name,
        digest=digest,
    )
    session.say(found)
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(archive, "expire", example="strongroom archive expire --json")
def archive_expire(session: Session) -> None:
    """Destroy the archives whose hold is over, as every sweep does; list those whose copies have to go too."""
    session.say(session.call("archive.expire"))


@verb(archive, "attest", example="strongroom archive attest hold-3-period-45-1a2b3c4d --copies 2")
def archive_attest(
    session: Session,
    name: Name,
    *,
    copies: Annotated[int, typer.Option(metavar="N", help="How many there were; 0: none.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that the copies of a destroyed archive are destroyed, too."""
    session.say(
        session.call(
            "archive.attest",
            as_name=as_name,
            credential_file=credential_file,
            archive=name,
            copies=copies,
        )
    )


@verb(recipients, "show", example="strongroom archive recipients show")
def recipients_show(session: Session) -> None:
    """Show who can open what is sealed from now on, and what waits for its second person."""
    session.say(session.call("recipients.show"))


@verb(recipients, "set", example="strongroom archive recipients set recipients.txt")
def recipients_set(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="age recipients, one a line.")
    ],
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for other recipients, public keys alone; pending until another person approves them."""
    from strongroom.crypto.age import read_recipients  # noqa: PLC0415 - as above

    session.say(
        session.call(
            "recipients.set",
            as_name=as_name,
            credential_file=credential_file,
            recipients=list(read_recipients(file).names),
        )
    )


decisions(
    recipients,
    "archive recipients",
    named=Change,
    argument="change",
    example="2",
    approve="Approve the recipients that another person asked for.",
    reject="Refuse them.",
    terms=True,
)


def _open_to(place: Path, opening: Callable[[BinaryIO], str]) -> str:
    """Write what is inside to a new file, whole or not at all; return what `opening` did."""
    draft = place.with_name(f".{place.name}.draft")
    if place.exists():
        raise Conflict(f"{place} is there already")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    except OSError as exc:
        raise Misconfigured(f"{place.parent} can't be written to: {exc.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as target:
            digest = opening(target)
            target.flush()
            os.fsync(handle)
        draft.replace(place)
    finally:
        # It is there only where opening failed: what came before was true, and is not the whole.
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return digest


class _Nowhere:
    """Takes what is inside and keeps nothing of it."""

    def write(self, part: bytes, /) -> int:
        """Take a part."""
        return len(part)

    def flush(self) -> None:
        """Keep nothing."""
