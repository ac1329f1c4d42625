"""The whole way at the command line: recipients, a backup, a copy of the keystore, and a new home out of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.home import COMMAND, PASSPHRASE, Home
from tests.support.offline import Offline

from strongroom import logs
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


@pytest.fixture
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


@pytest.mark.usefixtures("_soft")
def test_in_a_home_of_several_two_decide_where_backups_go_and_two_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Offline.make(tmp_path / "made", one_person=False)
    proofs: dict[str, tuple[str, ...]] = {}
    for name in ("anna", "boris", "clara"):
        path = tmp_path / name
        path.write_text(json.dumps(home.command("user", "add", name)))
        proofs[name] = ("--as", name, "--credential-file", str(path))
    for name in ("anna", "boris"):
        told = ("--principal", name, "--role", "operator", "--all-sellers", "--days", "90")
        (asked,) = home.command("grant", "add", *told)["grants"]
        home.command("grant", "approve", str(asked["id"]), *proofs["clara"])
    copies = tmp_path / "copies"
    copies.mkdir()
    identities = {}
    for kind in ("recipient", "recovery"):
        text, recipient = new_identity()
        identities[kind] = tmp_path / f"{kind}.identity"
        identities[kind].write_text(text)
        asked = home.command("backup", "place", "add", kind, recipient, *proofs["anna"])
        assert asked["state"] == "pending"
        approve = ("backup", "place", "approve", str(asked["id"]), "--terms", asked["terms"])
        assert home.attempt(*approve, *proofs["anna"])[0] == 1
        assert home.command(*approve, *proofs["boris"])["state"] == "active"
    asked = home.command("backup", "place", "add", "keys", str(copies), *proofs["anna"])
    approve = ("backup", "place", "approve", str(asked["id"]), "--terms", asked["terms"])
    home.command(*approve, *proofs["boris"])
    taken = home.command("backup", "run")
    (copy,) = home.command("keys", "copy")["copies"]

    new = Offline(tmp_path / "new")
    wanted = (
        "restore", taken["path"], "--identity", str(identities["recipient"]),
        "--keys", copy["path"], "--keys-identity", str(identities["recovery"]),
        "--passphrase-file", str(tmp_path / "made" / "passphrase"), "--since", str(home.path),
    )  # fmt: skip

    def agreeing(name: str) -> tuple[str, ...]:
        return ("--approver", name, "--approver-credential-file", str(tmp_path / name))

    for people in ((), proofs["anna"], (*proofs["anna"], *agreeing("anna"))):
        assert new.attempt(*wanted, *people)[2]["error"]["kind"] == "Denied", people
        assert new.attempt("audit", "verify")[2]["error"]["kind"] == "Misconfigured"
    # The home was made for several: a variable of whoever restores it does not change that.
    with monkeypatch.context() as patch:
        patch.setenv("STRONGROOM_ONE_PERSON", "true")
        assert new.attempt(*wanted)[2]["error"]["kind"] == "Misconfigured"
        assert not (new.path / "strongroom.toml").exists()
    assert new.command(*wanted, *proofs["anna"], *agreeing("boris"))["epoch"] == 2
    assert new.command("audit", "verify")["ok"] is True
