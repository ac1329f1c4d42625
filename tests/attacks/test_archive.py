"""Holds and archives against whoever writes to the database or the disk, and against one person alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.archived import DUE, YEAR, Cold
from tests.vault.conftest import (
    APP,
    CITY,
    CONSOLE,
    EMAIL,
    LINE_1,
    NAME,
    NOW,
    REVIEWER,
    World,
    order,
)

from strongroom.crypto.age import Identities, new_identity
from strongroom.db import schema
from strongroom.errors import Denied, Gone, Tampered
from strongroom.policy.holds import HoldReason
from strongroom.policy.limits import HOLD_GRACE
from strongroom.policy.retention import Progress
from strongroom.terms import Category
from strongroom.vault import PeriodKind, cold
from strongroom.vault.holds import Scope

pytestmark = pytest.mark.clause("2.1", "2.4")

MARKERS = ("Zoë Markerfrau", "Markerweg 7", "Markerstadt", "marker@x.example")
ORDER = "902-7654321-7654321"
_changes = schema.archive_change


@pytest.fixture
def away(make_world: Callable[[str], World]) -> Cold:
    """A home of several people, a hold by two of them, and an order under it."""
    world = make_world("home")
    world.one_person = False
    world.reopen()
    return Cold(world)


def fill(away: Cold) -> str:
    slots = dict(zip((NAME, LINE_1, CITY, EMAIL), MARKERS, strict=True))
    (token,) = away.world.put(order(ORDER, slots, status=Progress.SHIPPED, purchased=NOW))
    return token


def write(world: World, statement: Any) -> None:
    with world.database.write() as tx:
        tx.execute(statement)


def everything(directory: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file())


def archived(away: Cold) -> Path:
    away.set_recipients()
    away.hold()
    fill(away)
    away.world.vault.sweep(DUE)
    (file,) = away.files()
    return file


def test_the_service_can_not_open_what_it_archived(away: Cold) -> None:
    """Every key of the keystore, and every file of the home, beside the file: nothing opens it."""
    file = archived(away)
    home = everything(away.world.directory)
    assert away.identity.encode() not in home
    assert away.identity.removeprefix("AGE-SECRET-KEY-1").encode() not in home
    stranger, _recipient = new_identity()
    with pytest.raises(Tampered):
        cold.open_file(file, Identities([stranger]), _Sink())
    head = file.read_bytes()[:400]
    assert head.startswith(b"age-encryption.org/v1\n-> X25519 ")
    # One way in, for the one who was named (and age's own stanza that nobody reads).
    assert head.count(b"-> X25519 ") == 1


def test_no_name_manifest_row_or_event_tells_of_anybody(away: Cold) -> None:
    file = archived(away)
    away.hold(Scope(order=ORDER, sellers=None), categories=(Category.NAME,))
    away.hold(Scope(email="marker@x.example"), categories=(Category.NAME,))
    content = everything(away.world.directory)
    names = " ".join(path.name for path in away.everything()).encode()
    for marker in (*MARKERS, ORDER):
        assert marker.encode() not in content
        assert json.dumps(marker).encode() not in content
        assert marker.encode() not in names
    assert all(marker in away.open(file)[0].decode() for marker in MARKERS[:3])


def test_a_changed_cut_or_swapped_archive_is_refused(away: Cold) -> None:
    file = archived(away)
    whole, manifest = file.read_bytes(), file.with_suffix(".json")
    for broken in (whole[:-1], whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:], b""):
        file.write_bytes(broken)
        assert away.archive.verify() == [f"{file.stem}: archive {file.stem} is not what was sealed"]
        with pytest.raises(Tampered):
            cold.open_file(file, Identities([away.identity]), _Sink())
    file.unlink()
    assert "is missing" in away.archive.verify()[0]
    file.write_bytes(whole)
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "keep_until": "2099-12-31"}))
    assert "is not what was recorded" in away.archive.verify()[0]
    digest = away.open(file)[1]
    with pytest.raises(Tampered):
        away.archive.drill(file.stem, digest, CONSOLE, DUE)


def test_a_file_that_nobody_recorded_and_a_row_that_is_gone_are_found(away: Cold) -> None:
    file = archived(away)
    (away.world.archive / "hold-1-period-1-00000000.age").write_bytes(b"?")
    assert away.archive.verify() == ["hold-1-period-1-00000000: nobody recorded this file"]
    write(away.world, schema.archive_file.delete())
    assert f"{file.stem}: its row is missing" in away.archive.verify()


def test_a_whole_archive_that_a_restored_home_does_not_know_is_not_removed(away: Cold) -> None:
    """Rows, log and keys of an older backup say nothing of it, and there is no other copy of what is in it."""
    file = archived(away)
    unknown = file.with_name("hold-7-period-4000-0a1b2c3d.age")
    unknown.write_bytes(file.read_bytes())
    said = json.loads(file.with_suffix(".json").read_text())
    unknown.with_suffix(".json").write_text(json.dumps({**said, "archive": unknown.stem}))
    begun = file.with_name("hold-7-period-4001-0a1b2c3d.draft")
    begun.write_bytes(b"half of one")
    twin = file.with_name(f"{file.stem[:-8]}00000000.age")
    twin.write_bytes(file.read_bytes())
    twin.with_suffix(".json").write_text(json.dumps({**said, "archive": twin.stem}))
    odd = file.with_name("hold-7-period-4002-0a1b2c3d.age")
    odd.write_bytes(b"?")
    odd.with_suffix(".json").write_bytes(b"no manifest")

    away.world.vault.sweep(DUE)

    assert file.exists()
    assert unknown.exists()
    assert not begun.exists()
    assert not twin.exists(), "a killed run's other copy of what is recorded would outlive its hold"
    named = [fault.partition(":")[0] for fault in away.archive.verify()]
    assert sorted(named) == sorted([odd.stem, unknown.stem])


def test_one_person_alone_holds_nothing_and_chooses_no_recipients(away: Cold) -> None:
    holds = away.archive.holds
    change = place(away)
    with pytest.raises(Denied):
        holds.approve(change.id, holds.shown(change), CONSOLE, NOW)
    with pytest.raises(Denied):
        holds.approve(change.id, holds.shown(change), APP, NOW)
    with pytest.raises(Denied):
        away.archive.set_recipients([away.recipient], APP, NOW)
    assert holds.in_effect(NOW) == []
    fill(away)
    away.world.vault.sweep(DUE)
    assert away.world.keystore.periods(live=True) == []
    denied = [e for e in away.world.events() if e[0] == "hold.changed" and e[1] == "denied"]
    assert len(denied) == 2


def place(away: Cold) -> Any:
    return away.archive.holds.place(
        CONSOLE,
        NOW,
        law="DE-USTG-14B",
        reference="14b.1",
        reason=HoldReason.TAX_RETENTION,
        categories=(Category.NAME,),
        scope=Scope(),
        purchased=YEAR,
        until=date(2034, 12, 31),
    )


def test_a_forged_hold_holds_nothing_and_is_named(away: Cold) -> None:
    """Its author writes to the database: a row that claims two people, and a request of one marked as approved."""
    asked = place(away)
    approved = {"approved_by": REVIEWER.principal, "approved_at": NOW}
    write(away.world, _changes.update().where(_changes.c.id == asked.id).values(**approved))
    with away.world.database.read() as tx:
        row = tx.execute(sa.select(_changes)).one()._asdict()
    write(away.world, _changes.insert().values(**{**row, "id": 77}))
    fill(away)
    away.world.vault.sweep(DUE)
    assert away.world.keystore.periods(live=True) == []
    assert away.everything() == []
    assert away.archive.standing(DUE).tampered == (f"change {asked.id}", "change 77")


def test_an_approval_added_to_the_logs_rows_counts_for_nothing(away: Cold) -> None:
    """The request's HMAC can be read in the log; an entry of the approval that holds it can be added, not signed."""
    place(away)
    table = schema.audit_event
    with away.world.database.read() as tx:
        asked = tx.execute(sa.select(table).where(table.c.type == "hold.changed")).one()._asdict()
        last = tx.execute(sa.select(sa.func.max(table.c.seq))).scalar_one()
    body = json.loads(asked["body"])
    body |= {"op": "place.approved", "actor": {**body["actor"], "id": REVIEWER.principal}}
    forged = {**asked, "seq": last + 1, "body": json.dumps(body).encode()}
    write(away.world, table.insert().values(**forged))
    with pytest.raises(Tampered):
        away.archive.holds.in_effect(NOW)


