"""Who is locked out, and how they come in again: `user locks`, `user unlock`, `user dispose` [1.2]."""

from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb

LockArgument = Annotated[int, typer.Argument(metavar="LOCK", show_default=False)]


def register(user: typer.Typer) -> None:
    """Add these verbs to `user`."""
    verb(user, "locks", example="strongroom user locks --all")(_locks)
    verb(user, "unlock", example="strongroom user unlock 3 --disposition forgotten_password")(
        _unlock
    )
    verb(user, "dispose", example="strongroom user dispose 3 --disposition guessed_password")(
        _dispose
    )


def _locks(
    session: Session,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Lifted ones with a disposition too.")
    ] = False,
) -> None:
    """List who is locked out, and which locks nobody has explained; people and addresses."""
    found = session.call("user.locks", every=every)
    columns = ("id", "state", "scope", "name", "reason", "locked_at", "until", "disposition")
    session.say(found, table(found["locks"], columns))


def _unlock(
    session: Session,
    *,
    lock: LockArgument,
    disposition: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="What it was: guessed_password, forgotten_password, own_mistake, "
            "stolen_credentials or test. Not needed where the lock has one.",
        ),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let somebody in again. Another person who may administer does, or whoever sits at the console."""
    session.say(
        session.call(
            "user.unlock",
            as_name=as_name,
            credential_file=credential_file,
            lock=lock,
            disposition=disposition,
        )
    )


def _dispose(
    session: Session,
    *,
    lock: LockArgument,
    disposition: Annotated[str, typer.Option(metavar="D", help="What it was; as for `unlock`.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say what a lock was, without lifting it."""
    session.say(
        session.call(
            "user.dispose",
            as_name=as_name,
            credential_file=credential_file,
            lock=lock,
            disposition=disposition,
        )
    )
