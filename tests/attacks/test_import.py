"""Attacks on an import: killed anywhere, overtaken, led astray; no value is lost, none is told, none is left behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import postgres
from tests.support import shop as shops
from tests.support.home import COMMAND
from tests.support.offline import Offline
from tests.support.shop import mapping, sale, shop, table_of

from strongroom.app import System
from strongroom.arriving.files import FileSource
from strongroom.arriving.mapping import File, Table, parse
from strongroom.arriving.run import Import
from strongroom.arriving.tables import TableSource
from strongroom.crypto.token import looks_like_token
from strongroom.errors import Conflict, Denied
from strongroom.leaks.outside import conninfo
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.policy.sighting import Sighting
from strongroom.request import Json, Request

pytestmark = pytest.mark.clause("2.4", "2.6")

ROOT = "root"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    made = Offline.make(tmp_path_factory.mktemp("attack") / "made")
    system = open_system(made.path, environ={})
    shops.add_seller(system)
    system.close()
    made.read_log()
    return made


@pytest.fixture
def system(home: Offline) -> Iterator[System]:
    opened = open_system(home.path, environ={})
    yield opened
    opened.close()


def held(system: System, order: str) -> set[Any]:
    """What the vault holds of an order."""
    return set(system.arrivals._held(shops.SELLER, [Sighting("order", order)])[0].values())


def bring(system: System, path: str, **changes: Any) -> tuple[Import, TableSource | FileSource]:
    plan = parse(Path(path).read_text(encoding="utf-8"))
    home = system.home.root
    source: TableSource | FileSource
    if isinstance(plan.source, Table):
        source = TableSource(plan, plan.source, None, home, dry=False)
    else:
        assert isinstance(plan.source, File)
        source = FileSource(plan, plan.source, home, dry=False)

    def ask(operation: str, **arguments: Any) -> Json:
        return run(system, Request(operation, arguments), ROOT)

    options: dict[str, Any] = {"dry": False, "erase": False, "tell": lambda _d, _t: None}
    return Import(plan, source, changes.pop("ask", ask), **options | changes), source


def test_killed_in_the_middle_it_goes_on_and_nothing_is_lost(home: Offline, tmp_path: Path) -> None:
    """Kill -9 as soon as the first tokens stand in the table, twice; then a run to the end."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    sales = [sale(n) for n in range(1000, 2600)]
    with shop(url, *sales) as made:
        path = mapping(tmp_path, table_of(url))
        before = 0
        for _ in range(2):
            command = [str(COMMAND), "import", path, "--home", str(home.path), "--json"]
            running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while running.poll() is None:
                if made.count("phone NOT LIKE '+49%'") > before:
                    running.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.01)
            printed = b"".join(running.communicate())
            assert running.returncode == -signal.SIGKILL, printed
            assert printed == b""
            rows = made.rows()
            before = sum(looks_like_token(row["phone"]) for row in rows)
            # A row has all its tokens or none.
            for row in rows:
                assert len({looks_like_token(row[name]) for name in ("ship_name", "email")}) == 1
        assert 0 < before < len(sales)
        result = home.command("import", path, "--vacuum")
        assert result["replaced_rows"] == len(sales) - before
        assert all(looks_like_token(row["phone"]) for row in made.rows())
    data = (tmp_path / "shop.db").read_bytes()
    system = open_system(home.path, environ={})
    try:
        for one in sales[:: len(sales) // 50]:
            assert set(one.values) - {one.gift} <= held(system, one.order_id)
            assert not any(value.encode() in data for value in one.values[:1] + one.values[3:5])
    finally:
        system.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mapping.toml", "shop.db"]


def test_a_row_that_changed_meanwhile_is_read_again_and_not_overwritten(
    system: System, tmp_path: Path
) -> None:
    """An app writes between our reading and our writing; one row it goes on changing is left and told."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    sales = [sale(5000), sale(5001), sale(5002)]
    with shop(url, *sales) as made:
        counter = iter(range(10))

        def ask(operation: str, **arguments: Any) -> Json:
            answer = run(system, Request(operation, arguments), ROOT)
            turn = next(counter)
            made.execute(f"UPDATE sales SET phone = '+49 151 3000000{turn}' WHERE id = 5001")
            if turn == 0:
                made.execute("UPDATE sales SET city = 'Umgezogen' WHERE id = 5000")
                made.execute("DELETE FROM sales WHERE id = 5002")
            return answer

        importing, source = bring(system, mapping(tmp_path, table_of(url)), ask=ask)
        result = importing.run(vacuum=False)
        source.close()
        assert (result["ok"], result["left"]) == (False, {"changed": {"rows": 1, "first": [2]}})
        rows = made.rows()
        assert [row["id"] for row in rows] == [5000, 5001]
        assert looks_like_token(rows[0]["city"])
        assert rows[1]["phone"] == "+49 151 30000002"
        assert rows[1]["ship_name"] == sales[1].ship_name
    assert {sales[0].city, "Umgezogen"} <= held(system, sales[0].order_id)


def test_no_value_gives_way_to_a_token_that_opens_nothing(system: System, tmp_path: Path) -> None:
    """A record has no room for nine hundred messages: those that do not fit stay where they are."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    order = shops.order_id(5100)
    sales = [
        sale(5100 + n, order_id=order, item_id=f"item{n}", state="Unshipped") for n in range(920)
    ]
    with shop(url, *sales) as made:
        fields = {"gift": "item.gift_message"}
        importing, source = bring(system, mapping(tmp_path, table_of(url), fields=fields))
        result = importing.run(vacuum=False)
        source.close()
        left = result["left"]["not_stored"]["rows"]
        assert 0 < left < 100
        rows = made.rows()
    replaced = [one for one, row in zip(sales, rows, strict=True) if row["gift"] != one.gift]
    assert len(replaced) == len(sales) - left
    assert {one.gift for one in replaced} <= held(system, order)


def test_a_trigger_that_changes_a_token_is_noticed_and_nothing_is_written(
    system: System, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    sales = [sale(5200), sale(5201), sale(5202)]
    with shop(url, *sales) as made:
        made.execute(
            "CREATE TRIGGER t AFTER UPDATE OF phone ON sales WHEN NEW.id = 5201 "
            "BEGIN UPDATE sales SET phone = lower(NEW.phone) WHERE id = NEW.id; END"
        )
        importing, source = bring(system, mapping(tmp_path, table_of(url)))
        with pytest.raises(Conflict, match="row 2: the table makes something else of a token"):
            importing.run(vacuum=False)
        source.close()
        assert made.rows() == [one.row() for one in sales]
    assert set(sales[1].values) - {sales[1].gift} <= held(system, sales[1].order_id)


@pytest.mark.parametrize(
    "trigger",
    [
        "CREATE TRIGGER t BEFORE UPDATE",
        "CREATE CONSTRAINT TRIGGER t AFTER UPDATE",
    ],
)
def test_a_trigger_of_postgresql_is_noticed_whenever_it_runs(
    system: System, postgres_cluster: postgres.Cluster, tmp_path: Path, trigger: str
) -> None:
    """Before a row is written, and at the very end of a transaction."""
    deferred = "INITIALLY DEFERRED" if "CONSTRAINT" in trigger else ""
    body = (
        "UPDATE sales SET phone = left(phone, 9) WHERE id = NEW.id AND length(phone) > 9"
        if deferred
        else "NEW.phone := left(NEW.phone, 9)"
    )
    one = sale(5210)
    with postgres_cluster.database(postgres.EMPTY) as url, shop(url, one) as made:
        made.execute(
            f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN {body}; RETURN NEW; END$$"
        )
        made.execute(
            f"{trigger} ON sales {'DEFERRABLE' if deferred else ''} {deferred} "
            f"FOR EACH ROW EXECUTE FUNCTION f()"
        )
        importing, source = bring(system, mapping(tmp_path, table_of(url)))
        with pytest.raises(Conflict, match="row 1: the table makes something else of a token"):
            importing.run(vacuum=False)
        source.close()
        assert made.rows() == [one.row()]


def test_a_token_nobody_made_is_left_and_told(system: System, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with shop(url, sale(6100, phone="ST0123456789ABCDEFGH")) as made:
        importing, source = bring(system, mapping(tmp_path, table_of(url)))
        result = importing.run(vacuum=False)
        source.close()
        assert not result["ok"]
        assert [c["not_ours"] for c in result["columns"] if c["column"] == "phone"] == [1]
        assert made.rows()[0]["phone"] == "ST0123456789ABCDEFGH"


@pytest.mark.clause("1.3")
def test_only_the_console_imports(home: Offline) -> None:
    issued = home.command("app", "add", "arriving", "--owner", "ada")
    system = open_system(home.path, environ={})
    bring_nothing: dict[str, Any] = {
        name: [] for name in ("fields", "orders", "facts", "idents", "values")
    }
    try:
        for operation, arguments in (
            ("import.begin", {"mode": "table"}),
            ("import.bring", {**bring_nothing, "dry": True, "erase": False}),
            ("import.finish", {"mode": "table", "replaced": 0, "left": 0}),
        ):
            named = {"seller": "acme", **arguments}
            request = Request(operation, named, "arriving", issued["client_secret"])
            with pytest.raises(Denied, match="only the console"):
                run(system, request, ROOT)
        told = [e.body for e in system.audit.events() if e.body["type"] == "import.started"]
        assert [one["outcome"] for one in told[-3:]] == ["denied"] * 3
    finally:
        system.close()


def test_nothing_personal_is_told_by_report_error_or_log(home: Offline, tmp_path: Path) -> None:
    """A run with every kind of trouble in it, and one that ends in an error of the database."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    sales = [
        sale(6200),
        sale(6201, bought_at="2020-01-01"),
        sale(6202, order_id="Erika Muster"),
        sale(6203, note="erika.muster@post-versand.de"),
        sale(6204, gift="x" * 70_000),
    ]
    with shop(url, *sales) as made:
        path = mapping(tmp_path, table_of(url))
        code, result, _ = home.attempt("import", path)
        assert code == 1
        assert sorted(result["left"]) == ["no_amazon_order", "past_due", "too_long"]
        made.execute("CREATE TRIGGER t BEFORE UPDATE ON sales BEGIN SELECT RAISE(ABORT, 'no'); END")
        made.add(sale(6205))
        code, _, error = home.attempt("import", path)
        assert code == 1
    log = home.command("audit", "tail", "--lines", "200")
    told = json.dumps([result, error, log], ensure_ascii=False)
    for one in [*sales, sale(6205)]:
        assert not any(value in told for value in one.values)
        assert "erika" not in told.lower()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://erp:secret-word@db.example/shop",
        "postgresql://erp@db.example/shop?password=secret-word",
        "postgresql://erp@db.example/shop?sslmode=require",
        "postgresql://erp@localhost/shop?hostaddr=198.51.100.7",
        "mysql://erp@localhost/shop",
        "http://localhost/",
    ],
)
@pytest.mark.clause("1.5", "2.5")
def test_an_address_with_a_password_or_without_verified_tls_is_refused(
    home: Offline, tmp_path: Path, url: str
) -> None:
    code, _, error = home.attempt(
        "import", mapping(tmp_path, {"url": url, "table": "sales", "key": "id"})
    )
    assert code in (1, 2)
    assert "secret-word" not in json.dumps(error)
    assert "198.51" not in json.dumps(error)


@pytest.mark.clause("1.5")
def test_the_environment_leads_no_connection_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that stands in the environment is one over a network as well."""
    monkeypatch.setenv("PGHOST", "db.example")
    assert "sslmode=verify-full" in conninfo("postgresql:///shop", None, "test")


def test_the_homes_own_files_are_no_source(home: Offline, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(home.path / "vault.db")
    for source in (
        {"url": f"sqlite:///{home.path / 'vault.db'}", "table": "seller", "key": "id"},
        {"url": f"sqlite:///{link}", "table": "seller", "key": "id"},
        {"file": str(home.path / "strongroom.toml"), "format": "csv"},
        {"file": str(tmp_path / "a.csv"), "output": str(home.path / "log" / "b.csv")},
    ):
        code, _, error = home.attempt("import", mapping(tmp_path, source))
        assert (code, error["error"]["message"]) == (2, "this file belongs to the home itself")


def test_a_planted_link_does_not_lead_the_new_file_elsewhere(home: Offline, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "o.jsonl").write_text(json.dumps(sale(6300).row()) + "\n")
    (tmp_path / "o.tokens.jsonl.part").symlink_to(victim)
    path = mapping(tmp_path, {"file": str(tmp_path / "o.jsonl")})
    home.command("import", path)
    assert victim.read_text() == "mine"
    (tmp_path / "o.tokens.jsonl").unlink()
    (tmp_path / "o.tokens.jsonl").symlink_to(tmp_path / "nowhere")
    assert home.attempt("import", path)[0] == 1
    assert not os.path.lexists(tmp_path / "nowhere")


def exported(directory: Path, *rows: str) -> dict[str, Any]:
    """Write rows of JSON as they are, and return the source."""
    path = directory / "o.jsonl"
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return {"file": str(path)}


def begun(number: int) -> str:
    """The beginning of an order's object."""
    one = sale(number)
    return f'{{"order_id": "{one.order_id}", "bought_at": "{one.bought_at}"'


BY_NAME = {"fields": {"name": "recipient.name"}, "order": {"purchased": "bought_at"}}


def test_a_number_is_kept_digit_by_digit(home: Offline, tmp_path: Path) -> None:
    """A parcel's number has more digits than a computer's; one that is replaced is in the vault as it was written."""
    long = "9400111899223197428490"
    row = f'{begun(6410)}, "name": {long}, "tracking": {long}, "price": 12.10, "n": [1E5, -0.0]}}'
    home.command("import", mapping(tmp_path, exported(tmp_path, row), **BY_NAME))
    written = (tmp_path / "o.tokens.jsonl").read_text()
    assert f'"tracking":{long},"price":12.10,"n":[1E5,-0.0]}}' in written
    assert written.count(long) == 1
    opened = open_system(home.path, environ={})
    try:
        assert held(opened, shops.order_id(6410)) == {long}
    finally:
        opened.close()


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize(
    "twice",
    ['"name": "Erika", "name": "Berta"', '"ship": {"to": [{"a": 1, "a": "Erika"}]}'],
)
def test_of_two_members_of_one_name_neither_is_dropped(
    home: Offline, tmp_path: Path, twice: str, form: str
) -> None:
    rows = [f'{begun(6420)}, "name": "Anna"}}', f"{begun(6421)}, {twice}}}"]
    source = exported(tmp_path, *rows)
    if form == "json":
        source = {"file": str(tmp_path / "o.json")}
        (tmp_path / "o.json").write_text(f"[{','.join(rows)}]")
    code, _, error = home.attempt("import", mapping(tmp_path, source, **BY_NAME))
    assert (code, error["error"]["message"]) == (2, "row 2 has two members of one name")
    assert not list(tmp_path.glob("o.tokens*"))


def test_what_is_no_one_value_is_not_in_the_new_file(home: Offline, tmp_path: Path) -> None:
    """Some exports have an object where others have a text: it is left out and told, never passed on."""
    rows = [
        f'{begun(6430)}, "name": "Anna Amsel"}}',
        f'{begun(6431)}, "name": {{"first": "Erika", "last": "Muster"}}}}',
        f'{begun(6432)}, "name": ["Erika Muster"]}}',
        '{"order_id": ["902-0006433-0006433"], "name": "Erika Muster"}',
        f'{begun(6434)}, "name": null, "note": "Regal 4"}}',
        f'{begun(6435)}, "name": {{}}}}',
    ]
    path = mapping(tmp_path, exported(tmp_path, *rows), head='others = "stay"', **BY_NAME)
    dry = home.attempt("import", path, "--dry-run")
    code, result, _ = home.attempt("import", path)
    left = {"no_one_value": {"rows": 3, "first": [2, 3, 4]}}
    assert (code, result["left"], dry[1]["left"]) == (1, left, left)
    written = (tmp_path / "o.tokens.jsonl").read_text()
    assert len(written.splitlines()) == 3
    assert not any(name in written for name in ("Anna", "Erika", "Muster"))


@pytest.mark.parametrize("ship", ['"Erika Muster, Ahornallee 3"', '[{"name": "Erika Muster"}]'])
def test_a_holder_that_is_none_is_not_in_the_new_file(
    home: Offline, tmp_path: Path, ship: str
) -> None:
    """`ship.name` is mapped, and in some rows `ship` is a text or a list of parcels."""
    rows = [
        f'{begun(6440)}, "ship": {{"name": "Anna Amsel"}}}}',
        f'{begun(6441)}, "ship": {ship}}}',
        f'{begun(6442)}, "ship": null}}',
    ]
    fields = {"ship.name": "recipient.name"}
    path = mapping(tmp_path, exported(tmp_path, *rows), **BY_NAME | {"fields": fields})
    code, result, _ = home.attempt("import", path)
    assert (code, result["left"]) == (1, {"no_one_value": {"rows": 1, "first": [2]}})
    assert "Erika" not in (tmp_path / "o.tokens.jsonl").read_text()


def test_names_in_the_place_of_columns_are_not_told(home: Offline, tmp_path: Path) -> None:
    """Members of JSON that are somebody's addresses, lists without end, a bomb of levels."""
    row = {**sale(6400).row(), "erika@post-versand.de": "+49 170 8899123"}
    (tmp_path / "o.jsonl").write_text(json.dumps(row) + "\n")
    code, result, _ = home.attempt("import", mapping(tmp_path, {"file": str(tmp_path / "o.jsonl")}))
    assert code == 1
    assert list(result["unmapped"].values()) == [1]
    assert "erika" not in json.dumps(result)
    (tmp_path / "deep.jsonl").write_text("[" * 900 + "]" * 900 + "\n")
    (tmp_path / "list.jsonl").write_text('{"a": ' + "[" * 900 + "]" * 900 + "}\n")
    for name in ("deep", "list"):
        path = mapping(tmp_path, {"file": str(tmp_path / f"{name}.jsonl")})
        code, _, error = home.attempt("import", path)
        assert (code, error["error"]["kind"]) == (2, "Malformed")


def test_old_values_leave_the_pages_and_the_log_of_the_file(home: Offline, tmp_path: Path) -> None:
    """A shop whose file has free pages and a write-ahead log full of what it deleted."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    gone = [sale(n) for n in range(6500, 6600)]
    with shop(url) as made:
        made.execute("PRAGMA journal_mode = WAL")
        keeper = sqlite3.connect(tmp_path / "shop.db")
        keeper.execute("SELECT count(*) FROM sales").fetchone()
        made.add(*gone)
        made.execute("DELETE FROM sales WHERE id > 6500")
        path = mapping(tmp_path, table_of(url))
        result = home.command("import", path)
        assert any("--vacuum" in one for one in result["remains"])
        left = (tmp_path / "shop.db").read_bytes() + (tmp_path / "shop.db-wal").read_bytes()
        assert gone[50].email.encode() in left
        result = home.command("import", path, "--vacuum")
        assert not any("--vacuum" in one for one in result["remains"])
        keeper.close()
    left = b"".join(one.read_bytes() for one in tmp_path.glob("shop.db*"))
    assert not any(one.email.encode() in left for one in gone)
    assert home.attempt("scan", str(tmp_path / "shop.db"))[1]["counts"].keys() <= {
        "vault.order",
        "token.live",
    }
