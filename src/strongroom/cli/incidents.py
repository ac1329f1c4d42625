"""Security Incidents: `incident` [1.6]. What people write comes from files or standard input."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.cli.written import file_of, text_of, write_out
from strongroom.errors import Malformed
from strongroom.request import Json

incident = typer.Typer(
    help="Security Incidents: cases, their 24 hours, what Amazon is told.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="INCIDENT", show_default=False)]
TextFile = Annotated[
    Path, typer.Option(metavar="FILE", help="The text; - is standard input. Name no buyer.")
]
OutOption = Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")]
At = Annotated[str | None, typer.Option(metavar="INSTANT", help="UTC, such as 2026-01-31T02:10Z.")]

_CASES: Final = ("incident", "kind", "title", "clock_at", "notified_at", "closed_at", "lead")
_ENTRIES: Final = ("number", "what", "name", "state", "at", "by")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(incident, name="incident")


@verb(incident, "list", example="strongroom incident list")
def incident_list(
    session: Session,
    *,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List the cases, the newest first."""
    found = session.call(
        "incident.list",
        as_name=as_name,
        credential_file=credential_file,
    )
    session.say(found, table(found["incidents"], _CASES))


@verb(incident, "show", example="strongroom incident show 3")
def incident_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show a case, and what it lacks before it may be closed."""
    found = session.call(
        "incident.show",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    _say(session, found)


@verb(
    incident,
    "open",
    example="strongroom incident open --kind access --title 'Odd reads' --suspected 2026-01-31T02:10Z",
)
def incident_open(
    session: Session,
    *,
    kind: Annotated[
        str,
        typer.Option(
            help="access, collection, acquisition, use, transmission, disclosure, corruption, loss or environment."
        ),
    ],
    title: Annotated[str, typer.Option(help="One line; it names nobody.")],
    suspected: At = None,
    detected: At = None,
    alarm: Annotated[int | None, typer.Option(help="The alarm that told you.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Open a case; its 24 hours count from the earliest instant given, or from the alarm."""
    found = session.call(
        "incident.open",
        as_name=as_name,
        credential_file=credential_file,
        kind=kind,
        texts={"title": title},
        suspected_at=suspected,
        detected_at=detected,
        alarm=alarm,
    )
    session.say(found)


