"""The keystore: `keys`."""

import typer

from strongroom.cli.session import Session, table, verb

keys = typer.Typer(help="The keystore.", no_args_is_help=True)

PERIOD = ("id", "seller", "kind", "day", "generation", "created_at", "destroyed_at")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(keys, name="keys")


@verb(keys, "list", example="strongroom keys list --json")
def keys_list(session: Session) -> None:
    """List the period keys, destroyed ones too; never a key."""
    found = session.call("keys.list")
    session.say(found, table(found["periods"], PERIOD))
