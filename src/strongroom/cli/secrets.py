"""This installation's own secrets: `secret`, `keys passphrase` and `seller rotate` [1.4, 2.5]."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.access import Name, seller
from strongroom.cli.evidence import keys
from strongroom.cli.session import Session, secret, table, verb
from strongroom.errors import Malformed

secrets = typer.Typer(
    help="Secrets of the installation itself: how old they are.", no_args_is_help=True
)

_COLUMNS = ("state", "name", "age_days", "limit_days", "ends_at", "rotate")


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(secrets, name="secret")


@verb(secrets, "list", example="strongroom secret list")
def secret_list(session: Session) -> None:
    """List the installation's secrets with their age and limit; never what they are."""
    found = session.call("secret.list")
    session.say(found, table(found["secrets"], _COLUMNS))


@verb(secrets, "rotate", example="strongroom secret rotate vault-database --url-file /run/new-url")
def secret_rotate(
    session: Session,
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[vault-database|keystore-database|smtp:CHANNEL]", show_default=False
        ),
    ],
    url_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The database's URL with the new password.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The mail server's new password.")
    ] = None,
) -> None:
    """Use a new password from now on, without a stop; the database or mail server has to know it already."""
    if (url_file is None) == (password_file is None):
        raise Malformed("a database has --url-file, a mail server --password-file")
    made = session.call(
        "secret.rotate",
        name=name,
        url=None if url_file is None else secret(url_file, "--url-file"),
        password=None if password_file is None else secret(password_file, "--password-file"),
    )
    if "update" in made:
        session.warn(f"now change {made['update']}")
    session.say(made)


@verb(seller, "rotate", example="strongroom seller rotate acme --client-secret-file /run/new")
def seller_rotate(
    session: Session,
    *,
    name: Name,
    client_secret_file: Annotated[
        Path, typer.Option(metavar="FILE", help="The new LWA client secret.")
    ],
    refresh_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new LWA refresh token; else the one before stays."),
    ] = None,
) -> None:
    """Put a new LWA client secret in place of the one before, once Login with Amazon takes it."""
    token = (
        None if refresh_token_file is None else secret(refresh_token_file, "--refresh-token-file")
    )
    session.say(
        session.call(
            "seller.rotate",
            name=name,
            client_secret=secret(client_secret_file, "--client-secret-file"),
            refresh_token=token,
        )
    )


@verb(keys, "passphrase", example="strongroom keys passphrase --passphrase-file /run/new")
def keys_passphrase(
    session: Session,
    *,
    passphrase_file: Annotated[Path, typer.Option(metavar="FILE", help="The new passphrase.")],
    current_passphrase_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The one before, where the home's own file is changed."),
    ] = None,
) -> None:
    """Seal the root key under a new passphrase; nothing else changes, and nothing stops."""
    current = (
        None
        if current_passphrase_file is None
        else secret(current_passphrase_file, "--current-passphrase-file")
    )
    made = session.call(
        "keys.passphrase",
        passphrase=secret(passphrase_file, "--passphrase-file"),
        current=current,
    )
    session.warn(f"now update {made['update']}")
    session.warn(f"destroy {made['destroy']}")
    session.say(made)
