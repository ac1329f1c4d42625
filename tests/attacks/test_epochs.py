"""A log that was set back goes on as a new epoch that says what is lost; one that was changed never does [2.6]."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.attacker import disarm, owning
from tests.support.audit import NOW, Memory, revealed
from tests.support.offline import Offline

from strongroom import logs
from strongroom.audit import (
    AuditLog,
    Earlier,
    Event,
    EventType,
    ObjKind,
    Outcome,
    Reason,
    offline,
    stored_epoch,
)
from strongroom.audit.export import finish, settle, write
from strongroom.crypto.note import Signer, Verifier, checkpoint_text
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Tampered
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("2.6")

TABLES = (
    schema.audit_event,
    schema.audit_tile,
    schema.audit_head,
    schema.audit_checkpoint,
)


@dataclass
class Vault:
    """One database that can be set back, and a signer whose memory can't."""

    database: Database
    memories: dict[int, Memory] = field(default_factory=dict)
    _draws: Iterator[int] = field(default_factory=count)
    _boots: Iterator[int] = field(default_factory=count)

    def log(self, epoch: int | None = None) -> AuditLog:
        """Return the log as a new process has it."""
        known = {n: m.remembered for n, m in self.memories.items() if m.remembered is not None}
        newest = max(known, default=1)
        at = epoch or stored_epoch(self.database) or newest
        return AuditLog(
            self.database,
            signer=self._signer(at),
            verifier=Verifier(self._signer(at).vkey),
            memory=self.memories.setdefault(at, Memory()),
            node="node-1",
            boot=f"boot-{next(self._boots)}",
            pseudonym_key=bytes(32),
            monotonic=lambda: 1,
            entropy=lambda size: sha256(next(self._draws).to_bytes(8, "big")).digest()[:size],
            epoch=at,
            earlier=[
                Earlier(number, Verifier(self._signer(number).vkey), last)
                for number, last in sorted(known.items())
                if number < at
            ],
            later=newest if newest > at else None,
        )

    def fill(self, number: int) -> None:
        log = self.log()
        with self.database.write() as tx:
            log.append(tx, *map(revealed, range(number)), now=NOW)
        log.checkpoint(NOW)

    def copy(self) -> list[list[Any]]:
        with self.database.read() as tx:
            return [list(tx.execute(sa.select(table)).mappings()) for table in TABLES]

    def set_back(self, rows: list[list[Any]]) -> None:
        with owning(self.database) as tx:
            for table, kept in zip(TABLES, rows, strict=True):
                tx.execute(table.delete())
                if kept:
                    tx.execute(table.insert(), [dict(row) for row in kept])

    def begin(self) -> AuditLog:
        """Begin the next epoch, as the command does once it has found nothing changed."""
        before = self.log()
        assert before.is_set_back()
        assert before.verify(set_back=True).faults == []
        after = self.log(max(n for n, m in self.memories.items() if m.remembered) + 1)
        events = [
            Event(
                EventType.LOG_EPOCH_STARTED,
                Outcome.SUCCESS,
                SYSTEM,
                reason=Reason.ROLLED_BACK,
                op=str(known.number),
                obj_kind=ObjKind.EPOCH,
                obj_ref=known.memory[1].hex(),
                n=known.memory[0],
            )
            for known in after.earlier
            if known.number >= before.epoch
        ]
        after.begin_epoch(before.epoch, events, NOW)
        return after

    def _signer(self, epoch: int) -> Signer:
        return Signer(f"strongroom.invalid/audit/test-home/{epoch}", bytes(range(32)))


@pytest.fixture
def vault(database_url: str) -> Iterator[Vault]:
    """An empty log on each engine."""
    database = Database(database_url)
    yield Vault(database)
    database.close()


def test_a_log_that_was_set_back_goes_on_and_always_says_what_is_lost(vault: Vault) -> None:
    vault.fill(300)
    copy = vault.copy()
    vault.fill(40)
    vault.set_back(copy)
    with pytest.raises(Tampered), vault.database.write() as tx:
        vault.log().append(tx, revealed(1), now=NOW)
    after = vault.begin()
    assert (after.epoch, after.origin) == (2, "strongroom.invalid/audit/test-home/2")
    (begun,) = after.tail(1)
    assert (begun.seq, begun.body["n"]) == (300, 340)
    vault.fill(300)
    report = vault.log().verify()
    # The checkpoints of the first epoch, whose name is another, verify among the rest.
    assert report.faults == []
    gap = "epoch 1: the signer vouched for 340 events, 300 are left"
    assert report.gaps == (gap,)
    assert vault.log().gaps() == [gap]
    assert vault.memories[1].remembered is not None
    assert vault.memories[1].remembered[0] == 340


def test_a_second_rollback_makes_a_third_epoch(vault: Vault) -> None:
    vault.fill(10)
    first = vault.copy()
    vault.fill(5)
    vault.set_back(first)
    vault.begin()
    second = vault.copy()
    vault.fill(7)
    vault.set_back(second)
    assert vault.begin().epoch == 3
    report = vault.log().verify()
    assert (report.faults, len(report.gaps)) == ([], 2)


