"""Finding leaks outside the home: `scan`."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from strongroom import leaks
from strongroom.app import machine_clock
from strongroom.cli.session import EXIT_REFUSED, Session, secret, verb
from strongroom.errors import Malformed, Unavailable
from strongroom.home import Layout
from strongroom.request import Json

_ALLOW_NAME: Final = ".strongroom-allow.toml"
_AT_ONCE: Final = 1000
_SHOWN: Final = 200
_CREDENTIALS: Final[Mapping[str, str]] = {
    "secret.lwa-client-secret": "client_secrets",
    "secret.lwa-refresh-token": "refresh_tokens",
}
_VALUES: Final[Mapping[str, str]] = {
    "email": "emails",
    "phone": "phones",
    "order": "orders",
    "token": "tokens",
}


@dataclass(frozen=True, slots=True)
class _Options:
    secrets: bool
    staged: bool
    sarif: Path | None
    allow: Path | None
    state: Path | None
    password: str | None


def register(root: typer.Typer) -> None:
    """Add the verb to the command line."""

    @verb(root, "scan", example="strongroom scan /var/log/erp --sarif leaks.sarif")
    def scan(  # noqa: PLR0913, PLR0917 - one option each
        session: Session,
        targets: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="PATH|DSN…",
                help="Files, directories, or postgresql://USER@HOST/DATABASE.",
                show_default=False,
            ),
        ] = None,
        secrets: Annotated[
            bool,
            typer.Option("--secrets", help="Look for credentials, not for personal data."),
        ] = False,
        staged: Annotated[
            bool,
            typer.Option("--staged", help="With --secrets: only what the next commit brings."),
        ] = False,
        install_hook: Annotated[
            Path | None,
            typer.Option("--install-hook", metavar="REPO", help="Write a pre-commit hook."),
        ] = None,
        sarif: Annotated[
            Path | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0.")
        ] = None,
        allow: Annotated[
            Path | None,
            typer.Option(
                "--allow", metavar="FILE", help=f"What may stay; else {_ALLOW_NAME} of the target."
            ),
        ] = None,
        state: Annotated[
            Path | None,
            typer.Option("--state", metavar="FILE", help="Go on where a scan was interrupted."),
        ] = None,
        password_file: Annotated[
            Path | None,
            typer.Option("--password-file", metavar="FILE", help="The password of the database."),
        ] = None,
    ) -> None:
        """Find leaked personal data, or credentials, in files, histories, databases; exit code 1 when there is any."""
        if install_hook is not None:
            path = leaks.install_hook(install_hook, shutil.which("strongroom") or sys.argv[0])
            session.say({"hook": str(path)}, f"{path} scans what is staged before each commit")
            return
        if not targets or (staged and not secrets):
            raise Malformed("name what to scan; --staged goes with --secrets")
        password = None if password_file is None else secret(password_file, "--password-file")
        options = _Options(secrets, staged, sarif, allow, state, password)
        result = _run(session, targets, options)
        session.say(result, _told(result))
        if not result["ok"]:
            raise typer.Exit(EXIT_REFUSED)


def _run(session: Session, targets: Sequence[str], options: _Options) -> Json:
    now = machine_clock()
    mode = "secrets" if options.secrets else "data"
    paths = [Path(target) for target in targets if not leaks.is_dsn(target)]
    allowances = _allowances(options.allow, paths, now)
    home = _home(session, required=not options.secrets)
    with ExitStack() as stack:
        ask = None if home is None else stack.enter_context(session.hold())
        if ask is not None and options.state is None:  # else its state asks for a key
            ask("leaks.begin", mode=mode, salt="")
        look_up = None if ask is None else _look_up(ask)
        done = leaks.Scan(look_up, secrets=options.secrets)

        def key_of(salt: str) -> str:
            return salt if ask is None else str(ask("leaks.begin", mode=mode, salt=salt)["key"])

        state = None if options.state is None else leaks.State(options.state, mode, key_of, now)
        with _bar(session, paths) as tell:
            for target in targets:
                _scan(done, target, options, tell, state, home)
            done.flush()
        findings, allowed, late = leaks.sift(done.findings(), allowances, now.date())
        counts = _counts(done, findings)
        if ask is not None:
            records = {n for f in findings for n in f.records if f.kind.startswith("vault.")}
            ask(
                "leaks.finish",
                mode=mode,
                megabytes=done.bytes // (1024 * 1024),
                kinds=list(counts),
                counts=list(counts.values()),
                records=sorted(records)[:100],
            )
        if state is not None:
            state.finish()
    result: Json = {
        "ok": not findings and not done.incomplete,
        "findings": [finding.to_json() for finding in findings],
        "counts": counts,
        "files": done.files,
        "bytes": done.bytes,
        "allowed": allowed,
        "expired_allowances": late,
        "incomplete": [{"file": file, "why": why} for file, why in done.incomplete],
    }
    if options.sarif is not None:
        _write(options.sarif, leaks.sarif(findings, version("strongroom")))
    lines = [f"{found.where}: {found.what} ({found.kind}, {found.encoding})" for found in findings]
    return result | {"lines": lines} if not session.as_json else result


def _scan(
    done: leaks.Scan,
    target: str,
    options: _Options,
    tell: Callable[[int], None],
    state: leaks.State | None,
    home: Layout | None,
) -> None:
    if leaks.is_dsn(target):
        leaks.scan_postgres(done, target, options.password)
    elif options.staged:
        leaks.scan_staged(done, Path(target))
    else:
        leaks.scan_path(done, Path(target), tell, state, _passed_over(home, options))


def _passed_over(home: Layout | None, options: _Options) -> Callable[[Path], bool]:
    """Return what is not looked at: our own TLS keys, which have to lie where they do, and the state file."""
    tls = None if home is None or not options.secrets else (home.root / "tls").resolve()
    own = {path.resolve() for path in (options.state, options.sarif) if path is not None}

    def passes(path: Path) -> bool:
        # Resolving costs a call of the system for each part: only where it can matter.
        if path.suffix in {".key", ".pem"} and tls is not None and path.resolve().parent == tls:
            return True
        return bool(own) and path.resolve() in own

    return passes


def _look_up(ask: Callable[..., Json]) -> Callable[..., Mapping[str, Sequence[leaks.Answer]]]:
    """Return what asks the home about normal forms, by kind."""

    def look_up(wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[leaks.Answer]]:
        answers: dict[str, Sequence[leaks.Answer]] = {}
        if any(kind in _VALUES for kind in wanted):
            found = _in_parts(ask, wanted)
            answers.update((kind, found[kind]) for kind in wanted if kind in _VALUES)
        ours = {name: list(wanted.get(kind, ())) for kind, name in _CREDENTIALS.items()}
        if any(ours.values()):
            told = ask("leaks.credentials", **ours)
            answers.update((k, told[name]) for k, name in _CREDENTIALS.items() if k in wanted)
        for kind, forms in wanted.items():
            answers.setdefault(kind, [None] * len(forms))
        return answers

    return look_up


def _in_parts(
    ask: Callable[..., Json], wanted: Mapping[str, Sequence[str]]
) -> dict[str, list[leaks.Answer]]:
    found: dict[str, list[leaks.Answer]] = {kind: [] for kind in _VALUES}
    longest = max(len(forms) for forms in wanted.values())
    for start in range(0, longest, _AT_ONCE):
        asked = {
            name: list(wanted.get(kind, ()))[start : start + _AT_ONCE]
            for kind, name in _VALUES.items()
        }
        for kind, answers in ask("leaks.look_up", **asked).items():
            found[kind].extend(answers)
    return found


def _home(session: Session, *, required: bool) -> Layout | None:
    if not required and session.home_option is None and not os.environ.get("STRONGROOM_HOME"):
        return None
    return session.home


def _allowances(named: Path | None, paths: Sequence[Path], now: datetime) -> list[leaks.Allowance]:
    files = [named] if named is not None else [path / _ALLOW_NAME for path in paths]
    found: list[leaks.Allowance] = []
    for file in files:
        if named is None and not file.is_file():
            continue
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError):
            raise Unavailable("the allow-list cannot be read") from None
        found += leaks.parse_allowances(text, now.date())
    return found


def _counts(done: leaks.Scan, findings: Sequence[leaks.Finding]) -> dict[str, int]:
    listed: dict[str, int] = {}
    for finding in findings:
        listed[finding.kind] = listed.get(finding.kind, 0) + 1
    # Beyond the longest list only counts are kept, and nothing of them is allowed.
    if sum(done.counts.values()) > leaks.MOST_FINDINGS:
        return dict(sorted(done.counts.items()))
    return dict(sorted(listed.items()))


@contextmanager
def _bar(session: Session, paths: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    if session.as_json or not console.is_terminal:
        yield lambda _size: None
        return
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("scanning", total=leaks.size_of(paths) or None)
        yield lambda size: bars.advance(task, size)


def _write(path: Path, document: Json) -> None:
    try:
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    except OSError:
        raise Unavailable("the SARIF file cannot be written") from None


def _told(result: Json) -> str:
    lines = list(result.pop("lines", []))
    rest = len(lines) - _SHOWN
    shown = lines[:_SHOWN] + ([f"and {rest} more: --json or --sarif lists all"] if rest > 0 else [])
    shown += [f"not looked into ({one['why']}): {one['file']}" for one in result["incomplete"]]
    shown += [f"entry {n} of the allow-list has expired" for n in result["expired_allowances"]]
    total = sum(result["counts"].values())
    size = result["bytes"] / 1_000_000
    shown.append(
        f"{total} found in {result['files']} files, {size:.1f} MB; {result['allowed']} allowed"
    )
    return "\n".join(shown)
