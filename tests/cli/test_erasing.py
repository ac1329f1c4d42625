"""`erase` and `keys` on the command line, in a home of one person and in one of several."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import PASSPHRASE, Offline

from strongroom.opening import open_system
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import SYSTEM, SellerId
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("1.7", "2.4")

MAIL = "buyer@example.com"
ORDERS = ("902-1000001-0000001", "902-1000001-0000002")


def fill(home: Offline) -> int:
    """Put two orders of one buyer into it; return the first one's record number."""
    system = open_system(home.path, environ={})
    now = datetime.now(UTC)  # noqa: TID251 - the home's own clock is the machine's
    if not system.sellers.all():
        system.sellers.add(
            SYSTEM,
            name="acme",
            region="eu",
            marketplaces=("A1PA6795UKMFR9",),
            credentials=LwaCredentials("client", "secret", "refresh"),
            now=now,
        )
    facts = SightedFacts(Progress.UNSHIPPED, int((now - timedelta(days=1)).timestamp()), 0, 0)
    seen = [Sighting("order", id_, {8: "Ana", 16: MAIL}, facts) for id_ in ORDERS]
    placed = system.vault.put(SellerId(1), seen, caller=SYSTEM, op="ordersV0.getOrders", now=now)
    system.close()
    return placed[0].number


