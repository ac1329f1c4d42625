"""Paper: `label get`, `label print` and `slip print` [2.3]. Each writes one file, for its owner alone."""

import base64
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, verb
from strongroom.errors import Malformed
from strongroom.request import Json

label = typer.Typer(
    help="Labels: one that Amazon made, by its token, or an order's address.", no_args_is_help=True
)
slip = typer.Typer(help="Packing slips.", no_args_is_help=True)

OutOption = Annotated[
    Path,
    typer.Option(metavar="FILE", help="Where to write it, a new file; - is standard output."),
]
OrderOption = Annotated[str, typer.Option(metavar="ID", help="Amazon's order id.")]
SellerOption = Annotated[str, typer.Option(metavar="S", help="Whose order.")]
ReasonOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Recorded as an HMAC, never as text.")
]
_SHRED = "personal data: shred the paper when it has served, and remove the file"


def register(root: typer.Typer) -> None:
    """Add the nouns to the command line."""
    root.add_typer(label, name="label")
    root.add_typer(slip, name="slip")


@verb(
    label,
    "get",
    example="strongroom label get ST0000… --out label.pdf --as erp --credential-file erp.json",
)
def label_get(
    session: Session,
    *,
    token: Annotated[str, typer.Argument(metavar="TOKEN")],
    out: OutOption,
    purpose: Annotated[str, typer.Option(help="Why: fulfilment, or what the grant says.")] = (
        "fulfilment"
    ),
    reason: ReasonOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write the label, slip or invoice behind a token to a file; recorded before it is opened."""
    _write(
        session,
        out,
        lambda: session.call(
            "label.get",
            as_name=as_name,
            credential_file=credential_file,
            token=token,
            purpose=purpose,
            reason=reason,
        ),
    )


@verb(
    label,
    "print",
    example="strongroom label print --order 302-1234567-1234567 --seller acme --out label.pdf "
    "--as erp --credential-file erp.json",
)
def label_print(
    session: Session,
    *,
    order: OrderOption,
    seller: SellerOption,
    out: OutOption,
    size: Annotated[str, typer.Option(help="4x6, a6, a4 or letter.")] = "4x6",
    reason: ReasonOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Make an address label as PDF; it bears no carrier's barcode."""
    _write(
        session,
        out,
        lambda: session.call(
            "label.print",
            as_name=as_name,
            credential_file=credential_file,
            order=order,
            seller=seller,
            size=size,
            reason=reason,
        ),
    )


@verb(
    slip,
    "print",
    example="strongroom slip print --order 302-1234567-1234567 --seller acme --lines items.json "
    "--out slip.pdf --as erp --credential-file erp.json",
)
def slip_print(  # noqa: PLR0913 - what is asked for
    session: Session,
    *,
    order: OrderOption,
    seller: SellerOption,
    lines: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help='The items, as JSON: [{"item": "…", "sku": "…", "quantity": 1}].'
        ),
    ],
    out: OutOption,
    ordered_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="When it was ordered.")
    ] = None,
    gift_messages: Annotated[bool, typer.Option(help="Print gift messages.")] = True,
    size: Annotated[str, typer.Option(help="a4, letter, a6 or 4x6.")] = "a4",
    reason: ReasonOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Make a packing slip as PDF: address and gift messages from the vault, items from the file."""
    try:
        told = orjson.loads(lines.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        raise Malformed("the file of --lines is not readable, or no JSON") from None
    if not isinstance(told, list):
        raise Malformed("the file of --lines holds no list")
    _write(
        session,
        out,
        lambda: session.call(
            "slip.print",
            as_name=as_name,
            credential_file=credential_file,
            order=order,
            seller=seller,
            lines=told,
            ordered_on=ordered_on,
            gift_messages=gift_messages,
            size=size,
            reason=reason,
        ),
    )


def _write(session: Session, out: Path, ask: Callable[[], Json]) -> None:
    """Ask, and write the file: it is made first, so that nothing is opened that can't be written."""
    if out == Path("-"):
        sys.stdout.buffer.write(base64.b64decode(ask()["file"]))
        sys.stdout.flush()
        return
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise Malformed(f"the file of --out can't be made: {os.strerror(exc.errno or 0)}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            found = ask()
            file.write(base64.b64decode(found.pop("file")))
    except BaseException:
        with contextlib.suppress(OSError):
            out.unlink()
        raise
    session.say(found)
    session.warn(_SHRED)
