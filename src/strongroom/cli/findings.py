"""What scans found: `finding` [2.5, 2.7]."""

import base64
import gzip
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.cli.written import write_out
from strongroom.errors import Malformed

finding = typer.Typer(
    help="What scans found, and by when it is mended.",
    no_args_is_help=True,
)

Report = Annotated[Path, typer.Argument(metavar="REPORT", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="FINDING", show_default=False)]
ExcuseNumber = Annotated[int, typer.Argument(metavar="EXCUSE", show_default=False)]
TargetOption = Annotated[str, typer.Option(help="What was scanned: a repository, image or host.")]
KindOption = Annotated[
    str | None,
    typer.Option(help="code, dependencies, secrets, host, web; else as the report says."),
]
CommitOption = Annotated[
    str | None, typer.Option(metavar="HASH", help="Which commit was scanned, its full hash.")
]
SeverityOption = Annotated[str | None, typer.Option(help="critical, high, medium, low or info.")]
StateOption = Annotated[str | None, typer.Option(help="open, accepted, dismissed or fixed.")]
OverdueOption = Annotated[bool, typer.Option("--overdue", help="Only those past their day.")]
ToolOption = Annotated[str | None, typer.Option(help="Of one scanner.")]
OfTarget = Annotated[str | None, typer.Option("--target", help="Of one target.")]

_LONGEST: Final = 32 * 1024 * 1024
_MOST_PACKED: Final = 600 * 1024
_FINDINGS: Final = ("finding", "severity", "state", "rule", "where", "target", "days_left")
_TARGETS: Final = ("number", "kind", "target", "verdict", "why", "due_at")
_SCANS: Final = ("scan", "tool", "kind", "target", "scanned_at", "quality", "found", "why")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(finding, name="finding")


