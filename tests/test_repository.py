"""What must hold for the repository as a whole: sizes, pins, addresses, documents."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, packages_distributions
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
LISTS = sorted(path.stem for path in REQUIREMENTS.glob("*.in"))
APART = {"tls", "s3", "scan"}
"""Lists that are installed in a virtual environment of their own."""
LONGEST_FILE_LINES = 600
LONGER = {"src/strongroom/audit/offline.py": 760}
"""The one file that is handed out alone, and has to say everything again (ADR 0111)."""

# A requirement as a list states it, "psycopg[binary]>=3.2", and as a lock file pins it.
ASKED = re.compile(r"^(?P<name>[a-z0-9-]+)(\[[a-z0-9,]+\])?([<>=!~][^#;]*)?$")
PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)(\[[a-z0-9,]+\])?==(?P<version>\S+)")

# What a lock file of any tool writes when it remembers where it fetched from.
DOWNLOAD_ADDRESS = re.compile(
    r"--(extra-)?index-url|--find-links|--trusted-host|\"resolved\"\s*:|"
    r"\b(files\.pythonhosted|registry\.npmjs)\.org|\b(deb|archive)\.(debian|ubuntu)\.(org|com)/"
)
# These speak about addresses: to leave them out of a lock file, or to look for them.
MAY_SPEAK_OF_ADDRESSES = {"tests/test_repository.py"}


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = listed.stdout.split("\0")[:-1]
    else:
        # Unpacked from an archive: there is no index to ask.
        skipped = {".venv", ".git", "__pycache__", "build", "dist"}
        names = [
            path.relative_to(ROOT).as_posix()
            for path in ROOT.rglob("*")
            if not skipped & set(path.parts) and not path.match("*_cache/*")
        ]
    return [name for name in names if (ROOT / name).is_file()]


def _asked(name: str) -> set[str]:
    packages = set()
    for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines():
        if line and not line.startswith("#"):
            match = ASKED.match(line)
            assert match, f"requirements/{name}.in: {line!r} is no plain requirement"
            packages.add(match["name"])
    return packages


def _pins(name: str) -> dict[str, str]:
    """Return the pins of a lock file; each with its hashes, or the test fails."""
    pins: dict[str, str] = {}
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    for block in re.split(r"\n(?=\S)", text.strip()):
        match = PINNED.match(block)
        assert match, f"requirements/{name}.txt: {block.splitlines()[0]!r} is not pinned by =="
        assert "--hash=sha256:" in block, f"requirements/{name}.txt: {match['name']} has no hash"
        pins[match["name"]] = match["version"]
    return pins


def _documented() -> dict[str, str]:
    """Return the licence of each package in docs/dependencies.md."""
    rows = re.findall(
        r"^\| ([a-z0-9-]+) \| ([^|]+) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE
    )
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)), "docs/dependencies.md lists a package twice"
    return dict(rows)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


@pytest.mark.parametrize("name", LISTS)
def test_every_package_asked_for_is_pinned_with_hashes(name: str) -> None:
    assert _asked(name) <= _pins(name).keys()


@pytest.mark.parametrize("name", LISTS)
def test_lock_files_carry_no_address(name: str) -> None:
    assert "://" not in (REQUIREMENTS / f"{name}.txt").read_text()


def test_lock_files_agree_on_versions() -> None:
    versions: dict[str, set[str]] = {}
    for name in LISTS:
        for package, version in _pins(name).items() if name not in APART else ():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_build_backend_is_the_pinned_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["build-system"]["requires"] == [f"setuptools=={_pins('build')['setuptools']}"]


def test_every_dependency_is_explained_and_nothing_else() -> None:
    assert _documented().keys() == {package for name in LISTS for package in _asked(name)}


def test_every_import_of_the_package_is_asked_for() -> None:
    """What comes along with another package may go with it."""
    tops = {
        name.partition(".")[0]
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        for name in _imported(node)
    }
    owners = packages_distributions()
    needed = {
        owners[top][0].lower().replace("_", "-")
        for top in tops - sys.stdlib_module_names - {"strongroom"}
    }
    # The demo's app is a process of its own, as a user would have it.
    assert needed - _asked("runtime") - _asked("demo") - _asked("pkcs11") == set()


def test_documented_licences_are_what_the_packages_say() -> None:
    apart = {package for name in APART for package in _asked(name)}
    stated = {name: metadata(name)["License-Expression"] for name in _documented().keys() - apart}
    # Older packages state theirs in prose only.
    known = {name: licence for name, licence in stated.items() if licence}
    assert {name: _documented()[name] for name in known} == known


def test_every_data_file_of_the_package_is_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["package-data"]["*"]
    data = [name for name in _tracked() if name.startswith("src/") and not name.endswith(".py")]
    assert [n for n in data if not any(PurePosixPath(n).match(glob) for glob in globs)] == []


def test_no_source_file_is_too_long() -> None:
    lengths = {
        name: len((ROOT / name).read_bytes().splitlines())
        for name in _tracked()
        if name.endswith((".py", ".sh", ".js", ".css"))
    }
    assert {
        n: lines for n, lines in lengths.items() if lines > LONGER.get(n, LONGEST_FILE_LINES)
    } == {}


def test_no_file_remembers_where_packages_were_fetched() -> None:
    found = [
        name
        for name in _tracked()
        if name not in MAY_SPEAK_OF_ADDRESSES
        and DOWNLOAD_ADDRESS.search((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []


def test_documents_link_to_files_that_exist() -> None:
    broken = []
    for name in _tracked():
        if not name.endswith(".md"):
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / name).read_text(), flags=re.DOTALL)
        targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        broken.extend(
            f"{name}: {target}"
            for target in targets
            if "://" not in target and not ((ROOT / name).parent / target).exists()
        )
    assert broken == []


def test_changelog_has_a_section_for_what_comes_next() -> None:
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_shell_scripts_parse() -> None:
    for name in _tracked():
        if name.endswith(".sh"):
            subprocess.run(["sh", "-n", ROOT / name], check=True)
        elif name == ".ci/run":
            subprocess.run(["bash", "-n", ROOT / name], check=True)
