"""How people come in: `user invite`, and `user link` while nobody has [1.2]."""

from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, verb
from strongroom.request import Json

ONCE: Final = "the link is shown this once, is good for a day, and lets whoever has it in: hand it over yourself"


def register(user: typer.Typer) -> None:
    """Add these verbs to `user`."""
    verb(user, "invite", example="strongroom user invite anna --json")(_invite)
    verb(user, "link", example="strongroom user link --json")(_link)


def told(first_sign_on: Json) -> str:
    """Return a link for people: where it leads, or the code alone."""
    until = f"(until {first_sign_on['expires_at'][:16]} UTC)"
    if first_sign_on["url"] is None:
        return f"{first_sign_on['code']} {until}, on the desk's page /welcome"
    return f"{first_sign_on['url']} {until}"


def _invite(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Give a person a one-time link, for the first sign-on or after losing everything; unknown ones become known.

    Using it ends their earlier password, second factors and sessions. The console may, or another person who may
    administer.
    """
    made = session.call("user.invite", as_name=as_name, credential_file=credential_file, name=name)
    session.warn(ONCE)
    session.say(made)


def _link(session: Session) -> None:
    """Make a new link for the first administrator, at the console, while nobody has signed on; the one before ends."""
    made = session.call("user.link")
    session.warn(ONCE)
    session.say(made, told(made["first_sign_on"]))
