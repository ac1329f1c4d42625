"""Who is locked out, who comes in again, who is signed off: `user locks`, `unlock`, `dispose`, `sign-off` [1.2]."""

from typing import Annotated

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed

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
    verb(user, "sign-off", example="strongroom user sign-off anna --yes")(_sign_off)


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


def _sign_off(
    session: Session,
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Whose sessions.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Those of everybody.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="They sign on again.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """End the sessions of a person, or of everybody. Who may administer does, or whoever sits at the console."""
    if everybody == (name is not None):
        raise Malformed("give a name or --all")
    if not yes:
        raise Malformed("this signs people off", hint="give --yes to do it")
    session.say(
        session.call("user.sign-off", as_name=as_name, credential_file=credential_file, name=name)
    )
