"""How the policy's duties stand, and what people state of them: `duty`, but for `duty check` [1, 2, 3]."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.checks import duty
from strongroom.cli.session import EXIT_REFUSED, AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

Number = Annotated[str, typer.Argument(metavar="DUTY", help="Such as 1.1-a.", show_default=False)]
ExceptionNumber = Annotated[int, typer.Argument(metavar="EXCEPTION", show_default=False)]

_COLUMNS: Final = ("duty", "status", "title", "office", "why")
_EXCEPTIONS: Final = (
    "exception",
    "duty",
    "kind",
    "state",
    "ends_at",
    "asked_by",
    "approved_by",
    "terms",
)


def register(root: typer.Typer) -> None:
    """Add nothing: `checks` adds the noun, and its verbs stand on it already."""


@verb(duty, "list", example="strongroom duty list --status blocking")
def duty_list(
    session: Session,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            help="fail, unknown, stale, due_soon, exception, not_applicable, pass; or blocking."
        ),
    ] = None,
    office: Annotated[str | None, typer.Option(help="Whose duties, such as app_admin.")] = None,
    clause: Annotated[str | None, typer.Option(help="Of one clause, such as 2.6.")] = None,
) -> None:
    """List the duties and how each stands; exit code 1 where one of all would fail an audit."""
    found = session.call("duty.list", status=status, office=office, clause=clause)
    session.say(found, table(found["duties"], _COLUMNS))
    if not found["passes"]:
        session.warn(f"an audit today would fail by {len(found['blocking'])} duties")
        raise typer.Exit(EXIT_REFUSED)


@verb(duty, "show", example="strongroom duty show 1.1-a")
def duty_show(session: Session, *, number: Number) -> None:
    """Show one duty: what it asks, how it stands and why, what proves it, what was stated."""
    session.say(session.call("duty.show", duty=number))


@verb(duty, "attest", example='strongroom duty attest 1.1-a --yes --note "seen in the console"')
def duty_attest(
    session: Session,
    *,
    number: Number,
    yes: Annotated[
        bool, typer.Option("--yes", help="State it; without it the text is shown alone.")
    ] = False,
    note: Annotated[str, typer.Option(help="What you looked at; kept sealed.")] = "",
    evidence: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Its name and SHA-256 go with it; repeatable."),
    ] = None,
    kept: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="An item of the evidence store; repeatable."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State that a duty is kept, in the words of its text; for its office, the deputy, administrators."""
    shown = session.call("duty.show", duty=number)
    if shown["states"] is None:
        raise Malformed(f"duty {number} is not stated by people")
    if not yes:
        session.say(
            {"duty": shown["duty"], "states": shown["states"], "digest": shown["digest"]},
            shown["states"],
        )
        session.warn("nothing is stated yet: give --yes where this is true")
        raise typer.Exit(EXIT_REFUSED)
    _say(
        session,
        session.call(
            "duty.attest",
            as_name=as_name,
            credential_file=credential_file,
            duty=number,
            digest=shown["digest"],
            note=note,
            evidence=[[path.name, _hashed(path)] for path in evidence or ()],
            kept=kept or [],
        ),
    )


@verb(duty, "withdraw", example="strongroom duty withdraw 1.1-a")
def duty_withdraw(
    session: Session,
    *,
    number: Number,
    note: Annotated[str, typer.Option(help="Why; kept sealed.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that what was stated of a duty holds no longer."""
    _say(
        session,
        session.call(
            "duty.withdraw",
            as_name=as_name,
            credential_file=credential_file,
            duty=number,
            note=note,
        ),
    )


@verb(
    duty,
    "except",
    example='strongroom duty except 2.3-f --not-applicable --days 365 --reason "nothing is printed"',
)
def duty_except(
    session: Session,
    *,
    number: Number,
    reason: Annotated[str, typer.Option(help="An auditor reads it; kept sealed.")],
    days: Annotated[int, typer.Option(help="For how long, at most 365.")] = 90,
    not_applicable: Annotated[
        bool, typer.Option("--not-applicable", help="There is nothing here that it is about.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a duty needs not be kept for a while; another person approves."""
    session.say(
        session.call(
            "duty.except",
            as_name=as_name,
            credential_file=credential_file,
            duty=number,
            kind="not_applicable" if not_applicable else "exception",
            reason=reason,
            days=days,
        )
    )


@verb(duty, "exceptions", example="strongroom duty exceptions")
def duty_exceptions(session: Session) -> None:
    """List the exceptions that wait for a second person, and those in force."""
    found = session.call("duty.exceptions")
    session.say(found, table(found["exceptions"], _EXCEPTIONS))


@verb(
    duty,
    "approve",
    example="strongroom duty approve 3 --terms 3f2a90c417be55d1 --as boris "
    "--credential-file boris.json",
)
def duty_approve(
    session: Session,
    *,
    exception: ExceptionNumber,
    terms: Annotated[str, typer.Option(help="As they were printed: what you read is what counts.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve an exception that somebody else asked for."""
    session.say(
        session.call(
            "duty.approve",
            as_name=as_name,
            credential_file=credential_file,
            exception=exception,
            terms=terms,
        )
    )


@verb(duty, "end", example="strongroom duty end 3")
def duty_end(
    session: Session,
    *,
    exception: ExceptionNumber,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Reject an exception, or end one before its day."""
    session.say(
        session.call(
            "duty.end", as_name=as_name, credential_file=credential_file, exception=exception
        )
    )


def _say(session: Session, found: Json) -> None:
    shown = {key: found[key] for key in ("duty", "status", "why", "remedy", "due_at")}
    session.say(found, table([shown], tuple(shown)))


def _hashed(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = sha256()
            while part := file.read(1024 * 1024):
                digest.update(part)
    except OSError as exc:
        raise Malformed("a file of --evidence cannot be read") from exc
    return digest.hexdigest()
