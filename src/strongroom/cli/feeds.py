"""By which ways the log reaches collectors: `feed`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.channels import Name, address
from strongroom.cli.session import (
    AsOption,
    CredentialOption,
    Session,
    secret,
    table,
    verb,
)
from strongroom.errors import Malformed
from strongroom.feeds.destinations import Format

feed = typer.Typer(help="By which ways the log reaches collectors.", no_args_is_help=True)

_COLUMNS = (
    "name",
    "kind",
    "place",
    "format",
    "state",
    "cursor",
    "lag",
    "paused",
    "fault",
    "stopped_since",
)


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(feed, name="feed")


@verb(
    feed,
    "add",
    example="strongroom feed add siem --syslog logs.example.com:6514 --ca siem-ca.pem --format ocsf",
)
def feed_add(  # noqa: PLR0913 - its options
    session: Session,
    *,
    name: Name,
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", metavar="FILE", help="A file of JSON lines.")
    ] = None,
    syslog: Annotated[
        str | None, typer.Option("--syslog", metavar="HOST:PORT", help="A syslog server, by TLS.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            "--webhook", metavar="URL|FILE", help="An https:// address, or a file that holds one."
        ),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="ocsf|native", help="How an entry is written.")
    ] = Format.OCSF.value,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM to trust instead of the public roots.")
    ] = None,
    client_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For --syslog: our certificate, PEM.")
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For --syslog: its key, PEM.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For --webhook: sign with this secret.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that the log go to a collector; it does once another person approves it."""
    who = {"as_name": as_name, "credential_file": credential_file, "format": format_}
    pem = None if ca is None else secret(ca, "--ca")
    if [jsonl, syslog, webhook].count(None) != 2:  # noqa: PLR2004 - one of three
        hint = "one of --jsonl, --syslog and --webhook"
        raise Malformed("a feed has one collector", hint=hint)
    if jsonl is not None:
        row = session.call("feed.add.jsonl", **who, name=name, path=str(jsonl.absolute()))  # type: ignore[arg-type] # who asks
    elif syslog is not None:
        row = session.call(
            "feed.add.syslog",
            **who,  # type: ignore[arg-type] # who asks
            name=name,
            server=syslog,
            ca=pem,
            certificate=_absolute(client_cert),
            certificate_key=_absolute(client_key),
        )
    elif webhook is not None:
        row = session.call(
            "feed.add.webhook",
            **who,  # type: ignore[arg-type] # who asks
            name=name,
            url=address(webhook),
            secret=None if secret_file is None else secret(secret_file, "--secret-file"),
            ca=pem,
        )
    session.say(row)


@verb(feed, "list", example="strongroom feed list --json")
def feed_list(session: Session) -> None:
    """List the feeds, how far each is, and what went wrong last; nothing that is secret."""
    found = session.call("feed.list")
    session.say(found, table(found["feeds"], _COLUMNS))


@verb(feed, "test", example="strongroom feed test siem")
def feed_test(session: Session, name: Name) -> None:
    """Send the newest entry once more; exit code 1 when the collector does not take it."""
    session.say(session.call("feed.test", name=name))


@verb(feed, "pause", example="strongroom feed pause siem")
def feed_pause(
    session: Session,
    name: Name,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Send nothing for now; what is recorded meanwhile goes afterwards."""
    _ask(session, "feed.pause", name, as_name, credential_file)


@verb(feed, "resume", example="strongroom feed resume siem")
def feed_resume(
    session: Session,
    name: Name,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Send again, from where it stopped."""
    _ask(session, "feed.resume", name, as_name, credential_file)


def _ask(
    session: Session, operation: str, name: str, as_name: str | None, credential: Path | None
) -> None:
    session.say(session.call(operation, as_name=as_name, credential_file=credential, name=name))


def _absolute(path: Path | None) -> str | None:
    # The process that serves the home may have another working directory.
    return None if path is None else str(path.absolute())


decisions(
    feed,
    "feed",
    named=Name,
    argument="name",
    example="siem",
    remove="Ask for a feed's end; it goes on until another person approves that.",
    approve="Approve what another person asked for: a feed, or its end.",
    reject="Refuse what was asked for; a feed whose end was asked for stays.",
    terms=True,
)
