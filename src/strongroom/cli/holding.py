"""What a law requires to be kept, of what, and until when: `hold`."""

from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.session import AsOption, CredentialOption, Session, split, table, verb

hold = typer.Typer(
    help="What a law requires to be archived when its day has come.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="HOLD", show_default=False)]
Change = Annotated[int, typer.Argument(metavar="CHANGE", show_default=False)]
Until = Annotated[str, typer.Option(metavar="DAY", help="Its last day, as 2034-12-31.")]

_COLUMNS = (
    "hold",
    "in_effect",
    "law",
    "reference",
    "categories",
    "sellers",
    "until",
    "review_due_at",
)
_WAITING = ("change", "kind", "hold", "until", "requested_by", "terms")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(hold, name="hold")


@verb(
    hold,
    "place",
    example="strongroom hold place --law DE-USTG-14B --reference 14b.1 --reason tax_retention "
    "--categories name,address,tax_id --purchased-from 2026-01-01 --purchased-to 2026-12-31 --until 2034-12-31",
)
def hold_place(  # noqa: PLR0913 - its options
    session: Session,
    *,
    law: Annotated[str, typer.Option(metavar="CODE", help="One that `hold laws` lists.")],
    reference: Annotated[str, typer.Option(metavar="N", help="The paragraph, in numbers.")],
    reason: Annotated[
        str, typer.Option(metavar="WORD", help="tax_retention, tax_audit or authority_order.")
    ],
    categories: Annotated[str, typer.Option(metavar="C,…", help="The data that the law needs.")],
    purchased_from: Annotated[str, typer.Option(metavar="DAY", help="Orders from this day on.")],
    purchased_to: Annotated[
        str, typer.Option(metavar="DAY", help="Until this one, a year at most.")
    ],
    until: Until,
    seller: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="Whose buyers; repeatable; else every partner's."),
    ] = None,
    country: Annotated[
        list[str] | None,
        typer.Option(metavar="CC", help="Partners with a marketplace there; repeatable."),
    ] = None,
    order: Annotated[
        str | None, typer.Option(metavar="ID", help="One order; kept as a keyed hash.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="E", help="One buyer; kept as a keyed hash.")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(metavar="P", help="One buyer; kept as a keyed hash.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for a hold; it holds once another person approved it. Nothing stays readable by it."""
    asked = session.call(
        "legal_hold.place",
        as_name=as_name,
        credential_file=credential_file,
        law=law,
        reference=reference,
        reason=reason,
        categories=split(categories),
        purchased_from=purchased_from,
        purchased_to=purchased_to,
        until=until,
        sellers=seller or None,
        countries=country or None,
        order=order,
        email=email,
        phone=phone,
    )
    session.say(asked)


@verb(hold, "laws", example="strongroom hold laws --json")
def hold_laws(session: Session) -> None:
    """List the laws that a hold may name, with the most that each can ask for."""
    found = session.call("legal_hold.laws")
    session.say(found, table(found["laws"], ("code", "country", "source", "years", "categories")))


@verb(hold, "list", example="strongroom hold list --json")
def hold_list(session: Session) -> None:
    """List the holds there are and were, and what waits for its second person."""
    found = session.call("legal_hold.list")
    session.say(found, table(found["holds"], _COLUMNS))
    if found["waiting"] and not session.as_json:
        session.say(found, table(found["waiting"], _WAITING))


@verb(hold, "show", example="strongroom hold show 3")
def hold_show(session: Session, number: Number) -> None:
    """Show one hold: all that was agreed on, and its archives."""
    session.say(session.call("legal_hold.show", hold=number))


@verb(hold, "extend", example="strongroom hold extend 3 --until 2036-12-31")
def hold_extend(
    session: Session,
    number: Number,
    *,
    until: Until,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a hold end later, as far as its law goes; pending until another person approves it."""
    session.say(
        session.call(
            "legal_hold.extend",
            as_name=as_name,
            credential_file=credential_file,
            hold=number,
            until=until,
        )
    )


@verb(hold, "release", example="strongroom hold release 3")
def hold_release(
    session: Session,
    number: Number,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a hold end, and its archives be destroyed; pending until another person approves it."""
    session.say(
        session.call(
            "legal_hold.release", as_name=as_name, credential_file=credential_file, hold=number
        )
    )


@verb(hold, "review", example="strongroom hold review 3 --as anna --credential-file anna.json")
def hold_review(
    session: Session,
    number: Number,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Confirm that the law still asks for a hold: due twice a year."""
    session.say(
        session.call(
            "legal_hold.review", as_name=as_name, credential_file=credential_file, hold=number
        )
    )


decisions(
    hold,
    "hold",
    named=Change,
    argument="change",
    example="4",
    approve="Approve what another person asked for: a hold, its extension or its release.",
    reject="Refuse what was asked for; a hold that is there stays as it is.",
    terms=True,
    operations="legal_hold",
)