def test_a_copy_from_before_an_epoch_is_refused_even_where_it_has_all_of_the_older_one(
    vault: Vault,
) -> None:
    vault.fill(10)
    early = vault.copy()
    vault.fill(5)
    whole = vault.copy()
    vault.set_back(early)
    vault.begin()
    vault.fill(3)
    # The lost copy is found: exactly what the signer remembers of the first epoch.
    vault.set_back(whole)
    log = vault.log()
    with pytest.raises(Tampered, match="epoch 2"), vault.database.write() as tx:
        log.append(tx, revealed(1), now=NOW)
    assert "signer.ahead" in log.verify().faults[0]
    assert log.verify(full=False).faults != []
    assert vault.begin().epoch == 3
    report = vault.log().verify()
    assert (report.faults, len(report.gaps)) == ([], 2)


def test_a_declaration_of_something_else_than_the_signer_remembers_is_a_fault(
    vault: Vault,
) -> None:
    vault.fill(10)
    copy = vault.copy()
    vault.fill(5)
    vault.set_back(copy)
    vault.begin()
    kept = vault.memories[1].remembered
    vault.memories[1].remembered = (16, bytes(32))
    faults = vault.log().verify().faults
    assert faults == [
        "epoch.undeclared: no event says that epoch 1 had 16 events",
        "epoch.unknown: the signer does not know that epoch 1 had 15 events",
    ]
    vault.memories[1].remembered = kept
    assert vault.log().verify().faults == []


def test_a_log_that_was_edited_is_not_merely_set_back(vault: Vault) -> None:
    vault.fill(10)
    copy = vault.copy()
    vault.fill(5)
    vault.set_back(copy)
    with owning(vault.database) as tx:
        tx.execute(sa.text("UPDATE audit_event SET body = leaf_hash WHERE seq = 3"))
    assert any("event.edited" in f for f in vault.log().verify(set_back=True).faults)


def test_a_head_of_an_ended_epoch_that_was_edited_is_found(vault: Vault) -> None:
    vault.fill(10)
    copy = vault.copy()
    vault.fill(5)
    vault.set_back(copy)
    vault.begin()
    with owning(vault.database) as tx:
        tx.execute(sa.text("UPDATE audit_head SET size = 9 WHERE epoch = 1"))
    assert "epoch.forged: the last head of epoch 1" in vault.log().verify().faults[0]


# -- for whoever has only a bundle -----------------------------------------------------------------


def bundle(vault: Vault, directory: Path, first: int | None = None) -> offline.Report:
    """Export all of the log, and return what its own verifier says of it, kept checkpoints aside."""
    log = vault.log()
    with log.prover() as prover:
        stretch = settle(prover, directory, first, None, ())
    digest = write(log.prover, directory, stretch, lambda _done, _total: None)
    told = Event(
        EventType.LOG_EXPORTED, Outcome.SUCCESS, SYSTEM, obj_kind=ObjKind.LOG, obj_ref=digest
    )
    log.record(told, now=NOW)
    with log.prover() as prover:
        finish(directory, stretch.size, prover, [prover.size - 1])
    return checked(vault, directory)


def checked(vault: Vault, directory: Path, *kept: str) -> offline.Report:
    return offline.check(directory, (directory / "key").read_text(), kept=kept)


def test_a_bundle_holds_the_checkpoints_of_earlier_epochs_and_says_what_was_lost(
    vault: Vault, tmp_path: Path
) -> None:
    vault.fill(300)
    inside, copy = vault.log().checkpoint(NOW), vault.copy()
    vault.fill(40)
    lost = vault.log().checkpoint(NOW)
    vault.set_back(copy)
    fork = vault.log(1)
    vault.begin()
    vault.fill(20)
    report = bundle(vault, tmp_path / "bundle")
    gap = "epoch 1: the signer vouched for 340 entries, 300 are left"
    assert (report.faults, report.said["gaps"]) == ([], [gap])
    assert report.said["checkpoints"] == 1
    assert "test-home/1" in (tmp_path / "bundle" / "checkpoints.jsonl").read_text()
    # What was kept of the first epoch: within what is left it has to agree, beyond it is named as lost.
    report = checked(vault, tmp_path / "bundle", inside, lost)
    assert report.faults == []
    assert "kept checkpoint 2 covers 340 entries of epoch 1, 300 are left" in report.said["gaps"]
    # Signed with the real key, in the first epoch's name: another past, more than was declared, another end.
    sign = Signer(fork.origin, bytes(range(32))).sign
    for size, root, kind in (
        (200, bytes(32), "checkpoint.root"),
        (341, bytes(32), "epoch.undeclared"),
        (340, bytes(32), "epoch.undeclared"),
        (5000, bytes(32), "epoch.undeclared"),
    ):
        text = sign(checkpoint_text(fork.origin, size, root))
        (fault,) = checked(vault, tmp_path / "bundle", text).faults
        assert fault.startswith(kind)
    # Nor does a name of no epoch before this one pass.
    for name in ("strongroom.invalid/audit/test-home/2", "strongroom.invalid/audit/test-home/7"):
        text = Signer(name, bytes(range(32))).sign(checkpoint_text(name, 5000, bytes(32)))
        assert checked(vault, tmp_path / "bundle", text).faults != []
    text = Signer(fork.origin, bytes(32)).sign(checkpoint_text(fork.origin, 10, bytes(32)))
    (fault,) = checked(vault, tmp_path / "bundle", text).faults
    assert fault.startswith("checkpoint.forged")


