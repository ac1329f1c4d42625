"""Scans one commit of this repository with what is pinned in requirements/scan.txt, and asks the gate about it.

`make release-check` runs it. What is scanned is the commit itself, exported, and not what lies in the working tree. A
scanner that fails or skips something leaves its condition unknown; the gate then refuses.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
SCANNERS = ROOT / ".venv" / "scan" / "bin"
ACCEPTED = ROOT / "requirements" / "accepted.toml"
_SECONDS = 600
_COUNTS = re.compile(r'\b(tests|errors|failures|skipped)="([0-9]{1,9})"')


def head() -> str:
    """Return the commit of the working tree."""
    return _git("rev-parse", "HEAD").decode("ascii").strip()


def scan(commit: str, reports: Path) -> None:
    """Write the reports of a commit into a new directory, with their list."""
    reports.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        with tarfile.open(fileobj=BytesIO(_git("archive", commit))) as archive:
            archive.extractall(tree, filter="data")
        files = sum(path.is_file() for path in tree.rglob("*"))
        modules = sum(1 for _ in (tree / "src").rglob("*.py"))
        begun = _now()
        running = {
            "bandit.json": _started(
                tree, SCANNERS / "bandit", "-q", "-r", "src", "-f", "json", "--exit-zero",
                "-o", str(reports / "bandit.json"),
            ),
            "ruff.sarif": _started(
                tree, BIN / "ruff", "check", "--no-cache", "--exit-zero", "--select", "S",
                "--output-format", "sarif", "--output-file", str(reports / "ruff.sarif"), "src",
            ),
            "secrets.sarif": _started(
                tree, BIN / "strongroom", "scan", str(tree), "--secrets", "--json",
                "--sarif", str(reports / "secrets.sarif"),
            ),
            "pip-audit.json": _started(
                tree, SCANNERS / "pip-audit", "-r", "requirements/runtime.txt", "--require-hashes",
                "--disable-pip", "--progress-spinner", "off", "-f", "json",
                "-o", str(reports / "pip-audit.json"),
            ),
            "sbom.cdx.json": _started(
                tree, SCANNERS / "cyclonedx-py", "requirements", "requirements/runtime.txt",
                "--output-reproducible", "-o", str(reports / "sbom.cdx.json"),
            ),
        }  # fmt: skip
        # pip-audit and the scan for secrets end with 1 where they found something, and with more where they failed.
        ends = {name: _ended(process) for name, process in running.items()}
    # It ran in between: advisories were asked for while it did.
    asked = begun.isoformat()
    listed = [
        _listed(reports, "bandit.json", "code", ends),
        _listed(reports, "ruff.sarif", "code", ends, scanned_at=asked, looked_at=modules),
        _listed(reports, "secrets.sarif", "secrets", ends, scanned_at=asked, looked_at=files),
        _listed(
            reports, "pip-audit.json", "dependencies", ends, scanned_at=asked, advisories_at=asked
        ),
    ]
    _write(
        reports / "reports.json",
        {"format": "strongroom-reports/v1", "commit": commit, "reports": listed},
    )


def tested(commit: str, reports: Path, arguments: Iterable[str]) -> None:
    """Run the tests of the working tree, which is the commit, and add how they ended."""
    outcome = reports / "tests.xml"
    command = [BIN / "python", "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "loadfile"]
    done = subprocess.run(  # noqa: S603 - pytest, with arguments of ours
        [*command, f"--junit-xml={outcome}", *arguments], cwd=ROOT, check=False
    )
    # Written a moment ago by pytest itself; no XML of anybody else is read.
    head_of_it = outcome.read_text(encoding="utf-8")[:2000] if outcome.exists() else ""
    counts = {name: int(count) for name, count in _COUNTS.findall(head_of_it)}
    failed = counts.get("errors", 0) + counts.get("failures", 0)
    passed = counts.get("tests", 0) - failed - counts.get("skipped", 0)
    add_tests(commit, reports, passed, failed or int(done.returncode != 0))


def add_tests(commit: str, reports: Path, passed: int, failed: int) -> None:
    """Write how the tests of a commit ended, and name it in the list."""
    finished_at = _now().isoformat()
    said = {"format": "strongroom-tests/v1", "commit": commit, "finished_at": finished_at}
    _write(reports / "tests.json", {**said, "passed": passed, "failed": failed})
    listed = json.loads((reports / "reports.json").read_text())
    _write(reports / "reports.json", {**listed, "tests": "tests.json"})


def gate(commit: str, reports: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Ask the gate; it ends with 1 where it refuses."""
    arguments = ["release", "check", "--commit", commit, "--reports", str(reports), *more]
    if ACCEPTED.exists():
        arguments += ["--accepted", str(ACCEPTED)]
    return subprocess.run(  # noqa: S603 - our own command
        [BIN / "strongroom", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )


def main() -> int:
    """Scan, test and ask; return 0 where the commit may be released."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, help="keep the reports here, a new directory")
    parser.add_argument("tests", nargs="*", help="arguments for pytest")
    options = parser.parse_args()
    if _git("status", "--porcelain"):
        sys.stderr.write("commit first: what is tested has to be what is released\n")
        return 1
    commit = head()
    reports = options.reports or Path(tempfile.mkdtemp()) / "reports"
    scan(commit, reports)
    tested(commit, reports, options.tests)
    asked = gate(commit, reports)
    sys.stdout.write(asked.stdout)
    sys.stderr.write(f"{asked.stderr}reports are in {reports}\n")
    return asked.returncode


def _listed(
    reports: Path, name: str, kind: str, ends: dict[str, int], **more: object
) -> dict[str, Any]:
    """Return a report's line of the list; one that was not written says so."""
    path = reports / name
    found: dict[str, Any] = {"file": name, "kind": kind, **more}
    if ends[name] not in (0, 1) or not path.exists() or not path.stat().st_size:
        found["failed"] = f"the scanner ended with {ends[name]}"
        found["scanned_at"] = _now().isoformat()
        _write(path, _NOTHING[name])
    return found


_SARIF = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "none"}}, "results": []}]}
_NOTHING: dict[str, Any] = {
    "bandit.json": {"results": [], "metrics": {}, "generated_at": "", "errors": []},
    "ruff.sarif": _SARIF,
    "secrets.sarif": _SARIF,
    "pip-audit.json": {"dependencies": [], "fixes": []},
}


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a program of its own


def _write(path: Path, said: dict[str, Any]) -> None:
    path.write_text(json.dumps(said, indent=1) + "\n")


def _started(tree: Path, *command: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - scanners, with arguments of ours
        command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _git(*arguments: str) -> bytes:
    git = shutil.which("git") or "/usr/bin/git"
    return subprocess.run(  # noqa: S603 - git, with arguments of ours
        [git, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
