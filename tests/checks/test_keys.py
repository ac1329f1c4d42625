"""What lies on the disk and who may reach it: each check red and green for the right reason."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest

from strongroom.checks import keys
from strongroom.compliance.overseen import Verdict
from strongroom.control.asking import short_path
from strongroom.crypto.age import new_identity
from strongroom.posture import Surroundings
from tests.checks.looking import House

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.mark.clause("2.4-a")
def test_a_value_in_clear_in_a_database_is_red(house: House) -> None:
    assert house.verdict("rest.sealed") is UNKNOWN
    house.ask("canary.plant", seller="acme", count=3)
    house.order()
    assert house.verdict("rest.sealed") is PASS
    marker = next(iter(house.system.vault.canaries.markers()))
    house.edit("INSERT INTO access_role VALUES ('leak', 1, ?, 1, 0)", marker)
    found = house.look("rest.sealed")
    assert found.verdict is FAIL
    assert marker not in repr(found)
    house.edit("DELETE FROM access_role WHERE name = 'leak'")
    with house.closed() as path:
        house.vacuum(path / "vault.db")
    assert house.verdict("rest.sealed") is PASS


@pytest.mark.clause("2.4-b")
def test_files_that_others_may_read_are_red(house: House) -> None:
    path = house.system.home.keys_database
    assert house.verdict("keys.files") is PASS
    path.chmod(0o644)
    found = house.look("keys.files")
    assert (found.verdict, found.proof) == (FAIL, ("keys.db",))
    path.chmod(0o600)
    assert house.verdict("keys.files") is PASS
    secret = house.system.settings.keystore.passphrase_file
    assert secret is not None
    secret.chmod(0o640)
    assert house.look("keys.files").why == "the passphrase's file is open to others"
    secret.chmod(0o600)
    assert house.verdict("keys.files") is PASS


@pytest.mark.clause("2.4-b")
def test_a_copy_of_the_keystore_that_outlives_its_time_is_red(house: House, tmp_path: Path) -> None:
    place = tmp_path / "copies"
    place.mkdir(mode=0o700)
    recipient = new_identity()[1]
    house.ask("place.add", kind="recovery", value=recipient)
    house.ask("place.add", kind="keys", value=str(place))
    assert house.verdict("keys.apart") is PASS
    (copy,) = house.ask("keys.copy")["copies"]
    assert house.verdict("keys.apart") is PASS
    house.passes(hours=25)
    found = house.look("keys.apart")
    assert (found.verdict, found.why) == (FAIL, f"copy {copy['id']} outlives its time")
    house.ask("keys.destroy_copy", copy=copy["id"])
    assert house.verdict("keys.apart") is PASS


@pytest.mark.clause("2.4-b")
def test_a_process_whose_memory_a_crash_would_write_is_red(house: House, tmp_path: Path) -> None:
    look = keys.memory(Surroundings(tmp_path, "/nowhere"))
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        assert look(house.system, house.now).verdict is PASS
        pattern = tmp_path / "proc/sys/kernel/core_pattern"
        pattern.parent.mkdir(parents=True)
        pattern.write_text("|/usr/lib/collect %p\n")
        assert look(house.system, house.now).verdict is FAIL
        pattern.write_text("core\n")
        assert look(house.system, house.now).verdict is PASS
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.clause("2.4-c")
def test_a_socket_of_commands_open_to_others_is_red(house: House) -> None:
    assert house.verdict("keys.callers") is PASS
    control = house.system.home.control
    with socket.socket(socket.AF_UNIX) as bound:
        with short_path(house.system.home) as path:
            bound.bind(path)
        control.chmod(0o666)
        assert house.verdict("keys.callers") is FAIL
        control.chmod(0o600)
        assert house.verdict("keys.callers") is PASS
    control.unlink()


@pytest.mark.clause("2.4-c")
def test_a_read_by_who_does_not_hold_its_grant_is_red(house: House) -> None:
    app = house.app()
    grant = house.grant(app).grant
    house.reveal(app, house.order())
    assert house.look("keys.callers").proof == ("1 reads of a day",)
    house.edit("UPDATE access_grant SET principal_id = ?", house.console.principal)
    assert house.verdict("keys.callers") is FAIL
    house.edit("UPDATE access_grant SET principal_id = ? WHERE id = ?", app.principal, grant.id)
    assert house.verdict("keys.callers") is PASS


@pytest.mark.clause("2.3-e")
def test_a_file_that_is_not_sealed_is_red_among_what_leaves(house: House) -> None:
    house.ask("place.add", kind="recipient", value=new_identity()[1])
    house.ask("backup.run")
    found = house.look("exports.sealed")
    assert (found.verdict, found.why[:6]) == (PASS, "1 file"), found
    stray = house.system.home.backups / "j.gross@example.net.csv"
    stray.write_text("302-0000001-0000001,Ada Example\n")
    found = house.look("exports.sealed")
    # A name of a file may hold a value, too.
    assert (found.verdict, found.proof) == (FAIL, ("[email]",))
    stray.unlink()
    assert house.verdict("exports.sealed") is PASS
