"""The listeners' certificate: `tls`."""

import typer

from strongroom.cli.session import Session, verb

tls = typer.Typer(help="The certificate of the listeners.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(tls, name="tls")


@verb(tls, "show", example="strongroom tls show --json")
def tls_show(session: Session) -> None:
    """Show the certificate that the listeners show, and what they speak."""
    session.say(session.call("tls.show"))


@verb(tls, "rotate", example="strongroom tls rotate --json")
def tls_rotate(session: Session) -> None:
    """Make a new key and a new certificate now; a running `serve` uses them within seconds."""
    session.say(session.call("tls.rotate"))
