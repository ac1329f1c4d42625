"""The whole way at the command line: recipients, a backup, a copy of the keystore, and a new home out of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.home import COMMAND, PASSPHRASE, Home

from strongroom.crypto.age import new_identity

pytestmark = pytest.mark.clause("2.1", "2.4")


def strongroom(home: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """Run a command about a home without a server; return its exit code and what it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRONGROOM_", "PYTHON"))}
    done = subprocess.run(
        [str(COMMAND), *arguments, "--home", str(home), "--json"],
        check=False,
        capture_output=True,
        text=True,
        env=kept,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


def test_a_home_comes_back_from_its_backup_at_the_command_line(tmp_path: Path) -> None:
    """The steps of docs/backup.md, as an operator types them."""
    identities, recipients = {}, {}
    for name in ("backup", "recovery"):
        text, recipients[name] = new_identity()
        identities[name] = tmp_path / f"{name}.identity"
        identities[name].touch(mode=0o600)
        identities[name].write_text(f"# of the tests\n{text}\n")
    with Home.make(tmp_path) as home:
        apart, copies = tmp_path / "apart", tmp_path / "copies"
        apart.mkdir()
        copies.mkdir()
        home.start()
        for kind, value in (
            ("recipient", recipients["backup"]),
            ("recovery", recipients["recovery"]),
            ("target", str(apart)),
            ("keys", str(copies)),
        ):
            home.ask("place.add", kind=kind, value=value)
        taken = home.run("backup", "run")
        assert taken["local"]
        assert taken["missing"] == []
        assert home.ask("backup.verify")["ok"]
        drilled = home.ask("backup.drill", identity=identities["backup"].read_text())
        assert drilled["rto_seconds"] > 0
        assert drilled["rows"] == taken["rows"]
        (copy,) = home.run("keys", "copy")["copies"]
        assert home.ask("keys.copies")["faults"] == []
        assert home.stop() == 0

        passphrase = home.secret(PASSPHRASE)
        wanted = [
            "restore", str(apart / str(taken["file"])),
            "--identity", str(identities["backup"]),
            "--keys", str(copy["path"]), "--keys-identity", str(identities["recovery"]),
            "--passphrase-file", str(passphrase), "--since", str(home.path),
        ]  # fmt: skip
        new = tmp_path / "new"
        code, told = strongroom(new, *wanted, "--dry-run")
        assert code == 0, told
        assert told["rows"] == taken["rows"]
        assert not new.exists()
        code, told = strongroom(new, *wanted)
        assert code == 0, told
        assert told["epoch"] == 2
        code, listed = strongroom(new, "keys", "copies")
        assert code == 0, listed
        assert str(copy["path"]) in [one["path"] for one in listed["copies"]]  # type: ignore[attr-defined]
