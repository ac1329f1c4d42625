"""How long the log is kept: `audit agreement`, `audit hold`, `audit prune`."""

from typing import Annotated

import typer

from strongroom.cli.approving import decisions
from strongroom.cli.session import (
    ApproverCredentialOption,
    ApproverOption,
    AsOption,
    CredentialOption,
    Session,
    approver_secret,
    table,
    verb,
)

agreement = typer.Typer(help="When the agreement with Amazon ends.", no_args_is_help=True)
hold = typer.Typer(help="What of the log is kept whatever else ends.", no_args_is_help=True)
epoch = typer.Typer(help="Go on after an unavoidable rollback.", no_args_is_help=True)
prune = typer.Typer(help="Give up the log's oldest entries.", no_args_is_help=True)

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Names no person or order.")]
Number = Annotated[int, typer.Argument(metavar="ID", show_default=False)]


def register(audit: typer.Typer) -> None:
    """Add these nouns below `audit`."""
    audit.add_typer(agreement, name="agreement")
    audit.add_typer(hold, name="hold")
    audit.add_typer(prune, name="prune")
    audit.add_typer(epoch, name="epoch")


@verb(agreement, "show", example="strongroom audit agreement show")
def agreement_show(session: Session) -> None:
    """Show when the agreement ends, until when the log is kept, and what waits for a second person."""
    session.say(session.call("agreement.show"))


@verb(
    agreement,
    "end",
    example='strongroom audit agreement end --on 2026-12-31 --reason "we leave the marketplace"',
)
def agreement_end(
    session: Session,
    *,
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="Its last day, 2026-12-31.")],
    reason: Why,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that the agreement's last day be set; pending until another person approves it."""
    session.say(
        session.call(
            "agreement.end", as_name=as_name, credential_file=credential_file, on=on, reason=reason
        )
    )


@verb(agreement, "reopen", example='strongroom audit agreement reopen --reason "it was renewed"')
def agreement_reopen(
    session: Session,
    *,
    reason: Why,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that the agreement have no end any more; pending until another person approves it."""
    session.say(
        session.call(
            "agreement.reopen", as_name=as_name, credential_file=credential_file, reason=reason
        )
    )


@verb(
    hold,
    "set",
    example='strongroom audit hold set --from 0 --to 5000 --reason "the investigation of March"',
)
def hold_set(
    session: Session,
    *,
    first: Annotated[int, typer.Option("--from", metavar="SEQ", help="The first event kept.")],
    end: Annotated[int, typer.Option("--to", metavar="SIZE", help="Events before this.")],
    reason: Why,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="Else until it is lifted.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep a stretch of the log from now on."""
    found = session.call(
        "hold.set",
        as_name=as_name,
        credential_file=credential_file,
        first=first,
        end=end,
        reason=reason,
        until=until,
    )
    session.say(found)


@verb(hold, "lift", example='strongroom audit hold lift 2 --reason "the case is closed"')
def hold_lift(
    session: Session,
    number: Number,
    *,
    reason: Why,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a hold end; pending until another person approves it."""
    session.say(
        session.call(
            "hold.lift",
            as_name=as_name,
            credential_file=credential_file,
            hold=number,
            reason=reason,
        )
    )


@verb(hold, "list", example="strongroom audit hold list --json")
def hold_list(session: Session) -> None:
    """List the holds there are and were."""
    found = session.call("hold.list")
    session.say(found, table(found["holds"], ("id", "from", "to", "until", "lifted", "reason")))


@verb(prune, "request", example='strongroom audit prune request --reason "end of the agreement"')
def prune_request(
    session: Session,
    *,
    reason: Why,
    end: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="SIZE", help="Events before this, a multiple of 256; else all."
        ),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask to give up the oldest entries; pending until another person approves it."""
    session.say(
        session.call(
            "prune.request",
            as_name=as_name,
            credential_file=credential_file,
            reason=reason,
            end=end,
        )
    )


@verb(prune, "run", example="strongroom audit prune run --json")
def prune_run(session: Session) -> None:
    """Take away what was approved, where it was interrupted or waited to be anchored."""
    session.say(session.call("prune.run"))


@verb(
    epoch,
    "begin",
    example='strongroom audit epoch begin --reason "restored the backup of Monday" --as anna '
    "--credential-file anna.json --approver boris --approver-credential-file boris.json",
)
def epoch_begin(
    session: Session,
    *,
    reason: Why,
    approver: ApproverOption = None,
    approver_file: ApproverCredentialOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Continue a log that was set back, on a home that is refused; what is lost stays declared."""
    shown = approver_secret(approver_file)
    session.say(
        session.call(
            "epoch.begin",
            as_name=as_name,
            credential_file=credential_file,
            reason=reason,
            approver=approver,
            credential=shown,
        )
    )


for _group, _noun, _says in (
    (agreement, "agreement", "Approve what another person asked for: an end, or none any more."),
    (hold, "hold", "Approve what another person asked for: the end of a hold."),
    (prune, "prune", "Approve what another person asked for, and take the entries away."),
):
    decisions(_group, f"audit {_noun}", named=Number, argument="change", example="3", approve=_says)