def test_an_edited_hold_is_no_longer_believed_and_no_day_waits_longer_than_its_grace(
    away: Cold,
) -> None:
    """Narrowing a hold would lose what a law needs; widening it would keep what must go."""
    away.world.grant(REVIEWER, days=90)
    away.set_recipients()
    hold = away.hold()
    token = fill(away)
    with away.world.database.read() as tx:
        row = tx.execute(sa.select(_changes).where(_changes.c.id == hold.id)).one()
    terms = json.dumps({**json.loads(row.terms), "purchased_to": "2026-01-02"})
    write(away.world, _changes.update().where(_changes.c.id == hold.id).values(terms=terms))

    with pytest.raises(Tampered):
        away.world.vault.sweep(DUE)
    (period,) = away.world.keystore.periods(live=True)
    assert period.kind is PeriodKind.DAY
    with pytest.raises((Gone, Denied)):
        away.world.read(token, now=DUE)
    with pytest.raises(Tampered):
        away.world.vault.sweep(DUE + HOLD_GRACE)
    assert away.world.keystore.periods(live=True) == []
    assert away.everything() == []
    failed = [(t, o, r) for t, o, r in away.world.events() if t == "archive.failed"]
    assert ("archive.failed", "failure", "tampered") in failed
    # Released by two, placed anew: the home is well again.
    change = away.archive.holds.release(hold.id, CONSOLE, DUE)
    away.approve(change.id, DUE)
    assert away.archive.holds.in_effect(DUE) == []


