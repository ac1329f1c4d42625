"""The wheel is the same wherever it is built, is whole, and a home can be made with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.clause("2.7")

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 60
PARTS = ("pyproject.toml", "LICENSE", "README.md", "requirements", "src", "scripts")


def built(source: Path, out: Path, *, umask: int) -> Path:
    """Build from a directory and return the wheel."""
    subprocess.run(
        ["sh", "scripts/wheel.sh", str(out), sys.executable],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1764547200", "TZ": f"UTC{umask % 11}"},
        check=True,
        stdout=subprocess.DEVNULL,
        umask=umask,
    )
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"), umask=0o022)


def test_two_builds_are_the_same_to_the_byte(wheel: Path, tmp_path: Path) -> None:
    """The second one elsewhere, by somebody with another umask and time zone, whose files are newer."""
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in reversed(PARTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / name, copy / name)
    other = built(copy, tmp_path / "out", umask=0o077)
    assert other.name == wheel.name
    assert other.read_bytes() == wheel.read_bytes()
    listed = (tmp_path / "out/wheel.txt").read_text()
    assert re.fullmatch(
        r"\./strongroom-[0-9.]+-py3-none-any\.whl --hash=sha256:[0-9a-f]{64}\n", listed
    )


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "src/strongroom"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    ours = {name.removeprefix("src/") for name in listed.stdout.splitlines()}
    assert names == ours


def run(program: Path, *arguments: str, home: Path | None = None) -> str:
    variables = {"PATH": "/usr/bin:/bin"} | ({} if home is None else {"STRONGROOM_HOME": str(home)})
    done = subprocess.run(
        [str(program), *arguments],
        check=False,
        env=variables,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def lives(program: Path, directory: Path) -> None:
    """Make a home with an installed command and look at it."""
    passphrase = directory / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("a passphrase of the tests, 42")
    home = directory / "home"
    made = ("init", "--environment", "test", "--one-person", "--passphrase-file", str(passphrase))
    assert json.loads(run(program, *made, "--json", home=home))["home"] == str(home)
    checked = json.loads(run(program, "doctor", "--json", home=home))
    assert checked["ok"] is True, checked


def test_a_home_is_made_and_looked_at_with_what_was_installed(wheel: Path, tmp_path: Path) -> None:
    """The packages are those of the tests, which are the pinned ones; the wheel is installed as it is."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin/python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    installed = ("install", "--quiet", "--no-deps", "--no-index", str(wheel))
    subprocess.run([*pip, *installed], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    # A line of its own: `.pth` files of that directory, ours among them, are not followed.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = subprocess.run(
        [str(python), "-c", "import strongroom; print(strongroom.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert where.stdout.startswith(str(site)), "the installed one, not the checkout's"
    lives(venv / "bin/strongroom", tmp_path)


@pytest.mark.long
def test_the_page_s_own_commands_install_it_with_every_hash_checked(
    wheel: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs/deploying.md").read_text()
    part = re.search(r"^## Install\n.*?```sh\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    assert part
    lines = [line for line in part[1].splitlines() if "/opt/strongroom" in line]
    assert len(lines) >= 3
    shutil.copy(ROOT / "requirements/runtime.txt", tmp_path)
    for file in (wheel, wheel.with_name("wheel.txt")):
        shutil.copy(file, tmp_path)
    commands = "\n".join(lines).replace("/opt/strongroom", str(tmp_path / "opt"))
    subprocess.run(["sh", "-euc", commands], check=True, cwd=tmp_path)
    assert "Usage: strongroom" in run(tmp_path / "opt/bin/strongroom", "--help")
    lives(tmp_path / "opt/bin/strongroom", tmp_path)

    with (tmp_path / wheel.name).open("ab") as changed:
        changed.write(b"\0")
    again = [line for line in lines if "wheel.txt" in line]
    refused = subprocess.run(
        ["sh", "-euc", "\n".join(again).replace("/opt/strongroom", str(tmp_path / "opt")) + " --force-reinstall"],
        check=False, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
