"""The log of everything, and evidence out of it: `audit`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress as Bars

from strongroom.audit import offline
from strongroom.cli import anchors, keeping
from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    table,
    verb,
)
from strongroom.errors import Malformed

audit = typer.Typer(help="The log of everything.", no_args_is_help=True)
keeping.register(audit)
anchors.register_below(audit)

_COLUMNS = ("seq", "t", "type", "outcome", "reason", "actor", "object", "op")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(audit, name="audit")


@verb(audit, "verify", example="strongroom audit verify --json")
def audit_verify(
    session: Session,
    *,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="A bundle or a .tlog-proof file, checked without any home; else the home's log.",
            show_default=False,
        ),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="For PATH: the log's verifier key.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="For PATH: one kept elsewhere."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", metavar="VKEY", help="For PATH: one that has to have cosigned."),
    ] = None,
) -> None:
    """Verify the whole log, or evidence taken out of one; exit code 1 when anything was changed."""
    if path is not None:
        report = _offline(session, path, key_file, checkpoint or [], witness or [])
    elif key_file is not None or checkpoint or witness:
        raise Malformed("--key, --checkpoint and --witness go with the evidence to verify")
    else:
        report = session.call("audit.verify")
    session.say(report)
    if not report["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(audit, "tail", example="strongroom audit tail --lines 50")
def audit_tail(
    session: Session,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many events.")] = 20,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show the last events; that somebody looked is one itself."""
    found = session.call(
        "audit.tail", as_name=as_name, credential_file=credential_file, limit=lines
    )
    session.say(found, table(_rows(found["events"]), _COLUMNS))


@verb(audit, "find", example="strongroom audit find --type grant.approved --since 2026-03-01")
def audit_find(  # noqa: PLR0913 - one for each thing that entries are found by
    session: Session,
    *,
    type_: Annotated[str | None, typer.Option("--type", help="A type of event.")] = None,
    principal: Annotated[
        str | None, typer.Option("--principal", help="A person's or app's name.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="success, failure, denied or error.")
    ] = None,
    object_: Annotated[
        str | None, typer.Option("--object", help="A kind of object, such as grant.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="INSTANT", help="From.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="INSTANT", help="Up to.")] = None,
    before: Annotated[
        int | None, typer.Option("--before", metavar="SEQ", help="Go on below this event.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many events.")] = 50,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Find events, the newest first; that somebody looked is one itself."""
    found = session.call(
        "audit.find",
        as_name=as_name,
        credential_file=credential_file,
        type_=type_,
        principal=principal,
        outcome=outcome,
        object_=object_,
        since=since,
        until=until,
        before=before,
        limit=lines,
    )
    session.say(found, table(_rows(found["events"]), _COLUMNS))


@verb(audit, "prove", example="strongroom audit prove 17 23 --out proofs")
def audit_prove(
    session: Session,
    *,
    seq: Annotated[list[int], typer.Argument(metavar="SEQ…", help="Numbers of events.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write files, into this directory.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Prove that events stand in the log: its checkpoint, and the hashes that lead there."""
    found = session.call(
        "audit.prove",
        as_name=as_name,
        credential_file=credential_file,
        events=seq,
        directory=_absolute(out),
    )
    if out is not None:
        session.say(found)
    else:
        session.say(found, "\n".join(proved["proof"] for proved in found["proofs"]))


@verb(audit, "consistency", example="strongroom audit consistency --from 512 --to 2048")
def audit_consistency(
    session: Session,
    *,
    old: Annotated[int, typer.Option("--from", metavar="SIZE", help="Events there were.")],
    new: Annotated[int, typer.Option("--to", metavar="SIZE", help="Events there were later.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Prove that the log only grew between two sizes: both checkpoints, and the hashes between."""
    found = session.call(
        "audit.consistency",
        as_name=as_name,
        credential_file=credential_file,
        old=old,
        new=new,
    )
    text = "\n".join([found["old_checkpoint"], found["new_checkpoint"], *found["proof"]])
    session.say(found, text)


@verb(audit, "export", example="strongroom audit export /mnt/usb/2026-q1 --from 0 --to 2048")
def audit_export(
    session: Session,
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new directory.")],
    first: Annotated[
        int | None,
        typer.Option("--from", metavar="SEQ", help="First event; taken down to a multiple of 256."),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--to", metavar="SIZE", help="Events before this; else all.")
    ] = None,
    proof: Annotated[
        list[int] | None, typer.Option("--proof", metavar="SEQ", help="With a proof of this event.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="What for; the log keeps its pseudonym.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write a stretch of the log as files that verify without Strongroom; run again to resume."""
    found = session.call(
        "audit.export",
        as_name=as_name,
        credential_file=credential_file,
        directory=_absolute(directory),
        first=first,
        size=size,
        proofs=proof or [],
        reason=reason,
    )
    session.say(found)


def _offline(
    session: Session, path: Path, key_file: Path | None, kept: list[Path], witnesses: list[str]
) -> dict[str, object]:
    """Return what the bundle's own verifier says: it needs no home, and none is opened."""
    if key_file is None:
        raise Malformed("evidence is verified with --key FILE", hint="not with the bundle's own")
    try:
        key, *notes = (named.read_text() for named in (key_file, *kept))
    except (OSError, UnicodeDecodeError):
        raise Malformed("a file of --key or --checkpoint can't be read") from None
    console = Console(stderr=True)
    with Bars(
        console=console, transient=True, disable=session.as_json or not console.is_terminal
    ) as bars:
        task = bars.add_task("verifying", total=None)
        report = offline.check(
            path,
            key,
            kept=notes,
            witnesses=witnesses,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    return {"ok": report.ok, **report.said, "faults": report.faults}


def _absolute(path: Path | None) -> str | None:
    # The process that serves the home may have another working directory.
    return None if path is None else str(path.absolute())


def _rows(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**event, "actor": event["actor"]["id"], "object": _object(event.get("obj"))}
        for event in events
        if "actor" in event
    ]


def _object(named: dict[str, str] | None) -> str | None:
    return None if named is None else f"{named['kind']} {named['ref']}"
