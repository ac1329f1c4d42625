"""What holds and what happened: `retention`, `keys`."""

from typing import Annotated

import typer

from strongroom.cli.session import Session, table, verb

retention = typer.Typer(help="What is destroyed when.", no_args_is_help=True)
keys = typer.Typer(help="The keystore.", no_args_is_help=True)

_PERIOD = ("id", "seller", "kind", "day", "generation", "created_at", "destroyed_at")


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(retention, name="retention")
    root.add_typer(keys, name="keys")


@verb(retention, "sweep", example="strongroom retention sweep --json")
def retention_sweep(
    session: Session,
    *,
    confirm_clock: Annotated[
        bool,
        typer.Option("--confirm-clock", help="The clock is right, however far it is ahead."),
    ] = False,
) -> None:
    """Destroy what is due now, and move on what is not yet delivered."""
    session.say(session.call("retention.sweep", confirm_clock=confirm_clock))


@verb(retention, "show", example="strongroom retention show")
def retention_show(session: Session) -> None:
    """Show the live periods: a day's records become unreadable together."""
    found = session.call("retention.show")
    session.say(found, table(found["periods"], _PERIOD[:-1]))


@verb(keys, "list", example="strongroom keys list --json")
def keys_list(session: Session) -> None:
    """List the period keys, destroyed ones too; never a key."""
    found = session.call("keys.list")
    session.say(found, table(found["periods"], _PERIOD))
