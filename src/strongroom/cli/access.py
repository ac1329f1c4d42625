"""Who may come in: `seller`, `app`, `user`, `consent`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli import identities, joining, locks
from strongroom.cli.session import EXIT_REFUSED, Session, secret, table, verb
from strongroom.errors import Malformed

seller = typer.Typer(help="Selling partners and their real credentials.", no_args_is_help=True)
app = typer.Typer(help="Apps that use the gateway.", no_args_is_help=True)
user = typer.Typer(help="People.", no_args_is_help=True)
consent = typer.Typer(
    help="Selling partners who authorize the application at Amazon.", no_args_is_help=True
)
identities.register(user)
joining.register(user)
locks.register(user)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(seller, name="seller")
    root.add_typer(app, name="app")
    root.add_typer(user, name="user")
    root.add_typer(consent, name="consent")


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
    refresh_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="LWA refresh token; without it `consent` brings one."),
    ] = None,
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
        refresh_token=(
            None
            if refresh_token_file is None
            else secret(refresh_token_file, "--refresh-token-file")
        ),
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
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="Somebody else ends its TLS: answer it sealed only."),
    ] = False,
) -> None:
    """Register an app and show its credential, this once."""
    added = session.call("app.add", name=name, owner=owner, behind_proxy=behind_proxy)
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


@verb(consent, "open", example="strongroom consent open --app erp --seller acme")
def consent_open(
    session: Session,
    *,
    app: Annotated[str, typer.Option(metavar="NAME", help="The app that will bring the code.")],
    seller: Annotated[str, typer.Option(metavar="S", help="Who authorizes at Amazon.")],
) -> None:
    """Let an app bring a selling partner's authorization code, once, and show the state for it, this once."""
    opened = session.call("consent.open", app=app, seller=seller)
    session.warn("begin at Amazon with this state; whoever has it decides who is this seller")
    session.say(opened)


@verb(consent, "approve", example="strongroom consent approve acme --consent 7")
def consent_approve(
    session: Session,
    *,
    seller: Name,
    number: Annotated[
        int, typer.Option("--consent", metavar="N", help="Its number in `seller show`.")
    ],
) -> None:
    """Let the refresh token that a consent brought replace the one in force; another person than who opened it."""
    session.say(session.call("consent.approve", seller=seller, consent=number))


@verb(consent, "reject", example="strongroom consent reject acme --consent 7")
def consent_reject(
    session: Session,
    *,
    seller: Name,
    number: Annotated[
        int, typer.Option("--consent", metavar="N", help="Its number in `seller show`.")
    ],
) -> None:
    """Drop the refresh token that a consent brought; the one in force stays."""
    session.say(session.call("consent.reject", seller=seller, consent=number))


@verb(app, "key", example="strongroom app key erp --public-key-file erp.pub.pem")
def app_key(
    session: Session,
    *,
    name: Name,
    public_key_file: Annotated[
        Path, typer.Option(metavar="FILE", help="JWK or PEM of a P-256 or X25519 public key.")
    ],
) -> None:
    """Have the API seal its answers to an app for the holder of a key [1.5]."""
    text = secret(public_key_file, "--public-key-file")
    session.say(session.call("app.key", name=name, public_key=text))


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
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="Then, instead of now.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
) -> None:
    """End an app for good: its credentials and tokens work no more."""
    _confirm(yes=yes)
    session.say(session.call("app.end", name=name, at=at))


@verb(app, "rotate", example="strongroom app rotate erp --overlap-days 2 --json > erp.json")
def app_rotate(
    session: Session,
    *,
    name: Name,
    overlap_days: Annotated[
        int, typer.Option(help="How long the secret before stays good: 0 to 7 days.")
    ] = 7,
) -> None:
    """Give an app a second secret, shown this once; the one before ends by itself."""
    made = session.call("app.rotate", name=name, overlap_days=overlap_days)
    session.warn("the client secret is shown this once: keep it now")
    session.say(made)


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
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="Then, instead of now.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
) -> None:
    """End a person's account for good."""
    _confirm(yes=yes)
    session.say(session.call("user.end", name=name, at=at))


@verb(user, "proof", example="strongroom user proof anna")
def user_proof(session: Session, name: Name) -> None:
    """List what a person or app held, and exit with 1 while anything of it still works."""
    proof = session.call("user.proof", name=name)
    session.say(proof, table(proof["held"], ("kind", "id", "dead", "by")))
    if not proof["complete"]:
        raise typer.Exit(EXIT_REFUSED)


def _confirm(*, yes: bool) -> None:
    if not yes:
        raise Malformed("this cannot be undone", hint="give --yes to do it")
