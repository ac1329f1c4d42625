"""Suppliers and facilities: `supplier` [3]."""

from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb

supplier = typer.Typer(
    help="Suppliers: who gets the data besides us, assessed before access and each year.",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Argument(metavar="SUPPLIER", show_default=False)]
_COLUMNS: Final = ("supplier", "role", "name", "countries", "assess_by", "lacks")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(supplier, name="supplier")


@verb(supplier, "list", example="strongroom supplier list")
def supplier_list(
    session: Session,
    *,
    ended: Annotated[bool, typer.Option(help="Those that have ended, too.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List subcontractors and facilities, and what each lacks."""
    found = session.call(
        "supplier.list", as_name=as_name, credential_file=credential_file, ended=ended
    )
    session.say(found, table(found["suppliers"], _COLUMNS))


@verb(supplier, "show", example="strongroom supplier show 2")
def supplier_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show one of them."""
    session.say(
        session.call(
            "supplier.show", as_name=as_name, credential_file=credential_file, supplier=number
        )
    )


@verb(
    supplier,
    "add",
    example="strongroom supplier add 'Example Carrier' --role subcontractor --does 'Prints labels' --country DE",
)
def supplier_add(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    role: Annotated[str, typer.Option(help="subcontractor or facility.")],
    does: Annotated[str, typer.Option(help="What it does with the data.")],
    country: Annotated[list[str], typer.Option(help="A code of two letters; again for more.")],
    destination: Annotated[
        list[str] | None, typer.Option(help="The relay's destination that it is; again for more.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write down a subcontractor, or a facility of ours; another person assesses it."""
    found = session.call(
        "supplier.add",
        as_name=as_name,
        credential_file=credential_file,
        role=role,
        name=name,
        does=does,
        countries=country,
        destinations=destination or [],
    )
    session.say(found)


@verb(supplier, "contract", example="strongroom supplier contract 2 --evidence 7 --audit-clause")
def supplier_contract(
    session: Session,
    *,
    number: Number,
    evidence: Annotated[int, typer.Option(help="The contract in the evidence store.")],
    audit_clause: Annotated[
        bool, typer.Option("--audit-clause/--no-audit-clause", help="It lets Amazon audit there.")
    ],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State which item of evidence is its contract."""
    found = session.call(
        "supplier.contract",
        as_name=as_name,
        credential_file=credential_file,
        supplier=number,
        evidence=evidence,
        audit_clause=audit_clause,
    )
    session.say(found)


@verb(
    supplier,
    "assess",
    example="strongroom supplier assess 2 --passed --note 'ISO 27001 report read' --evidence 8 --as clara",
)
def supplier_assess(
    session: Session,
    *,
    number: Number,
    passed: Annotated[bool, typer.Option("--passed/--failed", help="How it ended.")],
    note: Annotated[str, typer.Option(help="What was looked at, and what was found.")],
    evidence: Annotated[int | None, typer.Option(help="An item of the evidence store.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep an assessment: by another person than wrote it down."""
    found = session.call(
        "supplier.assess",
        as_name=as_name,
        credential_file=credential_file,
        supplier=number,
        note=note,
        passed=passed,
        evidence=evidence,
    )
    session.say(found)


@verb(supplier, "end", example="strongroom supplier end 2")
def supplier_end(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take one off the register: it has the data no more."""
    session.say(
        session.call(
            "supplier.end", as_name=as_name, credential_file=credential_file, supplier=number
        )
    )
