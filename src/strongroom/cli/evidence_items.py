"""Evidence: `evidence` [1.6]."""

from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.cli.written import file_of, write_out

evidence = typer.Typer(help="Evidence: what is kept, and who has had it.", no_args_is_help=True)

ItemNumber = Annotated[int, typer.Argument(metavar="EVIDENCE", show_default=False)]
OutOption = Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")]

_ITEMS: Final = ("evidence", "name", "size_bytes", "sha256", "collected_at", "fault")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(evidence, name="evidence")


@verb(evidence, "list", example="strongroom evidence list --incident 3")
def evidence_list(
    session: Session,
    *,
    of: Annotated[int | None, typer.Option("--incident", help="Of one incident.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List what is kept."""
    found = session.call(
        "evidence.list",
        as_name=as_name,
        credential_file=credential_file,
        incident=of,
    )
    session.say(found, table(found["evidence"], _ITEMS))


@verb(
    evidence,
    "keep",
    example="strongroom evidence keep mail.eml --incident 3 --said 'from the mail server'",
)
def evidence_keep(
    session: Session,
    *,
    file: Annotated[Path, typer.Argument(show_default=False)],
    of: Annotated[int | None, typer.Option("--incident", help="Of which incident.")] = None,
    said: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep a file of up to 600 KiB; a larger one goes through the desk."""
    found = session.call(
        "evidence.keep",
        as_name=as_name,
        credential_file=credential_file,
        name=file.name,
        file=file_of(file),
        said=said,
        incident=of,
    )
    session.say(found)


@verb(evidence, "show", example="strongroom evidence show 7")
def evidence_show(
    session: Session,
    *,
    number: ItemNumber,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show an item and every hand it went through."""
    found = session.call(
        "evidence.custody",
        as_name=as_name,
        credential_file=credential_file,
        evidence=number,
    )
    session.say(found, table(found["custody"], ("number", "at", "act", "by", "to", "digest")))


@verb(evidence, "take", example="strongroom evidence take 7 --why investigation --out mail.eml")
def evidence_take(
    session: Session,
    *,
    number: ItemNumber,
    why: Annotated[
        str, typer.Option(help="investigation, amazon_request, authority, review or exercise.")
    ],
    out: OutOption,
    package: Annotated[bool, typer.Option(help="With custody and proofs.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write an item, or with --package all that proves it, for a stated purpose."""
    found = session.call(
        "evidence.take",
        as_name=as_name,
        credential_file=credential_file,
        evidence=number,
        why=why,
        package=package,
    )
    write_out(session, out, found)


@verb(evidence, "hand", example="strongroom evidence hand 7 release --to boris")
def evidence_hand(
    session: Session,
    *,
    number: ItemNumber,
    act: Annotated[
        str, typer.Argument(metavar="release|receive|decline|dispose", show_default=False)
    ],
    to: Annotated[str | None, typer.Option(help="To whom it is released.")] = None,
    said: Annotated[str, typer.Option(help="A note; for disposing the reason.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Release an item to somebody, say that you have it or not, or dispose of it."""
    found = session.call(
        "evidence.hand",
        as_name=as_name,
        credential_file=credential_file,
        evidence=number,
        act=act,
        to=to,
        said=said,
    )
    session.say(found)


@verb(evidence, "check", example="strongroom evidence check")
def evidence_check(
    session: Session,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Hash everything again and hold custody against the log."""
    found = session.call(
        "evidence.check",
        as_name=as_name,
        credential_file=credential_file,
    )
    session.say(found, table(found["faults"], ("evidence", "fault")))


@verb(
    evidence,
    "pack",
    example="strongroom evidence pack --from 2026-01-01 --to 2026-07-01 --out /srv/packs",
)
def evidence_pack(
    session: Session,
    *,
    since: Annotated[str, typer.Option("--from", metavar="INSTANT", help="Its first day.")],
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="INSTANT", help="The day after its last; else now."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder and archive go.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Build the auditor's pack of a period: exceptions first, proved by the log, checked before it is written."""
    found = session.call(
        "evidence.pack",
        as_name=as_name,
        credential_file=credential_file,
        since=since,
        until=until,
        directory=str(out.absolute()),
    )
    session.say(found)


@verb(evidence, "packs", example="strongroom evidence packs")
def evidence_packs(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List the packs that were built or refused, the newest first."""
    found = session.call("evidence.packs", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["packs"], ("event", "at", "by", "state", "files", "sha256")))


@verb(evidence, "pack-key", example="strongroom evidence pack-key > pack.vkey")
def evidence_pack_key(session: Session) -> None:
    """Print the public key that packs are checked with; hand it out by another way than the packs."""
    found = session.call("evidence.pack_key")
    session.say(found, found["key"])