def test_a_hold_keeps_nothing_readable_past_its_day(away: Cold) -> None:
    """Not by its token, its order or a search; not with a row set back; and not by a row that leads to the held key."""
    world = away.world
    world.one_person = True
    world.reopen()
    world.grant(days=90)
    away.hold()
    token = fill(away)
    world.vault.sweep(DUE)
    (held,) = world.keystore.periods(live=True)
    assert held.kind is PeriodKind.HELD
    with pytest.raises(Gone):
        world.read(token, now=DUE)
    (token,) = world.put(order("902-0000001-0000001", status=Progress.UNSHIPPED), now=DUE)
    assert world.read(token, now=DUE)
    key = schema.record_key
    write(world, key.update().values(period_id=held.id, due_at=None))
    with pytest.raises(Gone):
        world.read(token, now=DUE)


def test_what_waits_of_one_hold_or_record_does_not_open_as_anothers(away: Cold) -> None:
    away.hold()
    fill(away)
    away.world.vault.sweep(DUE)
    table = schema.archive_held
    write(away.world, table.update().values(record_number=table.c.record_number + 1))
    away.set_recipients(DUE)
    away.world.vault.sweep(DUE + timedelta(hours=1))
    assert away.files() == []
    assert ("archive.failed", "failure", "tampered") in away.world.events()


def test_a_forged_row_leads_expiry_to_no_other_file(away: Cold, tmp_path: Path) -> None:
    file = archived(away)
    victim = tmp_path / "victim.age"
    victim.write_bytes(b"mine")
    hold = away.archive.files()[0].hold
    change = away.archive.holds.release(hold, CONSOLE, DUE)
    away.approve(change.id, DUE)
    table = schema.archive_file
    write(away.world, table.update().values(name=f"../../{tmp_path.name}/victim"))
    with pytest.raises(Tampered):
        away.archive.expire(DUE)
    assert victim.read_bytes() == b"mine"
    assert file.exists()


class _Sink:
    def write(self, part: bytes) -> int:
        return len(part)

    def flush(self) -> None:
        pass
