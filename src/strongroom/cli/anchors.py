"""What binds the log outside of this machine: `audit witness`, `audit timestamp`, `audit copy`; and `witness`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.session import EXIT_REFUSED, Session, secret, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

witnesses = typer.Typer(help="Who cosigns this home's log.", no_args_is_help=True)
timestamps = typer.Typer(help="Who says when the log was as it is.", no_args_is_help=True)
copies = typer.Typer(help="Where copies of the log lie.", no_args_is_help=True)
witness = typer.Typer(help="The logs of others that this home cosigns.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", show_default=False)]
Url = Annotated[str, typer.Argument(metavar="URL", show_default=False)]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", metavar="FILE", help="PEM of its TLS authority; else the public roots."),
]

_COLUMNS = ("id", "place", "size", "behind", "reached_at", "lag_seconds", "fault")
_DONE = ("id", "place", "size", "fault")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(witness, name="witness")


def register_below(audit: typer.Typer) -> None:
    """Add the nouns below `audit`."""
    audit.add_typer(witnesses, name="witness")
    audit.add_typer(timestamps, name="timestamp")
    audit.add_typer(copies, name="copy")


@verb(
    witnesses,
    "add",
    example="strongroom audit witness add https://witness.example/w1 --key witness.example/w1+…",
)
def witnesses_add(
    session: Session,
    *,
    url: Url,
    key: Annotated[str, typer.Option("--key", metavar="VKEY", help="Its verifier key.")],
    ca: Ca = None,
) -> None:
    """Have a witness cosign the log; it has to follow the key that `audit export` shows."""
    session.say(session.call("audit.witness.add", url=url, key=key, ca=_pem(ca)))


@verb(witnesses, "remove", example="strongroom audit witness remove 1")
def witnesses_remove(session: Session, number: Number) -> None:
    """Ask a witness no more; what it signed is kept."""
    session.say(session.call("audit.witness.remove", witness=number))


@verb(witnesses, "list", example="strongroom audit witness list --json")
def witnesses_list(session: Session) -> None:
    """List the witnesses, how far each has seen the log, and what was wrong last; exit code 1 where something is."""
    found = session.call("audit.witness.list")
    _say_listed(session, found, found["witnesses"])


@verb(witnesses, "now", example="strongroom audit witness now")
def witnesses_now(session: Session) -> None:
    """Have every witness cosign the log as it is; exit code 1 when one does not."""
    _say_done(session, session.call("audit.witness.now"))


@verb(
    timestamps,
    "add",
    example="strongroom audit timestamp add https://tsa.example/tsr --roots tsa-roots.pem",
)
def timestamps_add(
    session: Session,
    *,
    url: Url,
    roots: Annotated[
        Path, typer.Option("--roots", metavar="FILE", help="PEM that its signatures end at.")
    ],
    ca: Ca = None,
) -> None:
    """Have an authority stamp the log each hour (RFC 3161)."""
    session.say(session.call("audit.timestamp.add", url=url, roots=_pem(roots), ca=_pem(ca)))


@verb(timestamps, "remove", example="strongroom audit timestamp remove 2")
def timestamps_remove(session: Session, number: Number) -> None:
    """Ask an authority no more; its timestamps are kept."""
    session.say(session.call("audit.timestamp.remove", timestamp=number))


@verb(timestamps, "list", example="strongroom audit timestamp list")
def timestamps_list(session: Session) -> None:
    """List the authorities; exit code 1 where one could not be used last time."""
    found = session.call("audit.timestamp.list")
    _say_listed(session, found, found["timestamps"])


@verb(timestamps, "now", example="strongroom audit timestamp now")
def timestamps_now(session: Session) -> None:
    """Have the log stamped as it is; exit code 1 when an authority does not."""
    _say_done(session, session.call("audit.timestamp.now"))


@verb(copies, "add", example="strongroom audit copy add dir:/mnt/elsewhere/log")
def copies_add(
    session: Session,
    *,
    place: Annotated[
        str,
        typer.Argument(metavar="PLACE", help="dir:/PATH, https://… or s3://…", show_default=False),
    ],
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", metavar="FILE", help="The server's bearer token; a bucket's KEY:SECRET."
        ),
    ] = None,
    ca: Ca = None,
) -> None:
    """Have the log copied elsewhere each hour; what lies there is never overwritten."""
    token = None if token_file is None else secret(token_file, "--token-file")
    session.say(session.call("audit.copy.add", place=place, token=token, ca=_pem(ca)))


@verb(copies, "remove", example="strongroom audit copy remove 3")
def copies_remove(session: Session, number: Number) -> None:
    """Renew a copy no more; it stays where it lies."""
    session.say(session.call("audit.copy.remove", copy=number))


@verb(copies, "list", example="strongroom audit copy list")
def copies_list(session: Session) -> None:
    """List the copies; exit code 1 where one could not be renewed last time."""
    found = session.call("audit.copy.list")
    _say_listed(session, found, found["copies"])


@verb(copies, "now", example="strongroom audit copy now")
def copies_now(session: Session) -> None:
    """Bring every copy up to the log as it is; exit code 1 when one could not be."""
    _say_done(session, session.call("audit.copy.now"))


@verb(witness, "key", example="strongroom witness key")
def witness_key(session: Session) -> None:
    """Print this home's verifier key as a witness: whom it cosigns for needs it."""
    found = session.call("witness.key")
    session.say(found, found["key"])


@verb(witness, "follow", example="strongroom witness follow strongroom.invalid/audit/…+…")
def witness_follow(
    session: Session,
    *,
    vkey: Annotated[str, typer.Argument(metavar="VKEY", show_default=False)],
) -> None:
    """Cosign the log of this verifier key from now on."""
    found = session.call("witness.follow", key=vkey)
    if found["port"] is None:
        session.warn("the witness's listener opens when the home is served anew")
    session.say(found)


@verb(witness, "unfollow", example="strongroom witness unfollow 1")
def witness_unfollow(session: Session, number: Number) -> None:
    """Cosign a log no more; how far it was seen is kept."""
    session.say(session.call("witness.unfollow", log=number))


@verb(witness, "list", example="strongroom witness list --json")
def witness_list(session: Session) -> None:
    """List the logs that this home cosigns, and how far it has seen each."""
    found = session.call("witness.list")
    session.say(found, table(found["logs"], ("id", "origin", "size", "cosigned_at")))


def _say_listed(session: Session, found: Json, rows: list[Json]) -> None:
    session.say(found, table(rows, _COLUMNS))
    if any(row["fault"] is not None for row in rows):
        raise typer.Exit(EXIT_REFUSED)


def _say_done(session: Session, found: Json) -> None:
    session.say(found, table(found["done"], _DONE))
    if found["late"] or any(row["fault"] is not None for row in found["done"]):
        raise typer.Exit(EXIT_REFUSED)


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise Malformed("a certificate's file can't be read") from None
