"""What holds and what happened: `retention`, `catalogue`, `keys`."""

from typing import Annotated

import typer

from strongroom.cli.session import Session, table, verb
from strongroom.policy.catalogue import Catalogue

retention = typer.Typer(help="What is destroyed when.", no_args_is_help=True)
catalogue = typer.Typer(help="What carries personal data.", no_args_is_help=True)
keys = typer.Typer(help="The keystore.", no_args_is_help=True)

_PERIOD = ("id", "seller", "kind", "day", "generation", "created_at", "destroyed_at")


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(retention, name="retention")
    root.add_typer(catalogue, name="catalogue")
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


@verb(catalogue, "show", example="strongroom catalogue show getOrders")
def catalogue_show(
    session: Session,
    *,
    operation: Annotated[
        str | None, typer.Argument(metavar="OPERATION", show_default=False)
    ] = None,
) -> None:
    """Show the operations that the catalogue knows; others are refused."""
    known = Catalogue.load().operations.values()
    rows = [
        {
            "id": entry.id,
            "method": entry.method,
            "path": entry.template,
            "restricted": entry.restricted,
            "read_only": entry.read_only,
            "rdt_elements": sorted(entry.rdt_elements),
        }
        for entry in known
        if operation in (None, entry.id, entry.name)
    ]
    session.say({"operations": rows}, table(rows, ("id", "method", "path", "restricted")))


@verb(catalogue, "drift", example="strongroom catalogue drift --json")
def catalogue_drift(session: Session) -> None:
    """Show where Amazon's answers differed from its models; such values became tokens."""
    found = session.call("catalogue.drift")
    columns = ("operation", "path", "kind", "count", "last_seen_at")
    session.say(found, table(found["drift"], columns))


@verb(keys, "list", example="strongroom keys list --json")
def keys_list(session: Session) -> None:
    """List the period keys, destroyed ones too; never a key."""
    found = session.call("keys.list")
    session.say(found, table(found["periods"], _PERIOD))
