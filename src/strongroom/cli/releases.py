"""Releases, and the gate before them: `release` [2.7]. The gate works on files alone too, in CI without a home."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from strongroom.assurance.releases import accepted as accepting
from strongroom.assurance.releases import directory
from strongroom.assurance.releases.gate import allows, commit_of, judge
from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json, instant

release = typer.Typer(
    help="Releases: a commit passes the gate, another person approves.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="RELEASE", show_default=False)]
CommitOption = Annotated[
    str, typer.Option(metavar="SHA", help="The commit's full hash.", show_default=False)
]
CommittedOption = Annotated[
    str | None,
    typer.Option(metavar="INSTANT", help="When it was committed; else git is asked, here."),
]

_CONDITIONS: Final = ("condition", "verdict", "why", "remedy")
_COLUMNS: Final = ("release", "product", "version", "commit", "state", "recorded_by", "approved_by")
_MOST_TESTS: Final = 64 * 1024
_GIT_SECONDS: Final = 20


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(release, name="release")


@verb(
    release,
    "check",
    example="strongroom release check --commit $(git rev-parse HEAD) --reports build/reports",
)
def release_check(
    session: Session,
    *,
    commit: CommitOption,
    committed: CommittedOption = None,
    reports: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Reports with their list, reports.json; needs no home."),
    ] = None,
    accepted: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --reports: findings whose risk is accepted."),
    ] = None,
    tests: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Without --reports: how the commit's tests ended."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say whether a commit may be released, and what each condition lacks; exits 1 where it may not."""
    committed_at = _committed_at(commit_of(commit), committed)
    if reports is not None:
        found = _of_files(session, commit, committed_at, reports, accepted)
    else:
        found = session.call(
            "release.check",
            as_name=as_name,
            credential_file=credential_file,
            commit=commit,
            committed_at=committed_at.isoformat(),
            tests=None if tests is None else _tests(tests),
        )
    session.say(found, table(found["conditions"], _CONDITIONS))
    if not found["allowed"]:
        session.warn(f"commit {commit[:12]} may not be released")
        raise typer.Exit(1)


@verb(
    release,
    "record",
    example="strongroom release record 1.4.0 --commit $(git rev-parse HEAD) --tests tests.json",
)
def release_record(
    session: Session,
    *,
    version: Annotated[str, typer.Argument(metavar="VERSION", show_default=False)],
    commit: CommitOption,
    tests: Annotated[Path, typer.Option(metavar="FILE", help="How the commit's tests ended.")],
    product: Annotated[str, typer.Option(help="What is released.")] = "strongroom",
    committed: CommittedOption = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Put a release before another person; the gate refuses what it would refuse in `release check`."""
    found = session.call(
        "release.record",
        as_name=as_name,
        credential_file=credential_file,
        product=product,
        version=version,
        commit=commit_of(commit),
        committed_at=_committed_at(commit, committed).isoformat(),
        tests=_tests(tests),
    )
    session.say(found)


@verb(
    release,
    "approve",
    example="strongroom release approve 3 --as clara --credential-file clara.json",
)
def release_approve(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let a release count: for another person than recorded it; the gate is asked again."""
    session.say(_acted(session, "release.approve", number, as_name, credential_file))


@verb(release, "withdraw", example="strongroom release withdraw 3")
def release_withdraw(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that a release does not count, or no longer."""
    session.say(_acted(session, "release.withdraw", number, as_name, credential_file))


@verb(release, "list", example="strongroom release list")
def release_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List the newest releases."""
    found = session.call("release.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["releases"], _COLUMNS))


@verb(release, "show", example="strongroom release show 3")
def release_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show a release with the scans it rests on."""
    session.say(_acted(session, "release.show", number, as_name, credential_file))


def _acted(
    session: Session,
    operation: str,
    number: int,
    as_name: str | None,
    credential_file: Path | None,
) -> Json:
    return session.call(operation, as_name=as_name, credential_file=credential_file, release=number)


def _of_files(
    session: Session, commit: str, committed_at: datetime, reports: Path, accepted: Path | None
) -> Json:
    """Return what the gate says of a directory of reports."""
    now = datetime.now(UTC)  # noqa: TID251 - no home, so no clock of one
    entries = () if accepted is None else accepting.read(_content(accepted, accepting.MOST_BYTES))
    found = directory.read(reports, commit, now, entries)
    conditions = judge(directory.asked(found, commit, committed_at), now)
    del session
    return {
        "commit": commit,
        "allowed": allows(conditions),
        "conditions": [
            {"condition": c.name, "verdict": c.verdict.value, "why": c.why, "remedy": c.remedy}
            for c in conditions
        ],
    }


def _committed_at(commit: str, said: str | None) -> datetime:
    """Return when a commit was made, by the repository here or by what was said. Raises: Malformed."""
    if said is not None:
        return instant(said)
    git = shutil.which("git")
    if git is not None:
        asked = subprocess.run(  # noqa: S603 - a program by its path, a checked hash, no shell
            [git, "show", "--no-patch", "--format=%cI", commit],
            capture_output=True,
            check=False,
            timeout=_GIT_SECONDS,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
        text = asked.stdout.decode("ascii", "replace").strip()
        if asked.returncode == 0 and text:
            return datetime.fromisoformat(text)
    raise Malformed(
        "git knows no such commit here", hint="run it in the repository, or say --committed"
    )


def _tests(path: Path) -> Any:  # noqa: ANN401 - JSON, which the gate reads
    try:
        found = orjson.loads(_content(path, _MOST_TESTS))
    except orjson.JSONDecodeError:
        raise Malformed("the report of tests is no JSON") from None
    if not isinstance(found, dict):
        raise Malformed("the report of tests is no object")
    return found


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError:
        raise Malformed("a file that was named can't be read") from None
    if len(content) > most:
        raise Malformed(f"a file that was named has more than {most // 1024} KiB")
    return content
