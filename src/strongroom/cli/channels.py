"""By which ways alarms reach people: `alarm channel`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.session import (
    AsOption,
    CredentialOption,
    Session,
    secret,
    table,
    verb,
)
from strongroom.errors import Malformed
from strongroom.feeds.courier import BUNDLED
from strongroom.feeds.destinations import Security

channel = typer.Typer(help="By which ways alarms reach people.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]

_COLUMNS = ("name", "kind", "place", "state", "health", "fault", "waiting", "dead", "delivered_at")
_DEAD = ("id", "step", "kind", "severity", "at", "alarm", "tries", "fault", "dead_at")


def register(alarm: typer.Typer) -> None:
    """Add this noun to those of alarms."""
    alarm.add_typer(channel, name="channel")


@verb(
    channel,
    "add",
    example="strongroom alarm channel add ops --smtp mail.example.com:587 --from strongroom@example.com"
    " --to ops@example.com --user strongroom --password-file /run/mail-password",
)
def channel_add(  # noqa: PLR0913 - its options
    session: Session,
    *,
    name: Name,
    smtp: Annotated[
        str | None, typer.Option("--smtp", metavar="HOST:PORT", help="A mail server.")
    ] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Who the mail is from.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="ADDRESS", help="Who gets it; repeatable.")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls/--starttls", help="TLS at once, or STARTTLS; never without.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Without TLS, to 127.0.0.1 or [::1] alone.")
    ] = False,
    user: Annotated[str | None, typer.Option(metavar="U", help="Log in there as.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With this password.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            "--webhook", metavar="URL|FILE", help="An https:// address, or a file that holds one."
        ),
    ] = None,
    template: Annotated[
        str, typer.Option(metavar="NAME|FILE", help=f"The payload: a file, {', '.join(BUNDLED)}.")
    ] = BUNDLED[0],
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Sign what is posted with this secret.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What {{key}} in the payload stands for.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM to trust instead of the public roots.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for a mail server or a webhook; used once another person approves it."""
    if (smtp is None) == (webhook is None):
        raise Malformed("a channel is a mail server or a webhook", hint="--smtp or --webhook")
    who = {"as_name": as_name, "credential_file": credential_file}
    if smtp is not None:
        if sender is None or not to:
            raise Malformed("a mail has a sender and recipients", hint="--from and --to")
        security = Security.TLS if tls else Security.STARTTLS
        row = session.call(
            "channel.add.smtp",
            **who,  # type: ignore[arg-type] # the two options of who asks
            name=name,
            server=smtp,
            sender=sender,
            recipients=to,
            security=(Security.PLAIN if plain else security).value,
            user=user,
            password=_read(password_file, "--password-file"),
            ca=_read(ca, "--ca"),
        )
    elif webhook is not None:
        named = template in BUNDLED
        row = session.call(
            "channel.add.webhook",
            **who,  # type: ignore[arg-type] # as above
            name=name,
            url=address(webhook),
            template=None if named else _read(Path(template), "--template"),
            payload=template if named else BUNDLED[0],
            secret=_read(secret_file, "--secret-file"),
            key=_read(key_file, "--key-file"),
            ca=_read(ca, "--ca"),
        )
    session.say(row)


@verb(channel, "list", example="strongroom alarm channel list --json")
def channel_list(session: Session) -> None:
    """List the channels and whether they work; nothing that is secret."""
    found = session.call("channel.list")
    session.say(found, table(found["channels"], _COLUMNS))


@verb(channel, "test", example="strongroom alarm channel test ops")
def channel_test(session: Session, name: Name) -> None:
    """Send a heartbeat now; exit code 1 when it does not arrive."""
    session.say(session.call("channel.test", name=name))


@verb(channel, "dead", example="strongroom alarm channel dead ops")
def channel_dead(session: Session, name: Name) -> None:
    """List the notices that could not be delivered and are no longer tried."""
    found = session.call("channel.dead", name=name)
    session.say(found, table(found["dead"], _DEAD))


@verb(channel, "retry", example="strongroom alarm channel retry ops")
def channel_retry(
    session: Session,
    name: Name,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Try the dead letters of a channel again."""
    _ask(session, "channel.retry", name, as_name, credential_file)


def address(given: str) -> str:
    """Return a webhook's address: given itself, or in a file, because it is a secret at many services."""
    return given if "://" in given else secret(Path(given), "--webhook")


def _ask(
    session: Session, operation: str, name: str, as_name: str | None, credential: Path | None
) -> None:
    session.say(session.call(operation, as_name=as_name, credential_file=credential, name=name))


def _read(path: Path | None, option: str) -> str | None:
    return None if path is None else secret(path, option)


decisions(
    channel,
    "alarm channel",
    named=Name,
    argument="name",
    example="ops",
    remove="Ask for a channel's end; it is used until another person approves that.",
    approve="Approve what another person asked for: a channel, or its end.",
    reject="Refuse what was asked for; a channel whose end was asked for stays.",
    terms=True,
)