@verb(incident, "clock", example="strongroom incident clock 3 --suspected 2026-01-30T22:00Z")
def incident_clock(
    session: Session,
    *,
    number: Number,
    suspected: At = None,
    detected: At = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that it was known earlier; the clock never moves later."""
    found = session.call(
        "incident.clock",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        suspected_at=suspected,
        detected_at=detected,
    )
    session.say(found)


@verb(incident, "lead", example="strongroom incident lead 3 ada")
def incident_lead(
    session: Session,
    *,
    number: Number,
    name: Annotated[str, typer.Argument(show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Make somebody the lead, who closes the case."""
    found = session.call(
        "incident.lead",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        name=name,
    )
    _say(session, found)


@verb(incident, "note", example="strongroom incident note 3 --text-file note.txt")
def incident_note(
    session: Session,
    *,
    number: Number,
    text_file: TextFile,
    at: At = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Add a line to the timeline."""
    found = session.call(
        "incident.note",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        text=text_of(text_file),
        at=at,
    )
    _say(session, found)


@verb(incident, "tick", example="strongroom incident tick 3 contain.account")
def incident_tick(
    session: Session,
    *,
    number: Number,
    step: Annotated[str, typer.Argument(show_default=False)],
    not_for: Annotated[str | None, typer.Option(help="A reason: it does not apply.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that a step of the playbook is done, or why it does not apply."""
    found = session.call(
        "incident.tick",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        step=step,
        not_for=not_for,
    )
    _say(session, found)


@verb(incident, "contained", example="strongroom incident contained 3")
def incident_contained(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that it spreads no further."""
    found = session.call(
        "incident.contained",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    _say(session, found)


@verb(incident, "scope", example="strongroom incident scope 3 --since 2026-01-30T00:00Z --by erp")
def incident_scope(
    session: Session,
    *,
    number: Number,
    since: Annotated[str, typer.Option(metavar="INSTANT", help="From when on.")],
    until: At = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Whose doings; everybody's where none is named.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Compute from the log which records and sellers it concerns."""
    found = session.call(
        "incident.scope",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        since=since,
        until=until,
        principals=by or [],
    )
    session.say(found)


@verb(incident, "stop", example="strongroom incident stop 3 freeze mallory")
def incident_stop(
    session: Session,
    *,
    number: Number,
    measure: Annotated[
        str,
        typer.Argument(
            metavar="freeze|revoke_grants|end_account|remove_destination", show_default=False
        ),
    ],
    name: Annotated[str, typer.Argument(show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Stop an account or destination, and write that into the case."""
    found = session.call(
        "incident.stop",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        measure=measure,
        name=name,
    )
    _say(session, found)


@verb(incident, "draft", example="strongroom incident draft 3")
def incident_draft(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show a notification to Amazon for you to change; it sends nothing."""
    found = session.call(
        "incident.draft",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    session.say(found, found["text"] + "\n")


@verb(
    incident,
    "notify",
    example="strongroom incident notify 3 --subject 'Security Incident 3' --text-file mail.txt --yes",
)
def incident_notify(
    session: Session,
    *,
    number: Number,
    subject: Annotated[str, typer.Option(help="One line.")],
    text_file: TextFile,
    yes: Annotated[bool, typer.Option(help="You have read it.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Send the notification to Amazon by the mail channel: you send it, nothing else does."""
    if not yes:
        raise Malformed("say --yes: it leaves for Amazon")
    found = session.call(
        "incident.notify",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        subject=subject,
        text=text_of(text_file),
    )
    session.say(found)


@verb(
    incident,
    "notified",
    example="strongroom incident notified 3 --file sent.eml --sent 2026-01-31T10:00Z",
)
def incident_notified(
    session: Session,
    *,
    number: Number,
    file: Annotated[Path, typer.Option(help="What was sent, with its headers.")],
    sent: Annotated[str, typer.Option(metavar="INSTANT", help="When.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record that you told Amazon another way, with what was sent."""
    found = session.call(
        "incident.notified",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        name=file.name,
        file=file_of(file),
        sent_at=sent,
    )
    session.say(found)


@verb(
    incident,
    "told",
    example="strongroom incident told 3 --to authority --how form --file form.pdf --law 'GDPR, article 33'",
)
def incident_told(  # noqa: PLR0913 - what is told to whom
    session: Session,
    *,
    number: Number,
    to: Annotated[
        str, typer.Option(help="authority, customer, police, seller, insurer, provider or other.")
    ],
    how: Annotated[str, typer.Option(help="Such as a form, a letter, a call.")],
    file: Annotated[Path, typer.Option(help="What is told.")],
    law: Annotated[str, typer.Option(help="By which law.")] = "",
    permission: Annotated[Path | None, typer.Option(help="Amazon's written request.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Register a word to somebody else before it goes out."""
    found = session.call(
        "incident.told",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        recipient=to,
        channel=how,
        name=file.name,
        file=file_of(file),
        law=law,
        permission=None if permission is None else file_of(permission),
    )
    session.say(found)


@verb(
    incident,
    "decide",
    example="strongroom incident decide 3 7 agree --as boris --credential-file boris.json",
)
def incident_decide(
    session: Session,
    *,
    number: Number,
    message: Annotated[int, typer.Argument(show_default=False)],
    word: Annotated[
        str, typer.Argument(metavar="agree|withdraw|sent|not-sent", show_default=False)
    ],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say of a message that waits: agree or withdraw; of a mail nobody knows the fate of: sent or not-sent."""
    found = session.call(
        "incident.decide",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        message=message,
        word=word,
    )
    _say(session, found)


@verb(
    incident,
    "write",
    example="strongroom incident write 3 --cause cause.txt --remediation done.txt",
)
def incidentwrite_out(
    session: Session,
    *,
    number: Number,
    what: Annotated[Path | None, typer.Option(metavar="FILE", help="What happened.")] = None,
    cause: Annotated[Path | None, typer.Option(metavar="FILE", help="The root cause.")] = None,
    remediation: Annotated[Path | None, typer.Option(metavar="FILE", help="What was done.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write the post-mortem; another person approves it."""
    found = session.call(
        "incident.write",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        texts={
            name: text_of(path)
            for name, path in (
                ("description", what),
                ("root_cause", cause),
                ("remediation", remediation),
            )
            if path is not None
        },
    )
    _say(session, found)


@verb(
    incident,
    "control",
    example="strongroom incident control 3 --text-file control.txt --owner ada --until 2026-03-01T00:00Z",
)
def incident_control(
    session: Session,
    *,
    number: Number,
    text_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What keeps it away.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who does it.")] = None,
    until: At = None,
    done: Annotated[
        int | None, typer.Option(help="The number of a control that is in place.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Name a corrective control, or say with --done that one is in place."""
    found = session.call(
        "incident.control",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        text=None if text_file is None else text_of(text_file),
        owner=owner,
        due_at=until,
        done=done,
    )
    _say(session, found)


@verb(
    incident,
    "approve",
    example="strongroom incident approve 3 --as boris --credential-file boris.json",
)
def incident_approve(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve the post-mortem that another person wrote."""
    found = session.call(
        "incident.approve",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    _say(session, found)


@verb(incident, "none", example="strongroom incident none 3 --reason-file why.txt")
def incident_none(
    session: Session,
    *,
    number: Number,
    reason_file: TextFile,
    agree: Annotated[bool, typer.Option(help="You are the second person.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that it was no Security Incident, or agree with whoever said so."""
    found = session.call(
        "incident.none",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
        reason=text_of(reason_file),
        agree=agree,
    )
    _say(session, found)


@verb(incident, "close", example="strongroom incident close 3")
def incident_close(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Sign and close a case that lacks nothing; its lead does."""
    found = session.call(
        "incident.close",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    _say(session, found)


@verb(incident, "pack", example="strongroom incident pack 3 --out incident-3.zip")
def incident_pack(
    session: Session,
    *,
    number: Number,
    out: OutOption,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write the documentation of a case as Amazon would get it, checked."""
    found = session.call(
        "incident.pack",
        as_name=as_name,
        credential_file=credential_file,
        incident=number,
    )
    write_out(session, out, found)


@verb(incident, "practise", example="strongroom incident practise review --text-file review.txt")
def incident_practise(
    session: Session,
    *,
    practice: Annotated[
        str,
        typer.Argument(
            metavar="review|exercise|change|types|address|path|silence", show_default=False
        ),
    ],
    text_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For a review or change; for an exercise the scenario."),
    ] = None,
    participants: Annotated[str, typer.Option(help="Of an exercise.")] = "",
    findings: Annotated[Path | None, typer.Option(metavar="FILE", help="Of an exercise.")] = None,
    address: Annotated[str, typer.Option(help="As Amazon says it today.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record a review, exercise, change, types, address, path or silence."""
    text = "" if text_file is None else text_of(text_file)
    texts = {
        "text": text,
        "scenario": text,
        "participants": participants,
        "findings": "" if findings is None else text_of(findings),
        "address": address,
    }
    found = session.call(
        "incident.practise",
        as_name=as_name,
        credential_file=credential_file,
        practice=practice,
        texts=texts,
    )
    session.say(found)


def _say(session: Session, found: Json) -> None:
    if session.as_json:
        session.say(found)
        return
    session.say({name: value for name, value in found.items() if not isinstance(value, list)})
    session.say(found, table(found["entries"], _ENTRIES))
    if found["missing"]:
        sys.stdout.write(f"it lacks: {'; '.join(found['missing'])}\n")