@verb(
    finding,
    "import",
    example="strongroom finding import bandit.json --target shop --commit $(git rev-parse HEAD)",
)
def finding_import(  # noqa: PLR0913 - each is an option
    session: Session,
    *,
    report: Report,
    target: TargetOption = "",
    kind: KindOption = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="sarif, cyclonedx, trivy, pip-audit, bandit, ruff or csv; else found."
        ),
    ] = None,
    commit: CommitOption = None,
    scanned_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When, if the report does not say.")
    ] = None,
    advisories_at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Of when its advisories are, if it does not say."),
    ] = None,
    looked_at: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many files it read, if it found none and says none."),
    ] = None,
    root: Annotated[
        str, typer.Option(metavar="DIR", help="Where the scanner had the files; cut off paths.")
    ] = "",
    tool: Annotated[str, typer.Option(help="For a table: which scanner made it.")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="For a table: such as rule=Plugin; repeat it."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Import a report: what is new, still there, gone, or back again. One that skipped something closes nothing."""
    found = session.call(
        "finding.import",
        as_name=as_name,
        credential_file=credential_file,
        name=report.name,
        report=_packed(report),
        target=target,
        kind=kind,
        format=format_,
        commit=commit,
        scanned_at=scanned_at,
        advisories_at=advisories_at,
        looked_at=looked_at,
        root=root,
        tool=tool,
        columns=_columns(column or []),
    )
    session.say(found)


@verb(
    finding,
    "record",
    example="strongroom finding record report.pdf --target shop --scanned-at 2026-03-01T09:00:00Z "
    "--scope 'shop and desk' --tester 'Example Ltd, no part in building it'",
)
def finding_record(  # noqa: PLR0913 - each is an option
    session: Session,
    *,
    report: Report,
    target: TargetOption,
    scanned_at: Annotated[str, typer.Option(metavar="INSTANT", help="When it was made.")],
    scope: Annotated[str, typer.Option(help="What was tested.")],
    tester: Annotated[str, typer.Option(help="Who tested, and why they are independent.")],
    kind: Annotated[str, typer.Option(help="pentest, host, web or code.")] = "pentest",
    commit: CommitOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record a test by people with its report; import what it found as a table."""
    found = session.call(
        "finding.record",
        as_name=as_name,
        credential_file=credential_file,
        name=report.name,
        report=_packed(report),
        target=target,
        scanned_at=scanned_at,
        scope=scope,
        tester=tester,
        kind=kind,
        commit=commit,
    )
    session.say(found)


@verb(finding, "list", example="strongroom finding list --overdue")
def finding_list(
    session: Session,
    *,
    severity: SeverityOption = None,
    state: StateOption = None,
    tool: ToolOption = None,
    target: OfTarget = None,
    overdue: OverdueOption = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List findings, the most urgent first, with the days that are left."""
    found = session.call(
        "finding.list",
        as_name=as_name,
        credential_file=credential_file,
        severity=severity,
        state=state,
        tool=tool,
        target=target,
        overdue=overdue,
    )
    session.say(found, table(found["findings"], _FINDINGS))


@verb(finding, "export", example="strongroom finding export --state open --out findings.csv")
def finding_export(  # noqa: PLR0913 - each is an option
    session: Session,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")],
    severity: SeverityOption = None,
    state: StateOption = None,
    tool: ToolOption = None,
    target: OfTarget = None,
    overdue: OverdueOption = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write findings as a table (CSV)."""
    found = session.call(
        "finding.export",
        as_name=as_name,
        credential_file=credential_file,
        severity=severity,
        state=state,
        tool=tool,
        target=target,
        overdue=overdue,
    )
    write_out(session, out, found)


@verb(finding, "show", example="strongroom finding show 12")
def finding_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show one, and what was said of it."""
    session.say(
        session.call(
            "finding.show", as_name=as_name, credential_file=credential_file, finding=number
        )
    )


@verb(
    finding,
    "accept",
    example="strongroom finding accept 12 --days 60 --reason 'not reachable from outside'",
)
def finding_accept(
    session: Session,
    *,
    number: Number,
    reason: Annotated[str, typer.Option(help="Why the risk can be borne.")],
    days: Annotated[int, typer.Option(help="For how long, at most 180.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a finding's risk is accepted for some days; another person approves."""
    session.say(
        session.call(
            "finding.accept",
            as_name=as_name,
            credential_file=credential_file,
            finding=number,
            reason=reason,
            days=days,
        )
    )


@verb(finding, "dismiss", example="strongroom finding dismiss 12 --reason 'a name, no password'")
def finding_dismiss(
    session: Session,
    *,
    number: Number,
    reason: Annotated[str, typer.Option(help="Why it is none.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that a finding is taken for a false positive; another person approves."""
    session.say(
        session.call(
            "finding.dismiss",
            as_name=as_name,
            credential_file=credential_file,
            finding=number,
            reason=reason,
        )
    )


@verb(finding, "approve", example="strongroom finding approve 3 --as boris")
def finding_approve(
    session: Session,
    *,
    excuse: ExcuseNumber,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve an excuse that somebody else asked for."""
    session.say(
        session.call(
            "finding.approve", as_name=as_name, credential_file=credential_file, excuse=excuse
        )
    )


@verb(finding, "end", example="strongroom finding end 3")
def finding_end(
    session: Session,
    *,
    excuse: ExcuseNumber,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Reject an excuse that waits, or end one that counts: the finding is open again."""
    session.say(
        session.call("finding.end", as_name=as_name, credential_file=credential_file, excuse=excuse)
    )


@verb(finding, "scans", example="strongroom finding scans")
def finding_scans(
    session: Session,
    *,
    commit: Annotated[
        str | None, typer.Option(metavar="HASH", help="The reports of this commit.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show what is to be scanned and how it stands, and the last reports."""
    found = session.call(
        "finding.scans", as_name=as_name, credential_file=credential_file, commit=commit
    )
    if session.as_json:
        session.say(found)
        return
    session.say(found, table(found["targets"], _TARGETS))
    session.say(found, table(found["scans"], _SCANS))


@verb(finding, "declare", example="strongroom finding declare host warehouse-nas")
def finding_declare(
    session: Session,
    *,
    kind: Annotated[
        str,
        typer.Argument(metavar="code|dependencies|secrets|host|web", show_default=False),
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that something is to be scanned. `secrets` is a public repository, `secrets none` that there is none."""
    session.say(
        session.call(
            "finding.declare",
            as_name=as_name,
            credential_file=credential_file,
            kind=kind,
            target=target,
        )
    )


@verb(finding, "retire", example="strongroom finding retire 4")
def finding_retire(
    session: Session,
    *,
    target: Annotated[int, typer.Argument(metavar="NUMBER", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take something off the list of what is to be scanned."""
    session.say(
        session.call(
            "finding.retire", as_name=as_name, credential_file=credential_file, target=target
        )
    )


def _packed(path: Path) -> str:
    """Return a file packed with gzip in base64. Raises: Malformed: it is not there, or too long for a command."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as exc:
        raise Malformed(f"the file can't be read: {os.strerror(exc.errno or 0)}") from None
    packed = gzip.compress(content, mtime=0)
    if len(content) > _LONGEST or len(packed) > _MOST_PACKED:
        raise Malformed(
            "the report is too long for a command", hint="upload it at /findings/import"
        )
    return base64.b64encode(packed).decode("ascii")


def _columns(given: list[str]) -> dict[str, str]:
    found = {}
    for pair in given:
        ours, equals, theirs = pair.partition("=")
        if not equals or ours in found:
            raise Malformed("a column is mapped as OURS=THEIRS, each once")
        found[ours] = theirs
    return found
