"""Personal data, through the vault's door: `reveal` and `find`."""

import sys
from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, split, table, verb
from strongroom.errors import Malformed

PurposeOption = Annotated[
    str, typer.Option(help="Why: fulfilment, tax, invoicing or one of the policy's own.")
]


def register(root: typer.Typer) -> None:
    """Add these verbs to the command line."""

    @verb(
        root,
        "reveal",
        example='strongroom reveal ST0000… --purpose fulfilment --reason "label 4711" '
        "--as erp --credential-file erp.json",
    )
    def reveal(  # noqa: PLR0913 - what is asked for
        session: Session,
        *,
        purpose: PurposeOption,
        token: Annotated[str | None, typer.Argument(metavar="TOKEN", show_default=False)] = None,
        order: Annotated[str | None, typer.Option(metavar="ID", help="A whole order.")] = None,
        seller: Annotated[str | None, typer.Option(metavar="S", help="Whose order.")] = None,
        categories: Annotated[
            str | None, typer.Option(help="Of an order only these, separated by commas.")
        ] = None,
        reason: Annotated[
            str | None, typer.Option(metavar="TEXT", help="Recorded as an HMAC, never as text.")
        ] = None,
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        """Show the value behind a token, or an order's values; recorded before it is opened."""
        if (token is None) == (order is None) or (order is None) != (seller is None):
            raise Malformed("give a TOKEN, or --order with --seller")
        if token is not None:
            session.say(
                session.call(
                    "reveal.token",
                    as_name=as_name,
                    credential_file=credential_file,
                    token=token,
                    purpose=purpose,
                    reason=reason,
                )
            )
            return
        found = session.call(
            "reveal.order",
            as_name=as_name,
            credential_file=credential_file,
            order=order,
            seller=seller,
            purpose=purpose,
            reason=reason,
            categories=None if categories is None else split(categories),
        )
        session.say(found, table(found["values"], ("slot", "category", "value", "token")))

    @verb(
        root,
        "find",
        example="strongroom find --order 302-1234567-1234567 --purpose fulfilment "
        "--as erp --credential-file erp.json",
    )
    def find(  # noqa: PLR0913 - what is looked for
        session: Session,
        *,
        purpose: PurposeOption,
        email: Annotated[
            str | None, typer.Option(help="An address; - reads it from standard input.")
        ] = None,
        phone: Annotated[
            str | None, typer.Option(help="A number; - reads it from standard input.")
        ] = None,
        order: Annotated[str | None, typer.Option(metavar="ID", help="Amazon's order id.")] = None,
        seller: Annotated[
            list[str] | None, typer.Option(metavar="S", help="Only here; may be repeated.")
        ] = None,
        reason: Annotated[
            str | None, typer.Option(metavar="TEXT", help="Recorded as an HMAC, never as text.")
        ] = None,
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        """Find records without opening them; the answer holds tokens."""
        if [email, phone, order].count(None) != 2:  # noqa: PLR2004 - one of the three
            raise Malformed("give one of --email, --phone and --order")
        found = session.call(
            "find",
            as_name=as_name,
            credential_file=credential_file,
            purpose=purpose,
            email=_typed(email),
            phone=_typed(phone),
            order=order,
            sellers=seller or None,
            reason=reason,
        )
        rows = [
            {**record, "slot": slot, "token": token}
            for record in found["records"]
            for slot, token in (record["tokens"] or {"-": "-"}).items()
        ]
        session.say(found, table(rows, ("record", "seller", "state", "order", "slot", "token")))


def _typed(value: str | None) -> str | None:
    # An argument shows in the list of processes; standard input does not.
    return sys.stdin.readline().strip() if value == "-" else value
