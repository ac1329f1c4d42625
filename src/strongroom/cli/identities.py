"""Who signs on through the provider: `user identity` [1.2]."""

from typing import Annotated

import typer

from strongroom.cli.session import Session, table, verb

identity = typer.Typer(help="Links of people to the OpenID Connect provider.", no_args_is_help=True)

_COLUMNS = ("id", "name", "issuer", "live", "created_at", "ended_at")


def register(user: typer.Typer) -> None:
    """Add `identity` to the noun `user`."""
    user.add_typer(identity, name="identity")


@verb(identity, "link", example="strongroom user identity link anna --subject 248289761001")
def identity_link(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    subject: Annotated[
        str, typer.Option(metavar="SUB", help="What the provider's ID token has as `sub` for them.")
    ],
) -> None:
    """Let a person sign on as this subject of the provider; their second factor stays ours."""
    session.say(session.call("user.identity.link", name=name, subject=subject))


@verb(identity, "list", example="strongroom user identity list anna")
def identity_list(
    session: Session,
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only theirs.", show_default=False)
    ] = None,
) -> None:
    """List the links, ended ones too; subjects are stored as keyed digests and not shown."""
    found = session.call("user.identity.list", name=name)
    session.say(found, table(found["identities"], _COLUMNS))


@verb(identity, "unlink", example="strongroom user identity unlink 3")
def identity_unlink(
    session: Session,
    *,
    id_: Annotated[int, typer.Argument(metavar="ID", show_default=False)],
) -> None:
    """End a link: nobody signs on by it any more."""
    session.say(session.call("user.identity.unlink", identity=id_))
