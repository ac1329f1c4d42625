"""What is destroyed when, and why then: `retention`."""

from typing import Annotated

import typer

from strongroom.cli.evidence import PERIOD
from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb

retention = typer.Typer(help="What is destroyed when, and why then.", no_args_is_help=True)

_OPEN = ("record", "seller", "status", "purchased_at", "last_seen_undelivered", "pending_until")
_FACTS = ("what", "origin", "at", "heard_at", "decides", "why")
_RULES = ("id", "days", "counts_from", "clause", "says")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(retention, name="retention")


@verb(retention, "sweep", example="strongroom retention sweep --json")
def retention_sweep(
    session: Session,
    *,
    confirm_clock: Annotated[
        bool,
        typer.Option(
            "--confirm-clock",
            help="The clock is right, however far it is ahead. Two people say so, one after the other.",
        ),
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Destroy what is due now, and move on what is not yet delivered."""
    session.say(
        session.call(
            "retention.sweep",
            as_name=as_name,
            credential_file=credential_file,
            confirm_clock=confirm_clock,
        )
    )


@verb(retention, "show", example="strongroom retention show 902-3159896-1390916 --seller acme")
def retention_show(
    session: Session,
    order: Annotated[
        str | None, typer.Argument(help="An order's id: its facts, the rule and the date.")
    ] = None,
    *,
    seller: Annotated[
        str | None, typer.Option("--seller", metavar="NAME", help="Whose order it is.")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="The records whose delivery is unknown; no ids.")
    ] = False,
) -> None:
    """Show the live periods, or how an order's date came about; never a value."""
    found = session.call("retention.show", order=order, seller=seller, open_=open_)
    if order is not None:
        session.say(found, _of_order(found))
    elif open_:
        session.say(found, table(found["open"], _OPEN))
    else:
        session.say(found, table(found["periods"], PERIOD[:-1]))


@verb(retention, "status", example="strongroom retention status --json")
def retention_status(session: Session) -> None:
    """Show whether anything is past its date: numbers alone."""
    session.say(session.call("retention.status"))


@verb(retention, "rules", example="strongroom retention rules")
def retention_rules(session: Session) -> None:
    """Show the rules of disposal with their clauses, strongest first."""
    found = session.call("retention.rules")
    parts = table(found["parts"], ("id", "goes_at", "clause", "says"))
    session.say(found, f"{table(found['rules'], _RULES)}\n{parts}")


def _of_order(found: dict[str, object]) -> str:
    facts = table(found["facts"], _FACTS) if found["facts"] else ""  # type: ignore[arg-type]
    return f"{found['words']}\n{facts}".rstrip()
