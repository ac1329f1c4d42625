"""Audits by Amazon: requests, findings, plans, evidence, approvals, and auditors who may look: `assessment` [3]."""

from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.cli.written import write_out

assessment = typer.Typer(
    help="Audits by Amazon: requests, findings, plans, evidence, approvals, auditors.",
    no_args_is_help=True,
)

Audit = Annotated[int, typer.Argument(metavar="AUDIT", show_default=False)]
Request = Annotated[int, typer.Argument(metavar="REQUEST", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="FINDING", show_default=False)]
Words = Annotated[str, typer.Option("--text", metavar="TEXT", help="What is said.")]
_COLUMNS: Final = ("audit", "title", "auditor", "state", "opened_at", "closed_at")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(assessment, name="assessment")


@verb(
    assessment,
    "open",
    example="strongroom assessment open 'SP-API audit 2026' --auditor 'Example LLP'",
)
def assessment_open(
    session: Session,
    *,
    title: Annotated[str, typer.Argument(metavar="TITLE", show_default=False)],
    auditor: Annotated[str, typer.Option(metavar="NAME", help="Who audits.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Open an audit that Amazon announced."""
    found = session.call(
        "assessment.open",
        as_name=as_name,
        credential_file=credential_file,
        title=title,
        auditor=auditor,
    )
    session.say(found)


@verb(assessment, "list", example="strongroom assessment list")
def assessment_list(
    session: Session,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List the newest audits."""
    found = session.call(
        "assessment.list",
        as_name=as_name,
        credential_file=credential_file,
    )
    session.say(found, table(found["audits"], _COLUMNS))


@verb(assessment, "show", example="strongroom assessment show 1")
def assessment_show(
    session: Session,
    *,
    audit: Audit,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show an audit with its requests, findings and auditors."""
    found = session.call(
        "assessment.show",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
    )
    session.say(found)


@verb(
    assessment,
    "request",
    example="strongroom assessment request 1 --text 'The access review' --due 2026-12-10T00:00:00Z",
)
def assessment_request(
    session: Session,
    *,
    audit: Audit,
    text: Words,
    due: Annotated[str, typer.Option(metavar="INSTANT", help="When it is due.")],
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Amazon asks in writing for a certificate.")
    ] = False,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Who answers it.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep a request; one for a certificate of compliance is due within 10 days."""
    found = session.call(
        "assessment.request",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        text=text,
        due=due,
        certificate=certificate,
        owner=owner,
    )
    session.say(found)


@verb(
    assessment,
    "certify",
    example="strongroom assessment certify 1 4 --company 'Example Ltd' --out certificate.pdf",
)
def assessment_certify(
    session: Session,
    *,
    audit: Audit,
    request: Request,
    company: Annotated[str, typer.Option(help="Who certifies, as Amazon knows it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Issue the certificate of compliance that Amazon asked for; who leads the company does."""
    found = session.call(
        "assessment.certify",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        request=request,
        company=company,
    )
    write_out(session, out, found)


@verb(
    assessment,
    "answer",
    example="strongroom assessment answer 1 4 --text 'As attached' --evidence 7",
)
def assessment_answer(
    session: Session,
    *,
    audit: Audit,
    request: Request,
    text: Words,
    evidence: Annotated[
        int | None, typer.Option(metavar="N", help="An item of the evidence store.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Answer a request."""
    found = session.call(
        "assessment.answer",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        request=request,
        text=text,
        evidence=evidence,
    )
    session.say(found)


@verb(assessment, "accept", example="strongroom assessment accept 1 4")
def assessment_accept(
    session: Session,
    *,
    audit: Audit,
    request: Request,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write down that the auditor accepted an answer; not for who gave it."""
    found = session.call(
        "assessment.judge",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        request=request,
        accepted=True,
    )
    session.say(found)


@verb(assessment, "reopen", example="strongroom assessment reopen 1 4")
def assessment_reopen(
    session: Session,
    *,
    audit: Audit,
    request: Request,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Open a request again."""
    found = session.call(
        "assessment.judge",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        request=request,
        accepted=False,
    )
    session.say(found)


@verb(
    assessment,
    "finding",
    example="strongroom assessment finding 1 --text 'No MFA at the warehouse'",
)
def assessment_finding(
    session: Session,
    *,
    audit: Audit,
    text: Words,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep a finding of an audit."""
    found = session.call(
        "assessment.finding",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        text=text,
    )
    session.say(found)


@verb(
    assessment,
    "plan",
    example="strongroom assessment plan 1 2 --text 'Keys for all' --until 2026-12-31T00:00:00Z",
)
def assessment_plan(
    session: Session,
    *,
    audit: Audit,
    number: Number,
    text: Words,
    until: Annotated[str, typer.Option(metavar="INSTANT", help="The agreed date.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep the plan of a finding with the date agreed with Amazon."""
    found = session.call(
        "assessment.plan",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        finding=number,
        text=text,
        until=until,
    )
    session.say(found)


@verb(assessment, "evidence", example="strongroom assessment evidence 1 2 --evidence 8")
def assessment_evidence(
    session: Session,
    *,
    audit: Audit,
    number: Number,
    evidence: Annotated[int, typer.Option(metavar="N", help="An item of the evidence store.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Submit evidence for a finding."""
    found = session.call(
        "assessment.evidence",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        finding=number,
        evidence=evidence,
    )
    session.say(found)


@verb(
    assessment,
    "approval",
    example="strongroom assessment approval 1 2 --evidence 9 --day 2026-12-20",
)
def assessment_approval(
    session: Session,
    *,
    audit: Audit,
    number: Number,
    evidence: Annotated[int, typer.Option(metavar="N", help="An item of the evidence store.")],
    day: Annotated[str, typer.Option(metavar="DAY", help="The day it bears.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Keep Amazon's approval in writing: a mail or PDF in the evidence store."""
    found = session.call(
        "assessment.approval",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        finding=number,
        evidence=evidence,
        day=day,
    )
    session.say(found)


@verb(assessment, "close", example="strongroom assessment close 1")
def assessment_close(
    session: Session,
    *,
    audit: Audit,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Close an audit; refused while a request or an approval is missing."""
    found = session.call(
        "assessment.close",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
    )
    session.say(found)


@verb(
    assessment,
    "admit",
    example="strongroom assessment admit 1 --person kim --until 2026-12-20T00:00:00Z",
)
def assessment_admit(
    session: Session,
    *,
    audit: Audit,
    person: Annotated[str, typer.Option(metavar="NAME", help="An account without grants.")],
    until: Annotated[str, typer.Option(metavar="INSTANT", help="Until when.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let an auditor look, for 30 days at most."""
    found = session.call(
        "assessment.admit",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        person=person,
        until=until,
    )
    session.say(found)


@verb(assessment, "dismiss", example="strongroom assessment dismiss 1 1")
def assessment_dismiss(
    session: Session,
    *,
    audit: Audit,
    seat: Annotated[int, typer.Argument(metavar="SEAT", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let an auditor in no more."""
    found = session.call(
        "assessment.dismiss",
        as_name=as_name,
        credential_file=credential_file,
        audit=audit,
        seat=seat,
    )
    session.say(found)