def eraser(name: str) -> list[str]:
    what = ["--action", "erase", "--purpose", "subject_request", "--categories", "name"]
    return ["--principal", name, *what, "--all-sellers", "--days", "90"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    made = Offline.make(tmp_path_factory.mktemp("one") / "made")
    made.read_log()
    fill(made)
    return made


def me(home: Offline) -> str:
    (grant,) = home.command("grant", "list")["grants"][:1]
    name: str = grant["principal"]
    return name


def test_an_erasure_is_counted_then_confirmed_then_done(
    home: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = str(fill(home))
    assert home.attempt("erase", "record", number, "--yes")[2]["error"]["kind"] == "Denied"
    home.command("grant", "add", *eraser(me(home)))
    assert home.attempt("erase", "record", number)[2]["error"]["kind"] == "Malformed"

    planned = home.command("erase", "record", number, "--final", "--dry-run")
    assert (planned["dry_run"], planned["records"], planned["neighbours"]) == (True, 1, 1)
    done = home.command("erase", "record", number, "--final", "--yes")
    assert (done["records"], done["replaced_periods"]) == (1, 1)
    assert "older backup" in done["ends"]

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{MAIL}\n"))
    arguments = ("--email", "-", "--all-sellers", "--reason", "asked by letter")
    done = home.command("erase", "buyer", *arguments, "--yes")
    assert done["records"] == 1
    fill(home)
    again = home.command("erase", "order", ORDERS[0], "--seller", "acme", "--yes")
    assert (again["records"], again["already"]) == (0, 1)
    assert home.command("erase", "seller", "acme", "--yes")["records"] == 0
    events = home.command("audit", "tail", "--lines", "40")["events"]
    erased = [e for e in events if e["type"] == "vault.record.erased" and e["outcome"] == "success"]
    assert [event["op"] for event in erased] == ["record", "email"]
    assert MAIL not in json.dumps(events)


def test_keys_are_listed_rotated_and_rewrapped(home: Offline, tmp_path: Path) -> None:
    assert home.attempt("keys", "rotate", "master")[2]["error"]["kind"] == "Malformed"
    assert home.attempt("keys", "rotate", "period", "--yes")[2]["error"]["kind"] == "Malformed"
    before = {row["key"]: row for row in home.command("keys", "inventory")["keys"]}
    assert before["root"]["state"] == "ok"
    assert before["root"]["due_at"] > before["root"]["since"]
    assert "audit-signer" in before

    assert home.command("keys", "rotate", "master", "--yes")["wrapped"] > 10
    assert home.command("keys", "rotate", "root", "--yes")["rotated"] == "root"
    counted = home.command("keys", "rewrap", "--dry-run")
    done = home.command("keys", "rewrap", "--seller", "acme", "--yes")
    assert done["periods"] == counted["periods"] > 0

    after = {row["key"]: row for row in home.command("keys", "inventory")["keys"]}
    assert after["root"]["since"] > before["root"]["since"]
    assert after["master"]["since"] > before["master"]["since"]
    late = (datetime.now(UTC) + timedelta(days=400)).isoformat()  # noqa: TID251 - as above
    rows = home.command("keys", "inventory", "--now", late)["keys"]
    assert {row["state"] for row in rows if row["key"] in ("root", "master")} == {"late"}


def test_a_root_elsewhere_takes_over_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Offline.make(tmp_path / "made")
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("another passphrase of the tests, 43")
    target = f"file:{tmp_path / 'stick.key'}"
    arguments = ("keys", "rotate", "root", "--to", target, "--passphrase-file", str(new), "--yes")

    for _ in range(2):  # killed, and begun again
        assert home.command(*arguments)["rotated"] is None
    listed = home.command("keys", "inventory")
    assert (listed["root"], listed["root_to_come"]) == ("file:root.key", target)

    monkeypatch.setenv("STRONGROOM_KEYSTORE__ROOT", target)
    monkeypatch.setenv("STRONGROOM_KEYSTORE__PASSPHRASE_FILE", str(new))
    listed = home.command("keys", "inventory")
    assert (listed["root"], listed["root_to_come"]) == (target, None)
    monkeypatch.undo()
    assert home.attempt("keys", "inventory")[2]["error"]["kind"] == "Misconfigured"


def test_a_compromised_root_is_replaced_with_all_that_it_could_open(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    home.read_log()
    fill(home)
    root = (home.path / "root.key").read_bytes()
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("another passphrase of the tests, 43")
    more = ("--passphrase-file", str(new))
    planned = home.command("keys", "compromise", "--what", "root", "--dry-run")
    assert len(planned["steps"]) == 4
    assert home.attempt("keys", "compromise", "--what", "lock", "--yes")[0] == 2
    assert home.attempt("keys", "compromise", "--what", "app", "--yes")[0] == 2

    done = home.command("keys", "compromise", "--what", "root", "--yes", *more)

    assert [step["step"] for step in done["steps"]] == planned["steps"]
    assert any("seller rotate" in still for still in done["left"])
    (home.path.parent / "passphrase").write_text(new.read_text())
    assert home.command("alarm", "watch", "--once")
    assert "boundary_crossed" in [a["kind"] for a in home.command("alarm", "list")["alarms"]]
    assert home.command("audit", "verify")["ok"]
    (home.path / "root.key").write_bytes(root)
    (home.path.parent / "passphrase").write_text(PASSPHRASE)
    assert home.attempt("keys", "list")[2]["error"]["kind"] == "Misconfigured"


@pytest.mark.clause("1.3")
def test_in_a_home_of_several_it_takes_two(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made", one_person=False)
    proofs: dict[str, tuple[str, ...]] = {}
    for name in ("anna", "boris", "clara"):
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(home.command("user", "add", name)))
        proofs[name] = ("--as", name, "--credential-file", str(path))
    for name in ("anna", "boris"):
        operator = ["--principal", name, "--role", "operator", "--all-sellers", "--days", "90"]
        for wanted in (operator, eraser(name)):
            for asked in _asked(home.command("grant", "add", *wanted)):
                home.command("grant", "approve", str(asked["id"]), *proofs["clara"])
    fill(home)
    home.command("app", "add", "erp", "--owner", "anna")

    def agreeing(name: str) -> tuple[str, ...]:
        return ("--approver", name, "--approver-credential-file", str(tmp_path / name))

    erase = ("erase", "seller", "acme", "--yes")
    declare = ("keys", "compromise", "--what", "app", "--app", "erp", "--yes")
    for command in (erase, declare):
        for more in ((), agreeing("anna"), agreeing("clara")):
            code, _, told = home.attempt(*command, *proofs["anna"], *more)
            assert (code, told["error"]["kind"]) == (1, "Denied"), (command, more)
    assert home.command(*erase, *proofs["anna"], *agreeing("boris"))["records"] == 2
    person = ("keys", "compromise", "--what", "app", "--app", "clara", "--yes")
    assert home.attempt(*person, *proofs["anna"], *agreeing("boris"))[0] == 2
    (frozen,) = home.command(*declare, *proofs["anna"], *agreeing("boris"))["steps"]
    assert frozen["frozen"] == "erp"
    suspended = home.command("alarm", "list")["suspended"]
    assert [row["why"] for row in suspended] == ["key_compromised"]


def _asked(answer: Any) -> list[Any]:
    return list(answer["grants"]) if "grants" in answer else [answer]
