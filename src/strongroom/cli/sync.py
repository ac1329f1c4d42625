"""Pulls data from Amazon into the vault, for who has no app of their own: `sync`."""

from pathlib import Path
from typing import Annotated

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
from strongroom.request import Json

sync = typer.Typer(
    help="Pull orders, reports and notifications into the vault.", no_args_is_help=True
)

AppOption = Annotated[
    str | None,
    typer.Option("--app", metavar="NAME", help="The app it runs as; else the setting sync.app."),
]
SellerOption = Annotated[
    str | None,
    typer.Option("--seller", metavar="NAME,…", help="For whom; else all that the app may."),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="INSTANT", help="From when on; else from where the last one ended."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write what came there, with tokens in it."),
]

_SUBSCRIBED = ("seller", "type", "version", "state", "subscription")
_COLUMNS = ("seller", "stream", "state", "seen", "pages", "resumed", "fault")


def register(root: typer.Typer) -> None:
    """Add the noun to the command line."""
    root.add_typer(sync, name="sync")


@verb(sync, "orders", example="strongroom sync orders --app nightly --seller acme")
def sync_orders(
    session: Session,
    *,
    app: AppOption = None,
    seller: SellerOption = None,
    since: SinceOption = None,
    out: OutOption = None,
    open_only: Annotated[
        bool, typer.Option("--open", help="Look again at orders that are still open.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Pull the orders that Amazon changed since the last time; a run that was cut off goes on."""
    found = session.call(
        "sync.orders",
        as_name=as_name,
        credential_file=credential_file,
        app=app,
        sellers=_sellers(seller),
        since=since,
        out=_whole(out),
        open_only=open_only,
    )
    _say(session, found)


@verb(
    sync,
    "reports",
    example="strongroom sync reports --type GET_FLAT_FILE_ORDERS_DATA --out reports/",
)
def sync_reports(  # noqa: PLR0913 - its options
    session: Session,
    *,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="Amazon's report type.")],
    app: AppOption = None,
    seller: SellerOption = None,
    since: SinceOption = None,
    out: OutOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A reportOption of Amazon's; may be repeated."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Have Amazon make a report of what came since the last one, and seal its rows."""
    found = session.call(
        "sync.reports",
        as_name=as_name,
        credential_file=credential_file,
        type=type_,
        app=app,
        sellers=_sellers(seller),
        since=since,
        out=_whole(out),
        options=option,
    )
    _say(session, found)


@verb(
    sync,
    "notifications",
    example="strongroom sync notifications --seller acme --out notifications/ \\\n"
    "      --queue https://sqs.eu-west-1.amazonaws.com/123456789012/acme",
)
def sync_notifications(  # noqa: PLR0913 - its options
    session: Session,
    *,
    queue: Annotated[
        str, typer.Option("--queue", metavar="URL", help="The queue that Amazon sends to.")
    ],
    app: AppOption = None,
    seller: SellerOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="A file for each, with tokens.")
    ] = None,
    to_queue: Annotated[
        str | None,
        typer.Option("--to-queue", metavar="URL", help="Send them on, with tokens, to this queue."),
    ] = None,
    sealed_only: Annotated[
        bool, typer.Option("--sealed-only", help="Keep what they say in the vault, send nothing.")
    ] = False,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="Where the queue's URL does not say it.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask here, as at an endpoint in a VPC.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM to trust instead of the public roots.")
    ] = None,
    merchant: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Amazon's id of the partner, in place of the first message's."
        ),
    ] = None,
    subscribe: Annotated[
        bool, typer.Option("--subscribe", help="Have Amazon send to this queue; takes none out.")
    ] = False,
    unsubscribe: Annotated[
        bool, typer.Option("--unsubscribe", help="Have Amazon send no more to this queue.")
    ] = False,
    subscribed: Annotated[
        bool, typer.Option("--subscribed", help="Show what is subscribed to this queue.")
    ] = False,
    types: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE,…", help="Of these three: which types; else ORDER_CHANGE."
        ),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Empty a queue of notifications: sealed, delivered with tokens, and only then deleted."""
    ways = {"subscribe": subscribe, "unsubscribe": unsubscribe, "look": subscribed}
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if len(chosen) > 1 or (types is not None and not chosen):
        raise typer.BadParameter("one of --subscribe, --unsubscribe and --subscribed is wanted")
    if chosen:
        taking = (out, to_queue, endpoint, ca, merchant)
        if sealed_only or any(option is not None for option in taking):
            raise typer.BadParameter(f"--{chosen[0]} takes nothing out of the queue")
        found = session.call(
            "sync.subscriptions",
            as_name=as_name,
            credential_file=credential_file,
            queue=queue,
            way=chosen[0],
            app=app,
            sellers=_sellers(seller),
            types=None if types is None else split(types),
            region=region,
        )
        session.say(found, table(found["subscriptions"], _SUBSCRIBED))
        for run in found["runs"]:
            if run["fault"]:
                session.warn(f"{run['seller']}: {run['fault']}")
        _end(session, found)
        return
    found = session.call(
        "sync.notifications",
        as_name=as_name,
        credential_file=credential_file,
        queue=queue,
        app=app,
        sellers=_sellers(seller),
        out=_whole(out),
        to_queue=to_queue,
        sealed_only=sealed_only,
        region=region,
        endpoint=endpoint,
        ca=None if ca is None else secret(ca, "--ca"),
        merchant=merchant,
    )
    _say(session, found)


def _sellers(text: str | None) -> list[str] | None:
    return None if text is None else split(text)


def _whole(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _say(session: Session, found: Json) -> None:
    session.say(found, table(found["runs"], _COLUMNS))
    _end(session, found)


def _end(session: Session, found: Json) -> None:
    for run in found["runs"]:
        for note in run["notes"]:
            session.warn(f"{run['seller']}: {note}")
        told = ", ".join(f"{count} {name}" for name, count in sorted(run["counts"].items()))
        if told:
            session.warn(f"{run['seller']}: {told}")
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)
