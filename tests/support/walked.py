"""Types the commands of a page of the documents as they stand there, its names of things replaced by real ones."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from strongroom.cli.commands import run

DOCS = Path(__file__).parents[2] / "docs"


def commands(page: str, heading: str) -> list[str]:
    """Return the lines of every `sh` block below a heading, each whole and without its comment."""
    text = (DOCS / page).read_text(encoding="utf-8")
    part = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert part, f"{page} has no heading {heading!r}"
    blocks = re.findall(r"^ *```sh\n(.*?)```", part[1], re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [re.sub(r"\s{2,}# .*$", "", line).strip() for line in lines]
    assert found, f"nothing is typed under {heading!r}"
    return [line for line in found if line and not line.startswith("#")]


def typed(line: str, names: dict[str, str], home: Path) -> str:
    """Do one line, and return what it printed. Raises: AssertionError: it did not end with 0.

    A command of ours runs in this process and on `home` where it names none; any other runs in a shell.
    """
    for name, value in names.items():
        line = line.replace(name, value)
    words = shlex.split(line)
    if words[0] != "strongroom":
        done = subprocess.run(
            ["sh", "-euc", line], check=False, capture_output=True, text=True, cwd=home.parent
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout
    target = next((word[1:] for word in words if word.startswith(">")), None)
    arguments = [word for word in words[1:] if not word.startswith(">")]
    if "--home" not in arguments:
        arguments += ["--home", str(home)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    assert code == 0, f"{line}\n{out.getvalue()}{err.getvalue()}"
    if target is not None:
        Path(target).write_text(out.getvalue())
    return out.getvalue()
