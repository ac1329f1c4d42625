"""Has the checks of duties look now: `duty check` [2.2, 3]."""

from typing import Annotated

import typer

from strongroom.cli.session import EXIT_REFUSED, Session, table, verb

duty = typer.Typer(help="The policy's duties: how each stands, and why.", no_args_is_help=True)

_COLUMNS = ("duty", "check", "verdict", "why", "remedy")


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    root.add_typer(duty, name="duty")


@verb(duty, "check", example="strongroom duty check 2.1-a")
def duty_check(
    session: Session,
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="DUTY", help="One duty; else all.", show_default=False),
    ] = None,
) -> None:
    """Look at the live system now; exit code 1 where a check fails or could not see."""
    found = session.call("duty.check", duty=name)
    session.say(found, table(found["findings"], _COLUMNS))
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)
