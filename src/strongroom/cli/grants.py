"""Who may do what with whose data, and why: `grant`, `role`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    secret,
    split,
    table,
    verb,
)
from strongroom.errors import Malformed

grant = typer.Typer(help="Who may do what with whose data.", no_args_is_help=True)
role = typer.Typer(help="Bundles that grants are made from.", no_args_is_help=True)

_COLUMNS = (
    "id",
    "state",
    "principal",
    "action",
    "purpose",
    "categories",
    "sellers",
    "budget",
    "expires_at",
)


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(grant, name="grant")
    root.add_typer(role, name="role")


@verb(
    grant,
    "add",
    example="strongroom grant add --principal erp --action reveal --purpose fulfilment "
    "--categories name,address --seller acme --days 30",
)
def grant_add(  # noqa: PLR0913 - what a grant says
    session: Session,
    *,
    principal: Annotated[str, typer.Option(metavar="NAME", help="The person or app.")],
    days: Annotated[int, typer.Option(help="1 to 90.")],
    action: Annotated[
        str | None, typer.Option(help="reveal, search, relay, export, administer or audit.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="fulfilment, tax, invoicing or one of the policy's.")
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="Kinds of data, separated by commas.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="Instead: every line of a role, as it stands now."),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(metavar="N", help="Records a UTC day; a role has its own.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the work is; names no person or order.")
    ] = None,
    seller: Annotated[list[str] | None, typer.Option(metavar="S", help="May be repeated.")] = None,
    all_sellers: Annotated[
        bool, typer.Option("--all-sellers", help="Instead of naming them.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask for a grant. It is pending until another person approves it, unless the home has one."""
    if bool(seller) == all_sellers:
        raise Malformed("name sellers with --seller, or give --all-sellers")
    said = {"action": action, "purpose": purpose, "categories": categories}
    wanted: dict[str, Any] = {"principal": principal, "sellers": seller or None, "days": days}
    wanted["reason"] = reason
    proof: dict[str, Any] = {"as_name": as_name, "credential_file": credential_file}
    if role is not None:
        if budget is not None or any(value is not None for value in said.values()):
            raise Malformed("a role says action, purpose, categories and budget itself")
        made = session.call("grant.add_role", **proof, **wanted, role=role)
        session.say(made, table(made["grants"], _COLUMNS))
        return
    if action is None or purpose is None or categories is None:
        raise Malformed("give --action, --purpose and --categories, or --role")
    session.say(
        session.call(
            "grant.add",
            **proof,
            **wanted,
            action=action,
            purpose=purpose,
            categories=split(categories),
            budget=budget,
        )
    )


@verb(
    grant,
    "approve",
    example="strongroom grant approve 3 --as boris --credential-file boris.json",
)
def grant_approve(
    session: Session,
    *,
    number: Annotated[int, typer.Argument(metavar="GRANT", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve a pending grant; who asked for it, or gets it, may not."""
    session.say(
        session.call(
            "grant.approve", as_name=as_name, credential_file=credential_file, grant=number
        )
    )


@verb(grant, "list", example="strongroom grant list --principal erp")
def grant_list(
    session: Session,
    *,
    principal: Annotated[str | None, typer.Option(metavar="NAME", help="Only theirs.")] = None,
) -> None:
    """List the grants."""
    found = session.call("grant.list", principal=principal)
    session.say(found, table(found["grants"], _COLUMNS))


@verb(grant, "revoke", example="strongroom grant revoke 3")
def grant_revoke(
    session: Session,
    *,
    number: Annotated[int, typer.Argument(metavar="GRANT", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """End a grant now."""
    session.say(
        session.call("grant.revoke", as_name=as_name, credential_file=credential_file, grant=number)
    )


@verb(
    grant,
    "reject",
    example="strongroom grant reject 3 --as boris --credential-file boris.json",
)
def grant_reject(
    session: Session,
    *,
    number: Annotated[int, typer.Argument(metavar="GRANT", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Refuse a pending grant."""
    session.say(
        session.call("grant.reject", as_name=as_name, credential_file=credential_file, grant=number)
    )


@verb(
    grant,
    "break-glass",
    example="strongroom grant break-glass --seller acme --purpose incident --categories name,email "
    '--hours 2 --reason "the mail relay answers wrong buyers" --as anna --credential-file anna.json',
)
def grant_break_glass(  # noqa: PLR0913 - what a grant says
    session: Session,
    *,
    seller: Annotated[list[str], typer.Option(metavar="S", help="May be repeated.")],
    purpose: Annotated[str, typer.Option(help="Mostly incident.")],
    categories: Annotated[str, typer.Option(help="Kinds of data, separated by commas.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What happened; names nobody.")],
    hours: Annotated[int, typer.Option(help="1 to 4.")] = 4,
    budget: Annotated[int | None, typer.Option(metavar="N", help="Records a UTC day.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Read at once without approval: recorded, for hours, and reviewed by another person."""
    made = session.call(
        "grant.break_glass",
        as_name=as_name,
        credential_file=credential_file,
        sellers=seller,
        purpose=purpose,
        categories=split(categories),
        hours=hours,
        reason=reason,
        budget=budget,
    )
    session.warn("this is recorded, and another person reviews it: `strongroom review show`")
    session.say(made)


@verb(grant, "matrix", example="strongroom grant matrix --json")
def grant_matrix(session: Session) -> None:
    """Print who can read what, and why: each cell is asked of the door's own rule."""
    found = session.call("grant.matrix")
    columns = (
        "principal",
        "seller",
        "action",
        "purpose",
        "categories",
        "grants",
        "approved_by",
        "expires_at",
        "last_used_at",
    )
    rows = [
        {
            **cell,
            "approved_by": sorted(
                {
                    why["approved_by"] or ("break-glass" if why["break_glass"] else "one person")
                    for why in cell["why"]
                }
            ),
        }
        for cell in found["cells"]
    ]
    session.say(found, table(rows, columns))


@verb(grant, "drift", example="strongroom grant drift --json")
def grant_drift(session: Session) -> None:
    """Print what changed since the last reviewed baseline; exit 1 where a row is not what was recorded."""
    found = session.call("grant.drift")
    session.say(found)
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(role, "list", example="strongroom role list")
def role_list(session: Session) -> None:
    """List the roles and what each line of them says."""
    found = session.call("role.list")
    rows = [
        {"role": one["name"], "revision": one["revision"], **line}
        for one in found["roles"]
        for line in one["lines"]
    ]
    columns = ("role", "revision", "action", "purpose", "categories", "budget")
    session.say(found, table(rows, columns))


@verb(role, "set", example="strongroom role set packing --file packing.toml")
def role_set(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(metavar="ROLE", show_default=False)],
    file: Annotated[Path, typer.Option(metavar="FILE", help="TOML: title, and [[lines]].")],
) -> None:
    """Make a role, or its next revision; no grant changes by it."""
    session.say(session.call("role.set", name=name, document=secret(file, "--file")))
