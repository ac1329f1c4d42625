"""The list of passwords that are guessed first: whole, in one form, and what its page says of it."""

import gzip
import hashlib
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from strongroom.policy import breached

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "src/strongroom/policy/breached/SOURCES.md").read_text()


@pytest.mark.clause("1.4")
def test_the_list_holds_more_than_fifty_thousand() -> None:
    assert len(breached.passwords()) > 50_000


@pytest.mark.clause("1.4")
@pytest.mark.parametrize("word", ["password", "123456", "qwerty", "letmein", "dragon", "iloveyou"])
def test_what_everybody_guesses_first_is_on_it(word: str) -> None:
    assert breached.is_breached(word)


def test_every_line_has_the_form_that_is_looked_for() -> None:
    for word in breached.passwords():
        assert word == word.casefold()
        assert 4 <= len(word) <= 64
        assert word.isprintable()


def test_the_file_is_the_one_its_page_describes() -> None:
    text = gzip.decompress(files(breached).joinpath(breached.FILE).read_bytes())
    assert hashlib.sha256(text).hexdigest() in SOURCES
    assert f"{len(text.splitlines()):,} passwords" in SOURCES
    assert text.splitlines() == sorted(text.splitlines())


def test_the_script_that_makes_it_takes_no_other_packages(tmp_path: Path) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"another list")
    script = ROOT / "scripts/breached_passwords.py"
    done = subprocess.run(
        [sys.executable, str(script), str(other), str(other), str(other), "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "not the package" in done.stderr


def test_the_script_names_the_versions_of_the_page() -> None:
    script = (ROOT / "scripts/breached_passwords.py").read_text()
    assert len(re.findall(r'"[0-9a-f]{64}"', script)) == 3
    assert "SOURCES.md" in script
