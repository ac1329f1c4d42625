"""Amazon's notices to delete or return data: `notice`."""

import base64
import binascii
import os
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.approving import decisions
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
from strongroom.deletion import offline
from strongroom.deletion.certificate import DOCUMENT, KEY, PAGE, SIGNATURE
from strongroom.errors import Conflict, Malformed
from strongroom.request import Json

notice = typer.Typer(help="Amazon's notices to delete or return data.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NOTICE", show_default=False)]

_COLUMNS = ("id", "kind", "reference", "state", "erase_by", "live_by", "open_parties", "overdue")
_STORES = ("store", "method", "emptied", "checked")
_VERDICTS = ("store", "verdict", "told", "stated_by")
_PARTIES = ("party", "about", "records", "confirmed_by", "confirmed_at")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(notice, name="notice")


@verb(
    notice,
    "register",
    example="strongroom notice register --kind deletion --reference CASE-7 --seller acme "
    "--received 2026-12-01T09:30:00Z",
)
def notice_register(  # noqa: PLR0913 - its options
    session: Session,
    *,
    kind: Annotated[str, typer.Option(metavar="deletion|return", help="What Amazon asks for.")],
    reference: Annotated[str, typer.Option(metavar="TEXT", help="Amazon's number of it.")],
    received: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="When it came: the clocks count from there; else now."
        ),
    ] = None,
    seller: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="Whose data; repeatable; else every selling partner's."),
    ] = None,
    categories: Annotated[
        str | None, typer.Option(metavar="C,…", help="Only records that hold any of these.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Bought on this day or later.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Bought on this day or earlier.")
    ] = None,
    orders_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Order ids, one a line.")
    ] = None,
    emails_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Buyers' e-mail addresses, one a line.")
    ] = None,
    phones_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Buyers' phone numbers, one a line.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Register a notice; 72 hours and 90 days count from when it came."""
    found = session.call(
        "notice.register",
        as_name=as_name,
        credential_file=credential_file,
        kind=kind,
        reference=reference,
        received_at=received,
        sellers=seller or None,
        categories=None if categories is None else split(categories),
        first=first,
        last=last,
        orders=_lines(orders_file, "--orders-file"),
        emails=_lines(emails_file, "--emails-file"),
        phones=_lines(phones_file, "--phones-file"),
    )
    session.say(found, table([found], _COLUMNS))


@verb(notice, "list", example="strongroom notice list --json")
def notice_list(session: Session) -> None:
    """List the notices. Exit code 1: one of them is overdue."""
    found = session.call("notice.list")
    session.say(found, table(found["notices"], _COLUMNS))
    if any(one["overdue"] for one in found["notices"]):
        raise typer.Exit(EXIT_REFUSED)


@verb(notice, "show", example="strongroom notice show 1")
def notice_show(session: Session, number: Number) -> None:
    """Show one notice: its plan with the terms an approval names, steps, stores, parties, and what is lacking."""
    session.say(session.call("notice.show", notice=number))


