"""`strongroom import` of tables and files: what was in clear is in the vault, and tokens are in its place."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support import postgres
from tests.support import shop as shops
from tests.support.offline import Offline
from tests.support.shop import FIELDS, mapping, sale, shop, table_of

from strongroom.app import machine_clock
from strongroom.crypto.token import looks_like_token
from strongroom.opening import open_system
from strongroom.policy.sighting import Sighting

pytestmark = pytest.mark.clause("2.4", "2.1")

TOKENS = [name for name in FIELDS if name != "country"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    home = Offline.make(tmp_path_factory.mktemp("import") / "made")
    system = open_system(home.path, environ={})
    shops.add_seller(system)
    system.close()
    home.read_log()
    return home


@pytest.fixture
def home(made: Offline, monkeypatch: pytest.MonkeyPatch) -> Offline:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    return made


@pytest.fixture
def empty_postgres(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    with postgres_cluster.database(postgres.EMPTY) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    found: str = request.getfixturevalue("empty_postgres")
    return found


def values(home: Offline, order: str) -> dict[str, Any]:
    """What the vault holds of an order, by slot, as a test may look."""
    system = open_system(home.path, environ={})
    try:
        held = system.arrivals._held(shops.SELLER, [Sighting("order", order)])
    finally:
        system.close()
    return {str(slot): value for slot, value in held[0].items()}


def test_a_shops_table_becomes_clean(home: Offline, url: str, tmp_path: Path) -> None:
    """On both engines; what passes in clear does, a second run has nothing to do, and the scanner finds nothing."""
    sales = [sale(n) for n in range(100, 110)]
    with shop(url, *sales) as made:
        path = mapping(tmp_path, table_of(url))
        dry = home.command("import", path, "--dry-run")
        assert (dry["rows"], dry["replaced"], dry["dry_run"]) == (10, 0, True)
        assert made.rows() == [one.row() for one in sales]
        vacuum = ["--vacuum"] if url.startswith("sqlite") else []
        result = home.command("import", path, *vacuum)
        assert (result["ok"], result["replaced_rows"], result["replaced"]) == (True, 10, 60)
        rows = made.rows()
        for row, one in zip(rows, sales, strict=True):
            assert row["order_id"] == one.order_id
            assert row["country"] == "DE"
            assert all(looks_like_token(row[name]) for name in TOKENS)
            assert row["email"].endswith(".invalid")
        assert values(home, sales[0].order_id) == {
            "8": sales[0].ship_name,
            "9": sales[0].street,
            "12": sales[0].city,
            "15": sales[0].phone,
            "16": sales[0].email,
            "25": "DE",
        }
        again = home.command("import", path)
        assert (again["replaced"], again["columns"][0]["tokens"]) == (0, 10)
        assert made.rows() == rows
        if url.startswith("postgres"):
            made.execute("VACUUM FULL sales")
    target = url.replace("sqlite:///", "").replace("+psycopg", "")
    found = home.attempt("scan", target)[1]
    assert {kind for kind in found["counts"] if kind not in ("vault.order", "token.live")} == set()


def test_what_the_shop_has_otherwise_is_kept_beside_and_not_lost(
    home: Offline, tmp_path: Path
) -> None:
    """Two rows of one order say different things: both are in the vault, under tokens of their own."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    first = sale(200)
    other = sale(201, order_id=first.order_id, item_id=first.item_id, gift=first.gift)
    with shop(url, first, other) as made:
        home.command("import", mapping(tmp_path, table_of(url)))
        rows = made.rows()
    held = values(home, first.order_id)
    # The order was shipped: what was written for its parcel is of no use any more.
    assert {*first.values, *other.values} - {first.gift} <= set(held.values())
    assert first.gift not in held.values()
    assert rows[0]["gift"] == rows[1]["gift"]
    assert rows[0]["ship_name"] != rows[1]["ship_name"]
    assert sorted(name.partition(":")[0] for name in held if name.startswith("arrived")) == [
        "arrived_buyer",
        *["arrived_recipient"] * 4,
    ]
    # Half of one address and half of another is neither.
    assert (held["9"], held["12"]) == (first.street, first.city)


