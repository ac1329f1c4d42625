"""Who may come in, and for what: `seller`, `app`, `user`, `grant`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, secret, table, verb
from strongroom.errors import Malformed

seller = typer.Typer(help="Selling partners and their real credentials.", no_args_is_help=True)
app = typer.Typer(help="Apps that use the gateway.", no_args_is_help=True)
user = typer.Typer(help="People.", no_args_is_help=True)
grant = typer.Typer(help="Who may do what with whose data.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(seller, name="seller")
    root.add_typer(app, name="app")
    root.add_typer(user, name="user")
    root.add_typer(grant, name="grant")


@verb(
    seller,
    "add",
    example="strongroom seller add acme --region eu --marketplace A1PA6795UKMFR9 "
    "--client-id amzn1.application-oa2-client.… --client-secret-file secret "
    "--refresh-token-file refresh",
)
def seller_add(  # noqa: PLR0913 - the contract's options
    session: Session,
    *,
    name: Name,
    region: Annotated[str, typer.Option(help="na, eu or fe.")],
    marketplace: Annotated[
        list[str], typer.Option(metavar="ID", help="Amazon's marketplace id; may be repeated.")
    ],
    client_id: Annotated[str, typer.Option(metavar="ID", help="LWA client id.")],
    client_secret_file: Annotated[Path, typer.Option(metavar="FILE", help="LWA client secret.")],
    refresh_token_file: Annotated[Path, typer.Option(metavar="FILE", help="LWA refresh token.")],
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Amazon's for the region by default.")
    ] = None,
    lwa_url: Annotated[
        str | None, typer.Option("--lwa-url", metavar="URL", help="Amazon's by default.")
    ] = None,
    upstream_ca: Annotated[
        Path | None,
        typer.Option("--upstream-ca", metavar="FILE", help="PEM; the public roots by default."),
    ] = None,
) -> None:
    """Add a selling partner."""
    added = session.call(
        "seller.add",
        name=name,
        region=region,
        marketplaces=marketplace,
        client_id=client_id,
        client_secret=secret(client_secret_file, "--client-secret-file"),
        refresh_token=secret(refresh_token_file, "--refresh-token-file"),
        endpoint=endpoint,
        lwa_url=lwa_url,
        upstream_ca=None if upstream_ca is None else secret(upstream_ca, "--upstream-ca"),
    )
    session.say(added)


@verb(seller, "list", example="strongroom seller list --json")
def seller_list(session: Session) -> None:
    """List the selling partners."""
    found = session.call("seller.list")
    session.say(
        found, table(found["sellers"], ("id", "name", "region", "marketplaces", "endpoint"))
    )


@verb(seller, "show", example="strongroom seller show acme")
def seller_show(session: Session, name: Name) -> None:
    """Show one selling partner; never its credentials."""
    session.say(session.call("seller.show", name=name))


@verb(app, "add", example="strongroom app add erp --owner anna --json > erp.json")
def app_add(
    session: Session,
    *,
    name: Name,
    owner: Annotated[str, typer.Option(metavar="PERSON", help="Who answers for the app.")],
) -> None:
    """Register an app and show its credential, this once."""
    added = session.call("app.add", name=name, owner=owner)
    if added["owner_registered"]:
        session.warn(f"{added['owner']} was not known and is now registered as a person")
    session.warn("the client secret is shown this once: keep it now")
    session.say(added)


@verb(app, "authorize", example="strongroom app authorize erp --seller acme --json")
def app_authorize(
    session: Session,
    *,
    name: Name,
    seller: Annotated[str, typer.Option(metavar="S", help="The selling partner to act for.")],
) -> None:
    """Let an app act for a selling partner and show its refresh token, this once."""
    made = session.call("app.authorize", name=name, seller=seller)
    session.warn("the refresh token is shown this once: keep it now")
    session.say(made)


@verb(app, "list", example="strongroom app list")
def app_list(session: Session) -> None:
    """List the apps."""
    found = session.call("app.list")
    session.say(found, table(found["apps"], ("name", "owner", "sellers", "created_at", "ended_at")))


@verb(app, "end", example="strongroom app end erp --yes")
def app_end(
    session: Session,
    *,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
) -> None:
    """End an app for good: its credentials and tokens work no more."""
    _confirm(yes=yes)
    session.say(session.call("app.end", name=name))


@verb(user, "add", example="strongroom user add anna --json > anna.json")
def user_add(session: Session, name: Name) -> None:
    """Register a person and show their credential, this once; it is good for 90 days."""
    added = session.call("user.add", name=name)
    session.warn("the client secret is shown this once: keep it now")
    session.say(added)


@verb(user, "credential", example="strongroom user credential anna --json > anna.json")
def user_credential(session: Session, name: Name) -> None:
    """Give a person a new credential; the one before ends."""
    made = session.call("user.credential", name=name)
    session.warn("the client secret is shown this once: keep it now")
    session.say(made)


@verb(user, "list", example="strongroom user list")
def user_list(session: Session) -> None:
    """List the people."""
    found = session.call("user.list")
    session.say(found, table(found["users"], ("name", "created_at", "ended_at")))


@verb(user, "end", example="strongroom user end anna --yes")
def user_end(
    session: Session,
    *,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
) -> None:
    """End a person's account for good."""
    _confirm(yes=yes)
    session.say(session.call("user.end", name=name))


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
    action: Annotated[str, typer.Option(help="reveal, search, relay, export or administer.")],
    purpose: Annotated[
        str, typer.Option(help="fulfilment, tax, invoicing or one of the policy's.")
    ],
    categories: Annotated[str, typer.Option(help="Kinds of data, separated by commas.")],
    days: Annotated[int, typer.Option(help="1 to 90.")],
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
    session.say(
        session.call(
            "grant.add",
            as_name=as_name,
            credential_file=credential_file,
            principal=principal,
            action=action,
            purpose=purpose,
            categories=split(categories),
            sellers=seller or None,
            days=days,
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
    columns = (
        "id",
        "state",
        "principal",
        "action",
        "purpose",
        "categories",
        "sellers",
        "expires_at",
    )
    session.say(found, table(found["grants"], columns))


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


def split(text: str) -> list[str]:
    """Return the parts of a comma-separated option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _confirm(*, yes: bool) -> None:
    if not yes:
        raise Malformed("this cannot be undone", hint="give --yes to do it")