def test_what_a_bundle_does_not_reach_back_to_is_not_taken_for_lost(
    vault: Vault, tmp_path: Path
) -> None:
    vault.fill(300)
    copy = vault.copy()
    vault.fill(40)
    lost = vault.log().checkpoint(NOW)
    vault.set_back(copy)
    vault.begin()
    vault.fill(300)
    assert bundle(vault, tmp_path / "bundle", 512).faults == []
    (fault,) = checked(vault, tmp_path / "bundle", lost).faults
    assert fault.startswith("checkpoint.root")


def test_after_two_rollbacks_each_gap_is_told(vault: Vault, tmp_path: Path) -> None:
    vault.fill(10)
    first = vault.copy()
    vault.fill(5)
    vault.set_back(first)
    vault.begin()
    second = vault.copy()
    vault.fill(7)
    vault.set_back(second)
    vault.begin()
    vault.fill(3)
    report = bundle(vault, tmp_path / "bundle")
    assert report.faults == []
    assert [gap.partition(":")[0] for gap in report.said["gaps"]] == ["epoch 1", "epoch 2"]


# -- by command ------------------------------------------------------------------------------------

WHY = ("--reason", "the backup of Monday")


@pytest.fixture
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


def restore(home: Offline, copy: Path) -> None:
    (home.path / "vault.db-wal").unlink(missing_ok=True)
    (home.path / "vault.db-shm").unlink(missing_ok=True)
    shutil.copy(copy, home.path / "vault.db")


def begin(home: Offline, *more: str) -> tuple[int, Any, str | None]:
    code, result, error = home.attempt("audit", "epoch", "begin", *WHY, *more)
    return code, result, None if error is None else error["error"]["kind"]


@pytest.mark.usefixtures("_soft")
def test_one_person_goes_on_from_a_restored_copy_but_not_from_an_edited_one(
    tmp_path: Path,
) -> None:
    home = Offline.make(tmp_path / "made")
    home.command("user", "add", "boris")
    assert begin(home)[::2] == (1, "Conflict")
    shutil.copy(home.path / "vault.db", tmp_path / "copy")
    home.command("user", "add", "clara")
    restore(home, tmp_path / "copy")
    assert home.attempt("user", "list")[2]["error"]["kind"] == "Tampered"
    connection = sqlite3.connect(home.path / "vault.db")
    disarm(connection)
    connection.execute("UPDATE audit_event SET body = x'7b7d' WHERE seq = 3")
    connection.commit()
    connection.close()
    assert begin(home)[::2] == (1, "Tampered")
    restore(home, tmp_path / "copy")
    code, begun, _ = begin(home)
    assert (code, begun["epoch"], len(begun["lost"])) == (0, 2, 1)
    report = home.command("audit", "verify")
    assert (report["ok"], report["epoch"], len(report["gaps"])) == (True, 2, 1)
    home.command("user", "add", "clara")
    (check,) = [c for c in home.attempt("doctor")[1]["checks"] if c["id"] == "log.head"]
    assert check["state"] == "warning"
    assert begin(home)[::2] == (1, "Conflict")


@pytest.mark.usefixtures("_soft")
def test_in_a_home_of_several_it_takes_two_who_administer(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made", one_person=False)
    proofs = {}
    for name in ("anna", "boris", "clara"):
        path = tmp_path / name
        path.write_text(json.dumps(home.command("user", "add", name)))
        proofs[name] = ("--as", name, "--credential-file", str(path))
    for name, by in (("anna", "clara"), ("boris", "clara")):
        told = ("--principal", name, "--role", "operator", "--all-sellers", "--days", "90")
        (asked,) = home.command("grant", "add", *told)["grants"]
        home.command("grant", "approve", str(asked["id"]), *proofs[by])
    shutil.copy(home.path / "vault.db", tmp_path / "copy")
    home.command("user", "add", "dora")
    restore(home, tmp_path / "copy")

    def agreeing(name: str) -> tuple[str, ...]:
        return ("--approver", name, "--approver-credential-file", str(tmp_path / name))

    for more in (
        (),
        proofs["anna"],
        (*proofs["anna"], *agreeing("anna")),
        (*proofs["anna"], *agreeing("clara")),
        agreeing("anna"),
    ):
        assert begin(home, *more)[0] == 1, more
    code, begun, _ = begin(home, *proofs["anna"], *agreeing("boris"))
    assert (code, begun["epoch"]) == (0, 2)
    assert home.command("audit", "verify")["ok"] is True