@pytest.mark.clause("2.1")
def test_what_is_past_its_day_is_not_stored_and_goes_only_when_somebody_says_so(
    home: Offline, tmp_path: Path
) -> None:
    """The same for cancelled orders; what tells no age stays and is told."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    old = (machine_clock() - timedelta(days=60)).strftime("%Y-%m-%d")
    late = sale(300, bought_at=old)
    ended = sale(301, state="Canceled")
    undated = sale(302, bought_at="?")
    live = sale(303)
    with shop(url, late, ended, undated, live) as made:
        path = mapping(tmp_path, table_of(url))
        code, result, _ = home.attempt("import", path)
        assert code == 1
        assert result["left"] == {
            "past_due": {"rows": 2, "first": [1, 2]},
            "unknown_age": {"rows": 1, "first": [3]},
        }
        assert made.rows()[:3] == [late.row(), ended.row(), undated.row()]
        assert home.attempt("import", path, "--past-due", "erase")[0] == 2
        code, result, _ = home.attempt("import", path, "--past-due", "erase", "--yes")
        assert (code, result["erased_rows"], list(result["left"])) == (1, 2, ["unknown_age"])
        rows = made.rows()
        assert rows[2] == undated.row()
        assert all(looks_like_token(row[name]) for row in rows[:2] for name in TOKENS)
    assert values(home, late.order_id) == {}
    assert values(home, ended.order_id) == {}


def test_an_order_that_arrived_counts_from_when_it_did(home: Offline, tmp_path: Path) -> None:
    """Bought long ago and delivered last week: it may be stored until thirty days after."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    old = (machine_clock() - timedelta(days=60)).strftime("%Y-%m-%d")
    week = (machine_clock() - timedelta(days=7)).strftime("%Y-%m-%d")
    with shop(url, sale(310, bought_at=old, sent_at=week, state="angekommen")):
        order = {
            "purchased": "bought_at",
            "delivered": "sent_at",
            "status": "state",
            "item": "item_id",
        }
        path = mapping(tmp_path, table_of(url), order=order)
        with Path(path).open("a") as file:
            file.write('\n[statuses]\n"angekommen" = "delivered"\n')
        assert home.command("import", path)["replaced_rows"] == 1


def test_columns_that_nobody_named_are_told_where_they_look_personal(
    home: Offline, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with shop(url, sale(320, note="ruf an: +49 170 8899123"), sale(321, note="Regal 4")):
        path = mapping(tmp_path, table_of(url))
        code, result, _ = home.attempt("import", path)
        assert (code, result["unmapped"], result["left_rows"]) == (1, {"note": 1}, 0)
        path = mapping(tmp_path, table_of(url), head='ignore = ["note"]')
        assert home.command("import", path)["unmapped"] == {}


def test_rows_of_other_channels_stay_only_where_the_mapping_says_so(
    home: Offline, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with shop(url, sale(330, order_id="EBAY-1")) as made:
        code, result, _ = home.attempt("import", mapping(tmp_path, table_of(url)))
        assert (code, list(result["left"])) == (1, ["no_amazon_order"])
        home.command("import", mapping(tmp_path, table_of(url), head='others = "stay"'))
        assert made.rows()[0]["ship_name"] == "Käufer Nummer330"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fields": {"ship_nam": "recipient.name"}}, "no column ship_nam"),
        ({"fields": {"ship_name": "recipient.nam"}}, "recipient.nam"),
        ({"fields": {"order_id": "buyer.id"}}, "order_id is to be replaced and to be kept"),
        ({"fields": {"gift": "item.gift_message"}, "order": {}}, "one item of an order"),
        ({"fields": {"state": "buyer.name"}}, "replaced and to be kept"),
        ({"order": {"bought": "bought_at"}}, "means nothing: bought"),
        ({"source": {"table": "sale"}}, "no table sale"),
        ({"source": {"key": "order_id"}}, "order_id is no unique key"),
        ({"source": {"password": "x"}}, "means nothing: password"),
        ({"seller": "nobody"}, "no seller"),
    ],
)
def test_a_wrong_mapping_is_named_before_anything_happens(
    home: Offline, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    one = sale(340)
    with shop(url, one) as made:
        source = table_of(url) | change.pop("source", {})
        code, _, error = home.attempt("import", mapping(tmp_path, source, **change))
        assert code in (1, 2)
        assert message in error["error"]["message"]
        assert made.rows() == [one.row()]


@pytest.mark.parametrize("kind", ["uuid", "two", "instant"])
def test_rows_are_found_by_keys_of_every_kind(
    home: Offline, empty_postgres: str, tmp_path: Path, kind: str
) -> None:
    """More rows than one page has; each is taken once."""
    engine = sa.create_engine(empty_postgres)
    keys = {
        "uuid": ("id uuid PRIMARY KEY", "md5(n::text)::uuid", "id"),
        "two": ("a text, b bigint, PRIMARY KEY (a, b)", "chr(97 + n % 3), n", ["a", "b"]),
        "instant": (
            "at timestamptz NOT NULL UNIQUE",
            "timestamptz '2026-03-29 00:00+01' + n * interval '1 minute'",
            "at",
        ),
    }
    declared, value, key = keys[kind]
    number = {"uuid": 361, "two": 362, "instant": 363}[kind]
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"CREATE TABLE sales (order_id text, bought text, name text, {declared})")
        )
        connection.execute(
            sa.text(
                f"INSERT INTO sales SELECT '{shops.order_id(number)}', '{machine_clock().date()}', "
                f"'Käufer ' || n % 7, {value} FROM generate_series(1, 600) n"
            )
        )
    source = table_of(empty_postgres) | {"key": key}
    fields = {"name": "recipient.name"}
    path = mapping(tmp_path, source, fields=fields, order={"purchased": "bought"})
    result = home.command("import", path)
    assert (result["rows"], result["replaced_rows"]) == (600, 600)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT count(DISTINCT name) FROM sales")).scalar_one()
    engine.dispose()
    assert found == 7


