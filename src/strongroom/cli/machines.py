"""Machines that come in: `node`, and the client certificates of `app` and `node` [1.2, 1.5]."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.access import Name, app
from strongroom.cli.session import Session, secret, table, verb
from strongroom.errors import Malformed

node = typer.Typer(help="Processes of this installation on other machines.", no_args_is_help=True)

CertificateFile = Annotated[
    Path, typer.Option("--certificate-file", metavar="FILE", help="PEM of one certificate.")
]
Number = Annotated[
    int, typer.Argument(metavar="CERTIFICATE", help="Its number.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="It cannot be undone.")]

_COLUMNS = ("certificate", "thumbprint", "works", "ends_at", "revoked_at")


def register(root: typer.Typer) -> None:
    """Add these nouns to the command line."""
    root.add_typer(node, name="node")


@verb(node, "add", example="strongroom node add depot-1 --owner anna --certificate-file depot.pem")
def node_add(
    session: Session,
    *,
    name: Name,
    owner: Annotated[str, typer.Option(metavar="PERSON", help="Who answers for the node.")],
    certificate_file: CertificateFile,
) -> None:
    """Register a node with its client certificate and show its credential, this once."""
    pem = secret(certificate_file, "--certificate-file")
    added = session.call("node.add", name=name, owner=owner, certificate=pem)
    if added["owner_registered"]:
        session.warn(f"{added['owner']} was not known and is now registered as a person")
    session.warn("the client secret is shown this once: keep it now")
    session.say(added)


@verb(node, "list", example="strongroom node list")
def node_list(session: Session) -> None:
    """List the nodes, with the age of their secrets and certificates."""
    found = session.call("node.list")
    session.say(found, table(found["nodes"], ("name", "owner", "created_at", "ended_at")))


@verb(node, "rotate", example="strongroom node rotate depot-1 --overlap-days 2 --json > d.json")
def node_rotate(
    session: Session,
    *,
    name: Name,
    overlap_days: Annotated[
        int, typer.Option(help="How long the secret before stays good: 0 to 7 days.")
    ] = 7,
) -> None:
    """Give a node a second secret, shown this once; the one before ends by itself."""
    made = session.call("node.rotate", name=name, overlap_days=overlap_days)
    session.warn("the client secret is shown this once: keep it now")
    session.say(made)


@verb(node, "end", example="strongroom node end depot-1 --yes")
def node_end(
    session: Session,
    *,
    name: Name,
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="Then, instead of now.")
    ] = None,
    yes: Yes = False,
) -> None:
    """End a node for good: its secrets and certificates work no more."""
    _confirm(yes=yes)
    session.say(session.call("node.end", name=name, at=at))


@verb(node, "certificate", example="strongroom node certificate depot-1 --certificate-file n.pem")
def node_certificate(session: Session, *, name: Name, certificate_file: CertificateFile) -> None:
    """Register a node's next client certificate, of a new key; two work at once."""
    pem = secret(certificate_file, "--certificate-file")
    session.say(session.call("node.certificate", name=name, certificate=pem))


@verb(node, "certificate-revoke", example="strongroom node certificate-revoke depot-1 3 --yes")
def node_certificate_revoke(
    session: Session, *, name: Name, number: Number, yes: Yes = False
) -> None:
    """End a node's certificate now, on open connections as well."""
    _confirm(yes=yes)
    session.say(session.call("node.certificate.revoke", name=name, number=number))


@verb(app, "certificate", example="strongroom app certificate erp --certificate-file erp.pem")
def app_certificate(session: Session, *, name: Name, certificate_file: CertificateFile) -> None:
    """Let the holder of a certificate's key act as an app at the API; two work at once."""
    pem = secret(certificate_file, "--certificate-file")
    session.say(session.call("app.certificate", name=name, certificate=pem))


@verb(app, "certificates", example="strongroom app certificates erp")
def app_certificates(session: Session, name: Name) -> None:
    """List an app's client certificates, dead ones too."""
    found = session.call("app.certificate.list", name=name)
    session.say(found, table(found["certificates"], _COLUMNS))


@verb(app, "certificate-revoke", example="strongroom app certificate-revoke erp 3 --yes")
def app_certificate_revoke(
    session: Session, *, name: Name, number: Number, yes: Yes = False
) -> None:
    """End an app's certificate now, on open connections as well."""
    _confirm(yes=yes)
    session.say(session.call("app.certificate.revoke", name=name, number=number))


def _confirm(*, yes: bool) -> None:
    if not yes:
        raise Malformed("this cannot be undone", hint="give --yes to do it")
