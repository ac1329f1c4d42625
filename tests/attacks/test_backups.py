"""Backups and keystore copies in other hands, in wrong places, or made by somebody else [2.1, 2.4]."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.restored import NOW, PASSPHRASE, Shop

from strongroom.backups import PlaceKind
from strongroom.backups.sealed import read_sealed, write_sealed
from strongroom.backups.stream import Contents, Header, Reading, Row, lines, sealer
from strongroom.backups.tables import Filling
from strongroom.crypto.age import Identities, Recipients, new_identity
from strongroom.crypto.root import root_for
from strongroom.db import migrate, schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Malformed, Misconfigured, Tampered
from strongroom.restoring import inspect
from strongroom.restoring.restoring import fill
from strongroom.terms import Environment
from strongroom.vault import Keystore, count_openable

pytestmark = pytest.mark.clause("2.4")

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.make()
    return made


def contents_of(path: Path, identity: str) -> bytes:
    """Everything a sealed file holds."""
    held = io.BytesIO()
    with path.open("rb") as file:
        Identities([identity]).open(file, held)
    return held.getvalue()


def test_no_key_and_no_value_is_in_a_backup(shop: Shop) -> None:
    """Whoever has backups, and what opens them, has nothing but sealed rows."""
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 30)
        path = system.backups.path_of(shop.backup(system, NOW))
    held = contents_of(path, shop.identity)
    assert b"Buyer 0000" not in held
    assert b"buyers.example" not in held
    found: dict[str, list[Row]] = {}
    name = [""]

    def table(named: str, _columns: list[str]) -> None:
        name[0] = named

    def rows(block: list[Row]) -> None:
        found.setdefault(name[0], []).extend(block)

    read_sealed(
        path,
        Identities([shop.identity]),
        Reading(header=lambda _h: None, table=table, rows=rows),
    )
    assert found.keys().isdisjoint(schema.keystore.tables)
    values = {value for block in found.values() for row in block for value in row}
    keys = Database(f"sqlite:///{shop.home / 'keys.db'}")
    with keys.read() as tx:
        for kept in (schema.keystore_master, schema.keystore_period, schema.keystore_secret):
            wrapped = [bytes(one) for (one,) in tx.execute(sa.select(kept.c.wrapped)) if one]
            assert wrapped
            assert values.isdisjoint(wrapped)
    keys.close()


@pytest.mark.clause("2.1")
def test_with_all_that_an_attacker_could_hold_that_day_nothing_due_is_recovered(
    shop: Shop, tmp_path: Path
) -> None:
    """Every backup ever taken, every keystore copy that has not expired, both identities and the passphrase."""
    backups: list[Path] = []
    copies: list[Path] = []
    delivered = NOW - 26 * DAY
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 10, shipped=delivered)
        backups.append(system.backups.path_of(shop.backup(system, NOW)))
    due = delivered + 30 * DAY
    now = NOW + 12 * HOUR
    opened_before = 0
    while now <= due + 12 * HOUR:
        with shop.open(now) as system:
            system.vault.sweep(now)
            system.copies.expire(now)
            made = shop.copy_keys(system, now)
            copies.append(Path(made.path))
            backups.append(system.backups.path_of(shop.backup(system, now)))
        at_hand = [path for path in copies if path.exists()]
        if now < due - 2 * DAY:
            opened_before += recovered(shop, backups[0], at_hand[-1], tmp_path / "try")
        elif now >= due:
            for copy in at_hand:
                for backup in backups:
                    assert recovered(shop, backup, copy, tmp_path / "try") == 0
        now += DAY
    # What the test looks with does see what is there.
    assert opened_before >= 10


def recovered(shop: Shop, backup: Path, copy: Path, scratch: Path) -> int:
    """Return how many records some key of the copy opens, past every rule of ours."""
    scratch.mkdir(exist_ok=True)
    for path in scratch.iterdir():
        path.unlink()
    keys, vault = (Database(f"sqlite:///{scratch / name}") for name in ("keys.db", "vault.db"))
    try:
        fill(keys, migrate.Schema.KEYSTORE, copy, Identities([shop.recovery]))
        fill(vault, migrate.Schema.VAULT, backup, Identities([shop.identity]))
        home_id = header_of(shop, backup).home_id
        root = root_for("file:root.key", Environment.TEST, passphrase=PASSPHRASE, home=shop.home)
        keystore = Keystore(keys, root, Environment.TEST, home_id)
        keystore.open()
        return count_openable(vault, keystore, Environment.TEST).opened
    finally:
        keys.close()
        vault.close()


def header_of(shop: Shop, backup: Path) -> Header:
    header = inspect(shop.asked(backup)).backup.header
    assert header is not None
    return header


def test_a_backup_that_somebody_else_made_is_refused(shop: Shop) -> None:
    """Anybody can seal to a public key: what the home's keystore did not vouch for is not restored."""
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
        copy = shop.copy_keys(system, NOW)
    forged = shop.directory / "forged.age"
    write_sealed(
        forged,
        lines(header_of(shop, path), [], sealer(bytes(32), "x", "vault"), Contents()),
        Recipients(Identities([shop.identity]).recipients),
    )
    with pytest.raises(Tampered, match="not made by the home"):
        shop.restore(NOW + HOUR, forged, keys_copy=Path(copy.path))
    assert not (shop.directory / "restored" / "strongroom.toml").exists()