def test_a_vaults_own_database_is_no_source(
    home: Offline, postgres_database: str, tmp_path: Path
) -> None:
    source = table_of(postgres_database) | {"table": "seller"}
    path = mapping(tmp_path, source, fields={"name": "recipient.name"}, order={})
    assert "a home itself" in home.attempt("import", path)[2]["error"]["message"]


def test_a_column_too_short_for_a_token_is_named_before_anything_is_written(
    home: Offline, url: str, tmp_path: Path
) -> None:
    one = sale(350)
    with shop(url, one, city=sa.String(15), email=sa.String(25)) as made:
        code, _, error = home.attempt("import", mapping(tmp_path, table_of(url)))
        assert (code, error["error"]["message"]) == (
            2,
            "column city takes 15 characters, a token has 20",
        )
        fields = {"email": "buyer.email"}
        error = home.attempt("import", mapping(tmp_path, table_of(url), fields=fields))[2]
        assert "column email takes 25 characters, a token has 34" in error["error"]["message"]
        assert made.rows() == [one.row()]


def test_a_table_without_a_key_is_refused(home: Offline, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE sales (id INTEGER, order_id TEXT, name TEXT)")
    connection.close()
    source = table_of(f"sqlite:///{tmp_path / 'shop.db'}")
    path = mapping(tmp_path, source, fields={"name": "recipient.name"}, order={})
    _, _, error = home.attempt("import", path)
    assert error["error"] == {
        "kind": "Malformed",
        "message": "id is no unique key of the table",
        "hint": "give it a key first",
    }


def test_a_constraint_that_refuses_a_token_names_the_row_and_loses_nothing(
    home: Offline, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute(
        "CREATE TABLE sales (id INTEGER PRIMARY KEY, order_id TEXT, bought TEXT, name TEXT CHECK (length(name) < 15))"
    )
    bought = machine_clock().isoformat()
    row = (1, shops.order_id(360), bought, "Jo Kurz")
    connection.execute("INSERT INTO sales VALUES (?, ?, ?, ?)", row)
    connection.commit()
    path = mapping(
        tmp_path, table_of(url), fields={"name": "recipient.name"}, order={"purchased": "bought"}
    )
    code, _, error = home.attempt("import", path)
    assert (code, error["error"]["message"]) == (
        1,
        "row 1: a constraint of the table refuses a token",
    )
    assert connection.execute("SELECT * FROM sales").fetchone() == row
    connection.close()


# -- files ---------------------------------------------------------------------------------------------------------


def test_a_csv_of_another_encoding_keeps_its_form(home: Offline, tmp_path: Path) -> None:
    """cp1252, quotes, line breaks within a cell, semicolons: only what was named is another."""
    sales = [sale(400, gift='Für "Dich"\r\nund mich; €'), sale(401, gift=None)]
    columns = list(sales[0].row())
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    for one in sales:
        writer.writerow(one.row())
    source = tmp_path / "orders.csv"
    source.write_bytes(text.getvalue().encode("cp1252"))
    described = {"file": str(source), "encoding": "cp1252", "delimiter": ";"}
    path = mapping(tmp_path, described)
    assert home.command("import", path, "--dry-run")["rows"] == 2
    assert not (tmp_path / "orders.tokens.csv").exists()
    result = home.command("import", path)
    assert result["replaced"] == 11
    written = (tmp_path / "orders.tokens.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(written.decode("cp1252"), newline=""), delimiter=";"))
    assert written.count(b"\r\n") == 3
    for row, one in zip(rows, sales, strict=True):
        assert (row["order_id"], row["country"], row["state"]) == (one.order_id, "DE", "Shipped")
        assert all(looks_like_token(row[name]) for name in TOKENS if getattr(one, name))
        assert not any(value.encode("cp1252") in written for value in one.values)
    assert oct((tmp_path / "orders.tokens.csv").stat().st_mode)[-3:] == "600"
    # It was shipped: its gift message is done with, and the token stands for nothing.
    assert sales[0].gift not in values(home, sales[0].order_id).values()
    # A file of ours as the source: everything is a token already.
    again = mapping(tmp_path, {**described, "file": str(tmp_path / "orders.tokens.csv")})
    result = home.command("import", again)
    assert result["replaced"] == 0
    assert (tmp_path / "orders.tokens.tokens.csv").read_bytes() == written
    code, _, error = home.attempt("import", again)
    assert (code, error["error"]["message"]) == (1, "the new file is there already")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le", "iso2022_jp"])
def test_an_encoding_with_a_mark_has_it_once(home: Offline, tmp_path: Path, encoding: str) -> None:
    number = {"utf-16": 440, "utf-8-sig": 441, "utf-16-le": 442, "iso2022_jp": 443}[encoding]
    rows = "".join(
        f"{shops.order_id(number)},{machine_clock().date()},{name},山田\r\n" for name in "ab"
    )
    text = f"order_id,bought,name,shop\r\n{rows}"
    source = tmp_path / "orders.csv"
    source.write_bytes(text.encode(encoding))
    path = mapping(
        tmp_path, {"file": str(source), "encoding": encoding},
        fields={"name": "recipient.name"}, order={"purchased": "bought"},
    )  # fmt: skip
    assert home.command("import", path)["replaced"] == 2
    written = (tmp_path / "orders.tokens.csv").read_bytes()
    again = written.decode(encoding)
    assert again.encode(encoding) == written
    assert "\ufeff" not in again
    assert again.count("\r\n") == 3
    assert [row["shop"] for row in csv.DictReader(io.StringIO(again))] == ["山田"] * 2


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_is_read_by_its_members(home: Offline, tmp_path: Path, form: str) -> None:
    number = {"json": 410, "jsonl": 411}[form]
    one = sale(number)
    document = {
        "order_id": one.order_id,
        "bought_at": one.bought_at,
        "ship": {"name": one.ship_name, "phone": 4915120000000 + number, "lines": [one.street]},
        "total": 12.5,
        "gift": None,
    }
    source = tmp_path / f"orders.{form}"
    text = json.dumps([document]) if form == "json" else json.dumps(document) + "\n"
    source.write_text(text)
    fields = {"ship.name": "recipient.name", "ship.phone": "recipient.phone"}
    path = mapping(tmp_path, {"file": str(source)}, fields=fields, order={"purchased": "bought_at"})
    assert home.command("import", path)["replaced"] == 2
    written = (tmp_path / f"orders.tokens.{form}").read_text()
    found = json.loads(written)[0] if form == "json" else json.loads(written)
    assert looks_like_token(found["ship"].pop("name"))
    assert looks_like_token(found["ship"].pop("phone"))
    assert found == {**document, "ship": {"lines": [one.street]}}
    assert values(home, one.order_id) == {"8": one.ship_name, "15": str(4915120000000 + number)}


def test_a_row_that_keeps_its_values_is_not_in_the_new_file(home: Offline, tmp_path: Path) -> None:
    late = sale(420, bought_at="2020-01-01")
    rows = [late.row(), sale(421).row()]
    source = tmp_path / "orders.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, result, _ = home.attempt("import", mapping(tmp_path, {"file": str(source)}))
    assert (code, result["left"]) == (1, {"past_due": {"rows": 1, "first": [1]}})
    written = (tmp_path / "orders.tokens.jsonl").read_text()
    assert [json.loads(line)["id"] for line in written.splitlines()] == [421]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"order_id,name\nx,y,z\n", "row 1 has 3 columns, the header 2"),
        (b'order_id,name\nx,"never closed\n', "line 2 is no CSV"),
        (b"order_id,name\nx,\xff\n", "the file is not utf-8"),
        (b"order_id,order_id\n", "names a column twice"),
        (b"order_id,nam\n", "no column name"),
        (b"", "no column"),
    ],
)
def test_a_broken_file_is_named_by_its_row_and_gives_no_other(
    home: Offline, tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "orders.csv").write_bytes(data)
    fields = {"name": "recipient.name"}
    path = mapping(tmp_path, {"file": str(tmp_path / "orders.csv")}, fields=fields, order={})
    code, _, error = home.attempt("import", path)
    assert code == 2
    assert message in error["error"]["message"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mapping.toml", "orders.csv"]


def test_what_happened_is_recorded(home: Offline, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with shop(url, sale(430)):
        home.command("import", mapping(tmp_path, table_of(url)))
    told = home.command("audit", "tail", "--lines", "20")["events"]
    mine = [one for one in told if one["type"].startswith("import.")][-2:]
    assert [one["type"] for one in mine] == ["import.started", "import.finished"]
    assert (mine[1]["op"], mine[1]["outcome"], mine[1]["n"]) == ("import.table", "success", 6)
    sealed = [one for one in told if one["type"] == "gateway.response.sealed"]
    assert sealed[-1]["op"] == "import"
