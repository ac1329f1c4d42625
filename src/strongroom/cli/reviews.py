"""Looking again at who has access, every 90 days: `review` [1.2]."""

from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, split, table, verb
from strongroom.request import Json

review = typer.Typer(help="Reviews of who has access, every 90 days.", no_args_is_help=True)

Review = Annotated[int, typer.Argument(metavar="REVIEW", show_default=False)]

_COLUMNS = (
    "item",
    "grant",
    "principal",
    "action",
    "purpose",
    "categories",
    "state",
    "marks",
    "reads",
    "last_read_at",
    "due_at",
    "decision",
)


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(review, name="review")


@verb(review, "start", example="strongroom review start")
def review_start(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """Take the list of who has access, with real reads and marks, and open a campaign."""
    _say(session, session.call("review.start", as_name=as_name, credential_file=credential_file))


@verb(review, "show", example="strongroom review show 1")
def review_show(
    session: Session,
    *,
    number: Annotated[int | None, typer.Argument(metavar="[REVIEW]", show_default=False)] = None,
) -> None:
    """Show a campaign; without a number, all of them and what a broken glass left to review."""
    found = session.call("review.show", review=number)
    if number is not None:
        _say(session, found)
        return
    if not session.as_json and found["break_glass"]:
        session.warn(f"{len(found['break_glass'])} broken glass to review; --json shows them")
    columns = ("review", "state", "started_at", "row_count", "population_sha256", "closed_at")
    session.say(found, table(found["reviews"], columns))


@verb(
    review,
    "decide",
    example="strongroom review decide 7 keep --days 90 --as boris --credential-file boris.json",
)
def review_decide(  # noqa: PLR0913 - one decision's parts
    session: Session,
    *,
    item: Annotated[int, typer.Argument(metavar="ITEM", show_default=False)],
    decision: Annotated[str, typer.Argument(metavar="keep|change|revoke", show_default=False)],
    days: Annotated[
        int | None, typer.Option(help="keep: until then from now; change: an earlier end.")
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="change: only these kinds of data.")
    ] = None,
    seller: Annotated[
        list[str] | None, typer.Option(metavar="S", help="change: only these sellers.")
    ] = None,
    budget: Annotated[int | None, typer.Option(help="change: a smaller budget.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep, narrow or revoke one grant; nobody decides about access of their own."""
    session.say(
        session.call(
            "review.decide",
            as_name=as_name,
            credential_file=credential_file,
            item=item,
            decision=decision,
            days=days,
            categories=None if categories is None else split(categories),
            sellers=seller or None,
            budget=budget,
        )
    )


@verb(review, "close", example="strongroom review close 1")
def review_close(
    session: Session,
    *,
    number: Review,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Prove what was revoked, and close; refused while a living grant waits for its decision."""
    session.say(
        session.call(
            "review.close", as_name=as_name, credential_file=credential_file, review=number
        )
    )


def _say(session: Session, found: Json) -> None:
    rows = [{**item["grant"], **item, "grant": item["grant"]["id"]} for item in found["items"]]
    session.say(found, table(rows, _COLUMNS))
