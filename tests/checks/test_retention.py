"""Dates, keys, purposes, holds and the archive: each check red and green for the right reason."""

from __future__ import annotations

import io
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.compliance.overseen import Verdict
from strongroom.crypto.age import Identities, new_identity
from strongroom.policy.holds import HoldReason
from strongroom.terms import Action, Purpose
from strongroom.vault import cold
from strongroom.vault.holds import Scope
from tests.checks.looking import House
from tests.support.archived import BILLED, UNTIL, YEAR

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.mark.clause("2.1-a")
def test_what_no_sweep_destroyed_on_its_day_is_red_until_one_has(house: House) -> None:
    house.order(delivered=house.now)
    house.system.vault.sweep(house.now)
    assert house.verdict("retention.dates") is PASS
    assert house.verdict("retention.sweep") is PASS
    house.passes(days=31)
    found = house.look("retention.dates")
    assert (found.verdict, found.remedy) == (FAIL, "strongroom retention sweep")
    assert "past the day" in found.why
    assert house.verdict("retention.sweep") is FAIL
    house.system.vault.sweep(house.now)
    assert house.verdict("retention.dates") is PASS
    assert house.verdict("retention.sweep") is PASS


@pytest.mark.clause("2.1-a")
def test_an_undelivered_order_in_a_window_that_is_over_is_red(house: House) -> None:
    house.order()
    assert house.verdict("retention.undelivered") is PASS
    house.passes(days=8)
    assert house.verdict("retention.undelivered") is FAIL
    house.system.vault.sweep(house.now)
    assert house.verdict("retention.undelivered") is PASS


@pytest.mark.clause("1.7-c")
def test_a_destroyed_key_that_is_put_back_is_red(house: House, tmp_path: Path) -> None:
    house.order(delivered=house.now)
    assert house.verdict("keys.destroyed") is PASS
    with house.closed() as path:
        shutil.copy(path / "keys.db", tmp_path / "keys.before")
    house.passes(days=31)
    house.system.vault.sweep(house.now)
    found = house.look("keys.destroyed")
    assert found.verdict is PASS
    assert found.why.startswith("1 key destroyed")
    # Its own memory of the log is as old as the copy: only the period's row is put back.
    back = "INSERT INTO main.period_key SELECT * FROM old.period_key WHERE kind = 'day'"
    with house.closed() as path:
        _sql(path / "keys.db", "DELETE FROM main.period_key WHERE kind = 'day'", back, tmp_path)
    found = house.look("keys.destroyed")
    assert found.verdict is FAIL
    assert "tells as destroyed" in found.why
    house.system.vault.sweep(house.now)
    assert house.verdict("keys.destroyed") is PASS


def _sql(path: Path, first: str, second: str, directory: Path) -> None:
    with sqlite3.connect(path) as tx:
        tx.execute("ATTACH ? AS old", (str(directory / "keys.before"),))
        tx.execute(first)
        tx.execute(second)
    tx.close()


@pytest.mark.clause("2-b")
def test_access_that_nobody_uses_is_red_until_it_is_taken_away(house: House) -> None:
    app = house.app()
    kept, idle = house.grant(app), house.grant(app, action=Action.SEARCH)
    for grant in (kept, idle):
        _confirm(house, grant.grant.id)
    assert house.verdict("purpose.needed") is PASS
    house.passes(days=85)
    _confirm(house, kept.grant.id)
    _confirm(house, idle.grant.id)
    house.passes(days=6)
    assert house.verdict("purpose.needed") is FAIL
    house.system.grants.revoke(house.console, idle.grant.id, house.now)
    house.system.grants.revoke(house.console, kept.grant.id, house.now)
    assert house.verdict("purpose.needed") is PASS


def _confirm(house: House, grant: int) -> None:
    with house.system.database.write() as tx:
        house.system.grants.confirm_in(
            tx, house.console, grant, house.now, lifetime=timedelta(days=90)
        )


@pytest.mark.clause("1.7-b")
def test_a_hold_that_nobody_confirms_for_half_a_year_is_red(house: House) -> None:
    holds = house.system.vault.archive.holds
    assert house.verdict("holds.confirmed") is PASS
    _hold(house)
    assert house.verdict("holds.confirmed") is PASS
    house.passes(days=184)
    found = house.look("holds.confirmed")
    assert (found.verdict, found.remedy) == (FAIL, "`strongroom hold review`")
    holds.review(holds.all()[0].id, house.console, house.now)
    assert house.verdict("holds.confirmed") is PASS


def _hold(house: House) -> None:
    house.system.vault.archive.holds.place(
        house.console,
        house.now,
        law="DE-USTG-14B",
        reference="14b.1",
        reason=next(iter(HoldReason)),
        categories=BILLED,
        scope=Scope(),
        purchased=YEAR,
        until=UNTIL,
    )


@pytest.mark.clause("2.1-c")
def test_an_archive_is_green_while_people_offline_open_it_each_quarter(house: House) -> None:
    archive = house.system.vault.archive
    assert house.verdict("archive.standing") is PASS
    identity, recipient = new_identity()
    _hold(house)
    house.order(delivered=house.now)
    house.passes(days=26)
    # Its day is near, and nobody who could open an archive is named.
    found = house.look("archive.standing")
    assert found.verdict is FAIL, found
    archive.set_recipients([recipient], house.console, house.now)
    assert house.verdict("archive.standing") is PASS
    house.passes(days=5)
    house.system.vault.sweep(house.now)
    archive.tend(house.now)
    assert house.verdict("archive.standing") is PASS
    (file,) = house.system.home.archive.glob("*.age")
    house.passes(days=91)
    assert house.verdict("archive.standing") is FAIL
    digest = cold.open_file(file, Identities([identity]), io.BytesIO())
    assert archive.drill(file.stem, digest, house.console, house.now)
    assert house.verdict("archive.standing") is PASS

    assert house.verdict("archive.sealed") is PASS
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert house.verdict("archive.sealed") is FAIL
    file.write_bytes(content)
    assert house.verdict("archive.sealed") is PASS


@pytest.mark.clause("2.1-b")
def test_a_read_for_another_purpose_than_its_grants_is_red(house: House) -> None:
    app = house.app()
    grant = house.grant(app)
    token = house.order()
    house.system.vault.reveal(app, token, purpose=Purpose.FULFILMENT, now=house.now)
    found = house.look("purpose.reads")
    assert (found.verdict, found.proof) == (PASS, ("reads fulfilment: 1",))
    # Whoever edits a grant after its use makes the read one that it does not cover.
    edited = "UPDATE access_grant SET purpose = 'tax' WHERE id = ?"
    house.edit(edited, grant.grant.id)
    assert house.verdict("purpose.reads") is FAIL
    house.edit(edited.replace("'tax'", "'fulfilment'"), grant.grant.id)
    assert house.verdict("purpose.reads") is PASS
