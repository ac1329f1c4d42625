"""Databases of others: every table is read, nothing is written, and no password stands in an address."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import pytest

from strongroom.errors import Denied, Malformed, Unavailable
from strongroom.leaks import Finding, Scan, scan_path, scan_postgres

pytestmark = pytest.mark.clause("2.6")

EMAIL = "anna.schmidt77@gmx.de"


def look_up(wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[object]]:
    return {kind: [[5] if f == EMAIL else [] for f in forms] for kind, forms in wanted.items()}


def known(scan: Scan) -> list[Finding]:
    scan.flush()
    return [found for found in scan.findings() if found.kind == "vault.email"]


def test_a_value_in_a_sqlite_table_is_found_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, note TEXT, raw BLOB)")
        rows = [(n, f"note {n}", b"") for n in range(1, 2000)]
        database.executemany("INSERT INTO customer VALUES (?, ?, ?)", rows)
        database.execute("UPDATE customer SET note = 'write to ' || ? WHERE id = 1234", (EMAIL,))
        packed = gzip.compress(EMAIL.encode())
        database.execute("UPDATE customer SET raw = ? WHERE id = 77", (packed,))
        database.execute("CREATE TABLE keyed (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")
        database.execute("INSERT INTO keyed VALUES (?, 'x')", (EMAIL,))
    database.close()
    before = path.read_bytes()
    scan = Scan(look_up, secrets=False)
    scan_path(scan, tmp_path, lambda _size: None, None, lambda _path: False)
    assert {(f.table, f.column, f.row) for f in known(scan)} == {
        ("customer", "note", "1234"),
        ("customer", "raw", "77"),
        ("keyed", "k", "#1"),
    }
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["shop.db"]


def test_a_row_that_was_deleted_from_a_sqlite_file_is_found_in_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA secure_delete = OFF")
    database.execute("CREATE TABLE t (v TEXT)")
    database.execute("INSERT INTO t VALUES ('<' || ? || '>')", (EMAIL,))
    database.execute("DELETE FROM t")
    database.commit()
    database.close()
    scan = Scan(look_up, secrets=False)
    scan_path(scan, path, lambda _size: None, None, lambda _path: False)
    (found,) = known(scan)
    assert found.table is None


def test_a_value_in_a_postgresql_table_is_found_with_its_row(postgres_database: str) -> None:
    dsn = postgres_database.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE customer (id bigint PRIMARY KEY, doc jsonb, raw bytea)")
        connection.execute('CREATE SCHEMA "o d d"')
        connection.execute('CREATE TABLE "o d d"."ta""ble" ("co%lumn" text)')
        connection.execute("INSERT INTO customer SELECT n, '{}', '' FROM generate_series(1, 500) n")
        connection.execute(
            "UPDATE customer SET doc = jsonb_build_object('mail', %s::text) WHERE id = 321",
            (EMAIL,),
        )
        connection.execute(
            "UPDATE customer SET raw = %s WHERE id = 9", (gzip.compress(EMAIL.encode()),)
        )
        connection.execute('INSERT INTO "o d d"."ta""ble" VALUES (%s)', (EMAIL.encode().hex(),))
    scan = Scan(look_up, secrets=False)
    scan_postgres(scan, dsn, None)
    assert {(f.table, f.column, f.row, f.encoding) for f in known(scan)} == {
        ("customer", "doc", "321", "raw"),
        ("customer", "raw", "9", "raw"),
        ('o d d.ta"ble', "co%lumn", "(0,1)", "hex"),
    }


def test_an_address_with_a_password_in_it_is_refused_and_not_repeated() -> None:
    for dsn in (
        "postgresql://joe:geheim77@/shop",
        "postgresql://joe@/shop?password=geheim77",
        "postgres://joe@h/shop?a=b&PassWord=geheim77",
    ):
        with pytest.raises(Malformed) as caught:
            scan_postgres(Scan(None, secrets=False), dsn, None)
        assert "geheim77" not in str(caught.value)


def test_a_network_wants_verified_tls() -> None:
    with pytest.raises(Denied, match="verify-full"):
        scan_postgres(
            Scan(None, secrets=False), "postgresql://joe@db.corp/shop?sslmode=require", "x"
        )


def test_a_database_that_is_not_there_is_not_called_clean(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        scan_postgres(Scan(None, secrets=False), f"postgresql://joe@/shop?host={tmp_path}", None)
