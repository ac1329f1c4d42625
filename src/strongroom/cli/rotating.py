"""New keys in place of old ones: `keys inventory`, `keys rotate`, `keys rewrap`, `keys compromise` [2.4]."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.evidence import keys
from strongroom.cli.session import (
    ApproverCredentialOption,
    ApproverOption,
    AsOption,
    CredentialOption,
    Session,
    approver_secret,
    secret,
    table,
    verb,
)
from strongroom.errors import Malformed

_COLUMNS = ("state", "key", "age_days", "due_at", "custodian", "use")

PassphraseOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The new root's passphrase; else the present one."),
]
SellerOption = Annotated[str | None, typer.Option(metavar="S", help="Only its period keys.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
YesOption = Annotated[bool, typer.Option("--yes", help="It is meant.")]


def register(root: typer.Typer) -> None:
    """These verbs join `keys`, which another file adds."""


@verb(keys, "inventory", example="strongroom keys inventory --json")
def keys_inventory(session: Session) -> None:
    """List each key with its age, use, custodian and the date of its rotation; never a key."""
    found = session.call("keys.inventory")
    session.say(found, table(found["keys"], _COLUMNS))


@verb(keys, "rotate", example="strongroom keys rotate root --passphrase-file /run/new --yes")
def keys_rotate(
    session: Session,
    *,
    what: Annotated[str, typer.Argument(metavar="root|master", show_default=False)],
    passphrase_file: PassphraseOption = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="A root elsewhere: file:, pkcs11:, aws-kms: or transit: (docs/keys.md).",
        ),
    ] = None,
    yes: YesOption = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Put a new root or master key in place of the present one, while the home is served."""
    if what not in ("root", "master") or (what == "master" and (to or passphrase_file)):
        raise Malformed("rotate root, with --to or --passphrase-file, or master without")
    if not yes:
        raise Malformed("copies of the keystore open with the old key only", hint="add --yes")
    if what == "master":
        found = session.call("keys.rotate_master", as_name=as_name, credential_file=credential_file)
    else:
        found = session.call(
            "keys.rotate_root",
            as_name=as_name,
            credential_file=credential_file,
            passphrase=_passphrase(passphrase_file),
            to=to,
        )
        if found["update"]:
            session.warn(f"now change {found['update']}")
    session.say(found)


@verb(keys, "rewrap", example="strongroom keys rewrap --seller acme --dry-run")
def keys_rewrap(
    session: Session,
    *,
    seller: SellerOption = None,
    dry_run: DryOption = False,
    yes: YesOption = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Put new period keys in place of all that live, and move their records; older backups end with it."""
    if not (dry_run or yes):
        raise Malformed("every backup of before ends with it", hint="add --dry-run, or --yes")
    found = session.call(
        "keys.rewrap",
        as_name=as_name,
        credential_file=credential_file,
        seller=seller,
        dry_run=dry_run,
    )
    session.say(found)


@verb(
    keys,
    "compromise",
    example="strongroom keys compromise --what master --yes --as anna --credential-file anna.json \\\n"
    "      --approver boris --approver-credential-file boris.json",
)
def keys_compromise(  # noqa: PLR0913 - its options
    session: Session,
    *,
    what: Annotated[
        str, typer.Option(metavar="root|master|period|service|app", help="Which may be known.")
    ],
    seller: SellerOption = None,
    app: Annotated[str | None, typer.Option(metavar="NAME", help="Whose credential.")] = None,
    passphrase_file: PassphraseOption = None,
    dry_run: DryOption = False,
    yes: YesOption = False,
    approver: ApproverOption = None,
    approver_file: ApproverCredentialOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Declare a key compromised: alarm, freeze, and rotate all it could open, in order (docs/runbooks)."""
    if not (dry_run or yes):
        raise Malformed("it rotates keys and ends backups", hint="add --dry-run, or --yes")
    shown = approver_secret(approver_file)
    found = session.call(
        "keys.compromise",
        as_name=as_name,
        credential_file=credential_file,
        what=what,
        seller=seller,
        app=app,
        passphrase=_passphrase(passphrase_file),
        approver=approver,
        credential=shown,
        dry_run=dry_run,
    )
    for still in found["left"]:
        session.warn(f"still to do: {still}")
    session.say(found)


def _passphrase(path: Path | None) -> str | None:
    return None if path is None else secret(path, "--passphrase-file")