@verb(notice, "plan", example="strongroom notice plan 1 --store tape-safe")
def notice_plan(
    session: Session,
    number: Number,
    *,
    store: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A store nobody reads from here; repeatable."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="age1…", help="Who opens what is returned; repeatable."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List every store that may hold the data and what is to be done; another person approves it as it is shown."""
    found = session.call(
        "notice.plan",
        as_name=as_name,
        credential_file=credential_file,
        notice=number,
        recipients=recipient or [],
        declared=store or [],
    )
    session.say(found, table((found["plan"] or {})["stores"], _STORES))


decisions(
    notice,
    "notice",
    named=Number,
    argument="notice",
    example="1",
    approve="Approve a plan as it was shown; whoever made it cannot.",
    terms=True,
)


@verb(notice, "run", example="strongroom notice run 1")
def notice_run(
    session: Session,
    number: Number,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone, and it is meant.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Do what the approved plan says; a run that was ended goes on with the same command."""
    if not yes:
        raise Malformed("what is erased never comes back", hint="give --yes")
    found = session.call(
        "notice.run", as_name=as_name, credential_file=credential_file, notice=number
    )
    session.say(found, table(found["steps"], ("step", "done_at")))


@verb(notice, "verify", example="strongroom notice verify 1")
def notice_verify(
    session: Session,
    number: Number,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Read each store for what must be gone. Exit code 1: some was found, or one can't be read and nobody answers."""
    found = session.call(
        "notice.verify", as_name=as_name, credential_file=credential_file, notice=number
    )
    session.say(found, table(found["stores"], _VERDICTS))
    if found["lacks"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(
    notice,
    "confirm",
    example='strongroom notice confirm 1 --party principal.7 --statement "deleted everywhere"',
)
def notice_confirm(
    session: Session,
    number: Number,
    *,
    statement: Annotated[str, typer.Option(metavar="TEXT", help="Names no person or order.")],
    party: Annotated[
        str | None, typer.Option(metavar="P", help="Who received the data, as `show` names it.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="S", help="A store that nobody here can read.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Confirm for a party that it deleted what it received, or answer for a store that can't be read."""
    found = session.call(
        "notice.confirm",
        as_name=as_name,
        credential_file=credential_file,
        notice=number,
        statement=statement,
        party=party,
        store=store,
    )
    session.say(found, table(found["parties"], _PARTIES))


@verb(notice, "certificate", example="strongroom notice certificate 1 --to /srv/certificate-7")
def notice_certificate(
    session: Session,
    number: Annotated[int | None, typer.Argument(metavar="NOTICE", show_default=False)] = None,
    *,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new directory for the certificate.")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Check the certificate there; no home is opened."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --verify: the public key.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Sign a certificate of what was done and found, with the script that checks it; or check one."""
    if verify is not None:
        if key_file is None or number is not None or to is not None:
            raise Malformed("--verify goes with --key-file and nothing else")
        report = offline.check(verify, secret(key_file, "--key-file"))
        lines = [*report.faults, *report.notices, "sound" if report.ok else "NOT sound"]
        session.say({"ok": report.ok, **asdict(report)}, "\n".join(lines))
        raise typer.Exit(0 if report.ok else EXIT_REFUSED)
    if number is None or to is None:
        raise Malformed("a certificate names the notice and --to a directory")
    found = session.call(
        "notice.certificate", as_name=as_name, credential_file=credential_file, notice=number
    )
    names = _write(to, found)
    session.say({"notice": number, "directory": str(to), "files": names, "key": found["key"]})


@verb(notice, "key", example="strongroom notice key")
def notice_key(session: Session) -> None:
    """Print the public key that certificates are checked with: publish it, as the log's."""
    found = session.call("notice.key")
    session.say(found, found["key"])


@verb(notice, "close", example="strongroom notice close 1")
def notice_close(
    session: Session,
    number: Number,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Close a notice of which nothing is left to do or to be confirmed."""
    found = session.call(
        "notice.close", as_name=as_name, credential_file=credential_file, notice=number
    )
    session.say(found, table([found], _COLUMNS))


def _lines(path: Path | None, option: str) -> list[str] | None:
    """Return what a file names: never on the command line, where others could read it."""
    if path is None:
        return None
    return [line.strip() for line in secret(path, option).splitlines() if line.strip()]


def _write(directory: Path, found: Json) -> list[str]:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        raise Conflict("that directory is there already", hint="name a new one") from None
    except OSError as exc:
        raise Malformed(f"the directory can't be made: {exc.strerror}") from None
    script = resources.files("strongroom.deletion").joinpath("offline.py").read_bytes()
    files = {
        DOCUMENT: found["document"].encode(),
        PAGE: _bytes(found["page"]),
        SIGNATURE: found["note"].encode(),
        KEY: f"{found['key']}\n".encode(),
        "verify.py": script,
    }
    for name, content in files.items():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(directory / name, flags, 0o600), "wb") as file:
            file.write(content)
    return sorted(files)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("the page did not arrive whole") from None
