"""The whole path in one command: `demo`."""

import sys
from typing import Annotated

import typer

from strongroom.cli.session import Session, verb
from strongroom.errors import Malformed
from strongroom.tour import DEFAULT_ORDERS, FEWEST_ORDERS, run


def register(root: typer.Typer) -> None:
    """Add this verb to the command line."""

    @verb(root, "demo", example="strongroom demo --once --json")
    def demo(
        session: Session,
        once: Annotated[
            bool, typer.Option("--once", help="End when all is shown instead of serving on.")
        ] = False,
        orders: Annotated[
            int, typer.Option(help=f"How many orders are invented; at least {FEWEST_ORDERS}.")
        ] = DEFAULT_ORDERS,
    ) -> None:
        """Show all of it on invented orders, in a new home; exit code 1 when a promise is broken."""
        if session.now is not None:
            raise Malformed("the demo moves the time by itself")
        # STRONGROOM_HOME is somebody's home: the demo makes its own.
        code = run(
            once=once,
            json_output=session.as_json,
            home=session.home_option,
            stream=sys.stdout,
            orders=orders,
        )
        raise typer.Exit(code)
