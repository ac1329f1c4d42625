"""What carries personal data: `catalogue`."""

from typing import Annotated

import typer

from strongroom.cli import catalogue_check
from strongroom.cli.session import Session, table, verb
from strongroom.errors import NotFound
from strongroom.policy.catalogue import Catalogue, Operation
from strongroom.policy.catalogue.listing import listed
from strongroom.request import Json

catalogue = typer.Typer(help="What carries personal data.", no_args_is_help=True)
catalogue_check.register(catalogue)

_LEAF = ("part", "path", "class", "category", "person", "purposes")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(catalogue, name="catalogue")


@verb(catalogue, "show", example="strongroom catalogue show getOrders")
def catalogue_show(
    session: Session,
    *,
    operation: Annotated[
        str | None, typer.Argument(metavar="OPERATION", show_default=False)
    ] = None,
) -> None:
    """Show the operations that the catalogue knows, or every leaf of one; others are refused."""
    known = Catalogue.load().operations.values()
    if operation is None:
        rows = [_shown(entry) for entry in known]
        session.say({"operations": rows}, table(rows, ("id", "method", "path", "restricted")))
        return
    named = [entry for entry in known if operation in (entry.id, entry.name)]
    if not named:
        raise NotFound(
            "the catalogue knows no operation of this name",
            hint="`strongroom catalogue show` lists all",
        )
    rows = [{**_shown(entry), "leaves": _leaves(entry)} for entry in named]
    told = [{"operation": row["id"], **leaf} for row in rows for leaf in row["leaves"]]
    columns = _LEAF if len(named) == 1 else ("operation", *_LEAF)
    session.say({"operations": rows}, table(told, columns))


@verb(catalogue, "drift", example="strongroom catalogue drift --json")
def catalogue_drift(session: Session) -> None:
    """Show where Amazon's answers differed from its models; such values became tokens."""
    found = session.call("catalogue.drift")
    columns = ("operation", "path", "kind", "count", "first_seen_at", "last_seen_at")
    session.say(found, table(found["drift"], columns))


def _shown(operation: Operation) -> Json:
    return {
        "id": operation.id,
        "method": operation.method,
        "path": operation.template,
        "restricted": operation.restricted,
        "closed": operation.closed,
        "read_only": operation.read_only,
        "rdt_elements": sorted(operation.rdt_elements),
        "subjects": [
            {"kind": subject.kind, "at": subject.at, "id": subject.id}
            for subject in operation.subjects
        ],
    }


def _leaves(operation: Operation) -> list[Json]:
    return [
        {
            "part": leaf.part,
            "path": leaf.path,
            "class": leaf.class_,
            "type": leaf.type,
            "category": leaf.category,
            "slot": leaf.slot,
            "person": leaf.person,
            "purposes": list(leaf.purposes),
        }
        for leaf in listed(operation)
    ]
