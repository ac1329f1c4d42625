"""A home out of a backup: `restore`. It runs in its own process: there is no home yet that could be served."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bars

from strongroom import logs
from strongroom.app import clock_from, machine_clock
from strongroom.cli.session import (
    ApproverCredentialOption,
    ApproverOption,
    Session,
    lines,
    secret,
    verb,
)
from strongroom.crypto.age import read_identities
from strongroom.errors import Denied, Malformed
from strongroom.request import instant
from strongroom.restoring import Approver, Asked, Credential, inspect, restore


def register(root: typer.Typer) -> None:
    """Add this verb to the command line."""

    @verb(
        root,
        "restore",
        example="strongroom restore 20260310T120000Z-000017.age --identity backup.identity "
        "--keys keys-20260310T110000Z-000003.age --keys-identity recovery.identity "
        "--passphrase-file passphrase --since /mnt/old-home --home /srv/new",
    )
    def restore_(  # noqa: PLR0913 - its options
        session: Session,
        backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="The sealed file.")],
        *,
        identity: Annotated[
            Path, typer.Option("--identity", metavar="FILE", help="What opens backups.")
        ],
        passphrase_file: Annotated[
            Path | None,
            typer.Option("--passphrase-file", metavar="FILE", help="Of a root key in a file."),
        ] = None,
        keys: Annotated[
            Path | None, typer.Option("--keys", metavar="COPY", help="A copy of the keystore.")
        ] = None,
        keys_identity: Annotated[
            Path | None, typer.Option("--keys-identity", metavar="FILE", help="What opens it.")
        ] = None,
        keys_home: Annotated[
            Path | None,
            typer.Option("--keys-home", metavar="DIR", help="A home whose keystore is left."),
        ] = None,
        since: Annotated[
            list[Path] | None,
            typer.Option(
                "--since",
                metavar="PATH",
                help="What knows of the time since: the lost home, its vault.db, a file with its database's URL, "
                "or a copy of its log; repeatable.",
            ),
        ] = None,
        checkpoint: Annotated[
            list[Path] | None,
            typer.Option(
                "--checkpoint", metavar="FILE", help="One that a witness holds; repeatable."
            ),
        ] = None,
        vault_url_file: Annotated[
            Path | None,
            typer.Option(
                "--vault-url-file", metavar="FILE", help="URL of an empty database for the vault."
            ),
        ] = None,
        accept_gap: Annotated[
            bool,
            typer.Option(
                "--accept-gap", help="Nothing is left that tells what was destroyed since."
            ),
        ] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Read and verify all files, and write nothing.")
        ] = False,
        as_name: Annotated[
            str | None, typer.Option("--as", metavar="NAME", help="Who restores.")
        ] = None,
        credential_file: Annotated[
            Path | None, typer.Option("--credential-file", metavar="FILE", help="Their own.")
        ] = None,
        approver: ApproverOption = None,
        approver_file: ApproverCredentialOption = None,
    ) -> None:
        """Restore a backup into a new home; what was destroyed since is destroyed again before it opens."""
        if (keys is None) == (keys_home is None):
            raise Malformed("give either --keys or --keys-home")
        people = [(as_name, credential_file), (approver, approver_file)]
        asked = Asked(
            backup=backup,
            identities=read_identities(identity),
            home=session.home.root,
            passphrase=""
            if passphrase_file is None
            else secret(passphrase_file, "--passphrase-file"),
            passphrase_file=passphrase_file,
            keys_copy=keys,
            keys_identities=None if keys_identity is None else read_identities(keys_identity),
            keys_home=keys_home,
            since=tuple(since or ()),
            checkpoints=tuple(checkpoint or ()),
            accept_gap=accept_gap,
            vault_url="" if vault_url_file is None else secret(vault_url_file, "--vault-url-file"),
            approvers=tuple(
                Approver(name, Credential(secret(file, "--credential-file")))
                for name, file in people
                if name is not None and file is not None
            ),
        )
        logs.harden(production=True)
        found = inspect(asked)
        header = found.backup.header
        if dry_run:
            told = {
                "ok": True,
                "backup": "" if header is None else header.id,
                "taken_at": "" if header is None else header.taken_at,
                "rows": found.backup.total,
                "sha256_of_contents": found.backup.digest,
                "keystore_expires_at": None
                if found.keystore is None
                else found.keystore.expires_at,
            }
            session.say(told, lines(told))
            return
        if session.now is not None and (header is None or header.environment != "test"):
            raise Denied("a home of environment production takes its time from the machine")
        clock = machine_clock if session.now is None else clock_from(instant(session.now))
        console = Console(stderr=True)
        with Bars(
            console=console, transient=True, disable=session.as_json or not console.is_terminal
        ) as bars:
            task = bars.add_task("restoring", total=found.backup.total)
            done = restore(
                asked,
                clock,
                lambda name: bars.update(task, description=f"restoring: {name}"),
                lambda count, _total: bars.update(task, advance=count),
                dict(os.environ),
            )
        document = asdict(done)
        session.say(document, lines(document))
        if done.access_to_review:
            session.warn(
                "what was done since this backup is not there: review `access_to_review` before"
                " anybody is let in"
            )