def test_a_file_that_was_cut_or_changed_is_refused(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
    whole = path.read_bytes()
    middle = len(whole) // 2
    for spoilt in (
        whole[:-1],
        whole[:middle],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        b"",
    ):
        path.write_bytes(spoilt)
        with pytest.raises(Tampered):
            inspect(shop.asked(path))
        with shop.open(NOW) as system:
            checked = system.backups.verify(
                system.accounts.console("ada", NOW), NOW, lambda *_: None
            )
            assert [one.place for one in checked if one.fault] == [None]


@pytest.mark.parametrize(
    "document",
    [
        b"not JSON\n",
        b"[]\n",
        b'{"strongroom": 2}\n',
        b'{"strongroom": 1, "kind": "vault"}\n',
        b'{"table": "record; DROP TABLE record", "columns": [], "binary": []}\n',
        b'{"table": "record", "columns": ["a\\"b"], "binary": []}\n',
        b'[["1"]]\n',
    ],
)
def test_lines_that_are_none_of_ours_are_refused(document: bytes) -> None:
    header: dict[str, Any] = {
        "strongroom": 1, "kind": "vault", "id": "1", "home_id": "h", "environment": "test",
        "taken_at": "", "version": "0", "schema": migrate.Schema.VAULT.newest, "engine": "sqlite",
    }  # fmt: skip
    reading = Reading(header=lambda _h: None, table=lambda _n, _c: None, rows=lambda _b: None)
    if not document.startswith((b'{"strongroom"', b"not")):
        import orjson  # noqa: PLC0415 - of use here alone

        reading.write(orjson.dumps(header) + b"\n")
    with pytest.raises((Malformed, Tampered)):
        reading.write(document)


def test_rows_of_a_table_that_we_do_not_have_go_nowhere(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    migrate.make(database, migrate.Schema.VAULT, migrate.Schema.VAULT.newest)
    with pytest.raises(Malformed), database.write() as tx:
        Filling(tx, lambda _n: None).table("alembic_version", ["version_num"])
    database.close()


def test_a_recipient_that_was_written_into_the_database_gets_nothing(shop: Shop) -> None:
    _, mallory = new_identity()
    with shop.open(NOW) as system:
        with system.database.write() as tx:
            place = schema.backup_place
            tx.execute(
                place.update()
                .where(place.c.kind == PlaceKind.RECIPIENT.value)
                .values(value=mallory)
            )
        with pytest.raises(Tampered, match="not what was approved"):
            shop.backup(system, NOW)
    assert not list((shop.home / "backups").glob("*.age"))


def test_keys_never_lie_beside_the_data_they_open(shop: Shop) -> None:
    """Neither in one directory, nor in one below the other, nor under another name of it, nor for one identity."""
    link = shop.directory / "link"
    link.symlink_to(shop.apart)
    below = shop.apart / "below"
    below.mkdir()
    with shop.open(NOW) as system:
        ada = system.accounts.console("ada", NOW)
        places = system.backups.places
        for path in (shop.apart, link, below, shop.home, shop.home / "backups", shop.directory):
            with pytest.raises(Conflict):
                places.request_add(PlaceKind.KEYS, str(path), ada, NOW)
        for path in (shop.keys, shop.home / "backups"):
            with pytest.raises(Conflict):
                places.request_add(PlaceKind.TARGET, str(path), ada, NOW)
        (recipient,) = Identities([shop.identity]).recipients
        with pytest.raises(Conflict, match="one identity"):
            places.request_add(PlaceKind.RECOVERY, recipient, ada, NOW)


def test_another_homes_keystore_does_not_open_this_ones_backup(tmp_path: Path) -> None:
    shops = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shops.append(Shop(tmp_path / name))
        shops[-1].make()
    with shops[0].open(NOW) as system:
        path = system.backups.path_of(shops[0].backup(system, NOW))
    with shops[1].open(NOW) as system:
        copy = shops[1].copy_keys(system, NOW)
    with pytest.raises(Misconfigured, match="not of one home"):
        shops[0].restore(
            NOW + HOUR,
            path,
            keys_copy=Path(copy.path),
            keys_identities=Identities([shops[1].recovery]),
        )
