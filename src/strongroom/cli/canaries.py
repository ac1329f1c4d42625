"""Canary records: `canary list`, `status`, `plant`, `rotate` and `check` [2.6]. Which they are, no command tells."""

from typing import Annotated

import typer

from strongroom.cli.session import EXIT_REFUSED, Session, table, verb

canary = typer.Typer(
    help="Orders of nobody among real ones: whoever reads one is frozen.", no_args_is_help=True
)

SellerOption = Annotated[
    str | None, typer.Option(metavar="S", help="Only this selling partner's.", show_default=False)
]
_COLUMNS = ("seller", "wanted", "untouched", "touched", "missing", "oldest_days", "newest_days")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(canary, name="canary")


@verb(canary, "list", example="strongroom canary list")
def canary_list(session: Session) -> None:
    """Count each selling partner's canaries, with the age of the oldest and the newest."""
    found = session.call("canary.list")
    session.say(found, table(found["canaries"], _COLUMNS))


@verb(canary, "status", example="strongroom canary status")
def canary_status(session: Session) -> None:
    """Say whether there are enough, and when they were last checked; exit code 1 where something is missing."""
    found = session.call("canary.status")
    session.say(found)
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(canary, "plant", example="strongroom canary plant --seller acme")
def canary_plant(
    session: Session,
    *,
    seller: SellerOption = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", help="So many; else as many as are wanted.")
    ] = None,
) -> None:
    """Plant canaries at once; while the home is served they come by themselves, with real orders."""
    found = session.call("canary.plant", seller=seller, count=count)
    session.say(found, _told(found["planted"]))


@verb(canary, "rotate", example="strongroom canary rotate")
def canary_rotate(session: Session, *, seller: SellerOption = None) -> None:
    """Plant new canaries and count the old ones no more; they still freeze whoever reads them until their day."""
    found = session.call("canary.rotate", seller=seller)
    session.say(found, _told(found["planted"]))


@verb(canary, "check", example="strongroom canary check")
def canary_check(session: Session, *, seller: SellerOption = None) -> None:
    """Touch one through the real door and see that it is told and frozen; do it every month."""
    found = session.call("canary.check", seller=seller)
    session.say(found)
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


def _told(planted: dict[str, int]) -> str:
    return "\n".join(f"{seller}: {count} planted" for seller, count in planted.items())
