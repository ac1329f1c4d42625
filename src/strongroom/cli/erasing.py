"""Erasure before the day: `erase record`, `order`, `buyer` and `seller` [1.7]."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom.cli.session import (
    ApproverCredentialOption,
    ApproverOption,
    AsOption,
    CredentialOption,
    Session,
    approver_secret,
    verb,
)
from strongroom.errors import Malformed

erase = typer.Typer(help="Erase what must not be kept until its day.", no_args_is_help=True)

FinalOption = Annotated[
    bool, typer.Option("--final", help="In every backup too: the keys that ever wrapped it go.")
]
AloneOption = Annotated[
    bool, typer.Option("--without-backup", help="Make no backup before the old keys go.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Only count what would be erased.")]
YesOption = Annotated[bool, typer.Option("--yes", help="It cannot be undone, and is meant.")]
Why = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Recorded as an HMAC, never as text."),
]


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(erase, name="erase")


@verb(erase, "record", example="strongroom erase record 4711 --final --dry-run")
def erase_record(  # noqa: PLR0913 - its options
    session: Session,
    *,
    record: Annotated[str, typer.Argument(metavar="NUMBER", show_default=False)],
    final: FinalOption = False,
    without_backup: AloneOption = False,
    dry_run: DryOption = False,
    yes: YesOption = False,
    reason: Why = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Erase one record: its values, its key and what finds it."""
    _run(
        session,
        "erase.record",
        dry_run=dry_run,
        yes=yes,
        as_name=as_name,
        credential_file=credential_file,
        record=record,
        final=final,
        without_backup=without_backup,
        reason=reason,
    )


@verb(
    erase,
    "order",
    example="strongroom erase order 302-1234567-1234567 --seller acme --yes",
)
def erase_order(  # noqa: PLR0913 - its options
    session: Session,
    *,
    order: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="- reads standard input.")
    ],
    seller: Annotated[str, typer.Option(metavar="S", help="Whose order.")],
    final: FinalOption = False,
    without_backup: AloneOption = False,
    dry_run: DryOption = False,
    yes: YesOption = False,
    reason: Why = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Erase an order; fetched again it is not stored again."""
    _run(
        session,
        "erase.order",
        dry_run=dry_run,
        yes=yes,
        as_name=as_name,
        credential_file=credential_file,
        order=_typed(order),
        seller=seller,
        final=final,
        without_backup=without_backup,
        reason=reason,
    )


@verb(erase, "buyer", example="strongroom erase buyer --email - --seller acme --final --yes")
def erase_buyer(  # noqa: PLR0913 - its options
    session: Session,
    *,
    email: Annotated[
        str | None, typer.Option(help="An address; - reads it from standard input.")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(help="A number; - reads it from standard input.")
    ] = None,
    seller: Annotated[str | None, typer.Option(metavar="S", help="Whose buyer.")] = None,
    all_sellers: Annotated[
        bool, typer.Option("--all-sellers", help="At every selling partner.")
    ] = False,
    final: FinalOption = False,
    without_backup: AloneOption = False,
    dry_run: DryOption = False,
    yes: YesOption = False,
    reason: Why = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Erase every record of a buyer, found by a blind index and confirmed before anything goes."""
    if (email is None) == (phone is None):
        raise Malformed("give one of --email and --phone")
    if (seller is None) != all_sellers:
        raise Malformed("give --seller or --all-sellers")
    _run(
        session,
        "erase.buyer",
        dry_run=dry_run,
        yes=yes,
        as_name=as_name,
        credential_file=credential_file,
        email=None if email is None else _typed(email),
        phone=None if phone is None else _typed(phone),
        seller=seller,
        final=final,
        without_backup=without_backup,
        reason=reason,
    )


@verb(
    erase,
    "seller",
    example="strongroom erase seller acme --yes --as anna --credential-file anna.json \\\n"
    "      --approver boris --approver-credential-file boris.json",
)
def erase_seller(  # noqa: PLR0913 - its options
    session: Session,
    *,
    seller: Annotated[str, typer.Argument(metavar="S", show_default=False)],
    dry_run: DryOption = False,
    yes: YesOption = False,
    reason: Why = None,
    approver: ApproverOption = None,
    approver_file: ApproverCredentialOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Erase every record of a selling partner, in every backup too; takes a second person."""
    shown = approver_secret(approver_file)
    _run(
        session,
        "erase.seller",
        dry_run=dry_run,
        yes=yes,
        as_name=as_name,
        credential_file=credential_file,
        seller=seller,
        reason=reason,
        approver=approver,
        credential=shown,
    )


def _run(
    session: Session,
    operation: str,
    *,
    dry_run: bool,
    yes: bool,
    as_name: str | None,
    credential_file: Path | None,
    **arguments: Any,  # noqa: ANN401 - the operation's own
) -> None:
    if not (dry_run or yes):
        raise Malformed("what is erased cannot be brought back", hint="add --dry-run, or --yes")
    found = session.call(
        operation,
        as_name=as_name,
        credential_file=credential_file,
        dry_run=dry_run,
        **arguments,
    )
    if found["ends"]:
        session.warn(found["ends"])
    session.say(found)


def _typed(value: str) -> str:
    # An argument shows in the list of processes; standard input does not.
    return sys.stdin.readline().strip() if value == "-" else value
