"""Homes whose root key is elsewhere: made, used, moved from provider to provider, and what they do without it [2.4]."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import bucket, transit
from tests.support.bucket import KEY, SECRET, Pretend
from tests.support.home import Home
from tests.support.hsm import PIN, Hsm, plugged
from tests.support.kms import address, make_key
from tests.support.restored import NOW, PASSPHRASE, Shop, readable
from tests.support.transit import Engine

from strongroom import doctor, metrics
from strongroom.app import System
from strongroom.audit import EventType
from strongroom.errors import Misconfigured, Tampered, Unavailable
from strongroom.operations import run
from strongroom.premises import State
from strongroom.request import Request
from strongroom.vault.rootwatch import RootWatch

pytestmark = pytest.mark.clause("2.4")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with plugged(tmp_path_factory.mktemp("hsm")) as hsm:
        yield hsm


@pytest.fixture
def hsm(token: Hsm) -> Iterator[Hsm]:
    yield token
    if (token.directory / "away").exists():
        token.put_back()
    token.set_pin(PIN)
    token.restart()


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretend]:
    with bucket.serving(tmp_path_factory.mktemp("kms")) as server:
        yield server


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with transit.serving(tmp_path_factory.mktemp("transit")) as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, hsm: Hsm, request: pytest.FixtureRequest) -> Shop:
    made = Shop(tmp_path, root=hsm.address(f"root-{abs(hash(request.node.name))}"))
    made.make()
    return made


@dataclass
class Steady:
    """A clock that a test sets."""

    now: timedelta = field(default_factory=timedelta)

    def __call__(self) -> timedelta:
        return self.now


def ops(system: System) -> list[str]:
    return [e.body["op"] for e in system.audit.of_types([EventType.ROOT_PROBED])]


def command(system: System, name: str, **arguments: object) -> dict[str, object]:
    return run(system, Request(name, arguments, None, None), "ada")


# -- a home in a token ---------------------------------------------------------------------------------------------


def test_a_home_is_made_used_and_opened_again_with_its_root_in_a_token(shop: Shop) -> None:
    """No passphrase is asked for, and the settings hold the address alone."""
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 5)
        assert readable(system, tokens, NOW) == tokens
        (root, *_) = command(system, "keys.inventory")["keys"]  # type: ignore[misc]
        assert root["provider"] == "pkcs11"
        assert root["key_id"].startswith("strongroom test/root-")
        assert "token" in root["custodian"]
    assert not (shop.home / "root.key").exists()
    text = (shop.home / "strongroom.toml").read_text()
    assert "pkcs11:" in text
    assert PIN not in text
    with shop.open(NOW) as system:
        assert readable(system, tokens, NOW) == tokens
        assert system.audit.verify().faults == []


def test_without_its_token_or_pin_a_home_does_not_open(shop: Shop, hsm: Hsm) -> None:
    hsm.set_pin("00000000")
    hsm.restart()
    with pytest.raises(Misconfigured, match="does not take the PIN"), shop.open(NOW):
        pass
    hsm.set_pin(PIN)
    hsm.remove()
    with pytest.raises(Unavailable, match="is not there"), shop.open(NOW):
        pass
    hsm.put_back()
    with shop.open(NOW) as system:
        assert system.keystore.provider.uri == shop.root


def test_a_token_of_another_home_opens_nothing(shop: Shop, tmp_path: Path) -> None:
    """The same key of the same token, and the keystore of a home beside it."""
    other = Shop(tmp_path / "other", root=shop.root)
    other.directory.mkdir()
    other.make()
    (shop.home / "keys.db").write_bytes((other.home / "keys.db").read_bytes())
    with pytest.raises(Misconfigured, match="does not open this keystore"), shop.open(NOW):
        pass


def test_an_init_that_was_killed_is_finished_with_the_key_that_it_made(
    tmp_path: Path, hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, root=hsm.address("killed"))
    with monkeypatch.context() as patch:
        patch.setattr("strongroom.opening.wire", lambda *_a, **_k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.make()
    shop.make()
    with shop.open(NOW) as system:
        assert system.keystore.provider.uri == shop.root


def test_a_token_that_restarts_under_load_interrupts_nobody(shop: Shop, hsm: Hsm) -> None:
    """Who reads and writes needs the token no more; who asks it finds it again."""
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 20)
        stop, faults, reads = threading.Event(), [], [0]

        def load() -> None:
            while not stop.is_set():
                try:
                    assert readable(system, tokens[:5], NOW) == tokens[:5]
                    reads[0] += 5
                except Exception as exc:  # noqa: BLE001 - whatever it is, it is a fault
                    faults.append(exc)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for number in range(4):
                hsm.restart()
                system.keystore.probe_root()
                shop.put(system, NOW, 100 + 10 * number, 10)
                command(system, "keys.rotate_master")
        finally:
            stop.set()
            thread.join()
        assert faults == []
        assert reads[0] > 0
        assert system.audit.verify().faults == []


# -- while it is away ----------------------------------------------------------------------------------------------


def test_what_runs_goes_on_without_its_token_for_a_while_and_then_shuts(
    shop: Shop, hsm: Hsm
) -> None:
    """Reveals go on within the grace; after it none does, until the token is back; disposal goes on all the while."""
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 3)
        due = shop.put(system, NOW, 11, 3, shipped=NOW - timedelta(days=40))
        steady = Steady()
        watch = RootWatch(system.keystore, system.audit, steady, timedelta(minutes=240))
        watch.look(NOW)
        assert watch.standing().failing_for is None

        hsm.remove()
        hsm.restart()
        steady.now = timedelta(minutes=239)
        watch.look(NOW)
        watch.look(NOW)
        standing = watch.standing()
        assert (standing.failing_for, standing.shut) == (timedelta(minutes=239), False)
        assert "is not there" in str(standing.fault)
        assert readable(system, tokens, NOW) == tokens
        assert ops(system) == ["unreachable"]

        steady.now = timedelta(minutes=241)
        for _ in range(2):
            with pytest.raises(Unavailable, match="put away"):
                watch.judge(NOW)
        with pytest.raises(Unavailable, match="put away"):
            readable(system, tokens, NOW)
        with pytest.raises(Unavailable, match="put away"):
            shop.put(system, NOW, 21, 1)
        with pytest.raises(Unavailable, match="put away"):
            command(system, "keys.rotate_master")
        system.vault.sweep(NOW)
        assert ops(system) == ["unreachable", "shut"]

        hsm.put_back()
        watch.look(NOW)
        assert readable(system, tokens, NOW) == tokens
        assert readable(system, due, NOW) == []
        assert ops(system) == ["unreachable", "shut", "reached"]
        assert not watch.standing().shut
        assert system.audit.verify().faults == []


def test_a_call_that_hangs_does_not_keep_the_keys_open(shop: Shop) -> None:
    with shop.open(NOW) as system:
        steady = Steady()
        watch = RootWatch(system.keystore, system.audit, steady, timedelta(minutes=1))
        steady.now = timedelta(minutes=2)
        with pytest.raises(Unavailable):
            watch.judge(NOW)
        with pytest.raises(Unavailable):
            shop.put(system, NOW, 1, 1)


def test_without_a_grace_nothing_is_ever_put_away(shop: Shop, hsm: Hsm) -> None:
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 3)
        steady = Steady()
        watch = RootWatch(system.keystore, system.audit, steady, None)
        hsm.remove()
        hsm.restart()
        steady.now = timedelta(days=400)
        watch.look(NOW)
        assert readable(system, tokens, NOW) == tokens


def test_a_provider_that_opens_another_key_is_told_apart(shop: Shop) -> None:
    """Somebody put another home's master key into the keystore: what runs keeps its own, and says so."""
    with shop.open(NOW) as system:
        keystore = system.keystore
        watch = RootWatch(keystore, system.audit, Steady(), timedelta(minutes=1))
        with keystore._database.write() as tx:
            wrapped = keystore.provider.wrap(bytes(32), keystore._master._context)
            tx.exec_driver_sql("UPDATE master_key SET wrapped = ?", (wrapped,))
        with pytest.raises(Tampered, match="another master key"):
            keystore.probe_root()
        watch.look(NOW)
        (entry,) = system.audit.of_types([EventType.ROOT_PROBED])
        assert entry.body["reason"] == "tampered"


def test_doctor_and_metrics_say_how_the_provider_stands(shop: Shop, hsm: Hsm) -> None:
    def check(system: System) -> doctor.Check:
        return next(c for c in doctor.open_checks(system, NOW) if c.id == "keys.root")

    with shop.open(NOW) as system:
        assert check(system).state is State.OK
        hsm.remove()
        hsm.restart()
        found = check(system)
        assert (found.state, "is not there" in found.detail) == (State.FAILED, True)
        page = metrics.Metrics(system).exposition([], 0.0).decode()
        assert "strongroom_keys_put_away 0.0" in page
        seconds = page.split("\nstrongroom_root_failing_seconds ")[1].split("\n")[0]
        assert float(seconds) > 0
        hsm.put_back()
        assert check(system).state is State.OK


# -- from one provider to the next ---------------------------------------------------------------------------------


def moved(shop: Shop, to: str, passphrase: str | None = None) -> None:
    """Do what the commands and docs/keys.md say."""
    with shop.open(NOW) as system:
        for _ in range(2):  # as if the first had been killed
            told = command(system, "keys.rotate_root", to=to, passphrase=passphrase)
            assert told["rotated"] is None
        assert command(system, "keys.inventory")["root_to_come"] == to
    shop.environ = {**shop.environ, "STRONGROOM_KEYSTORE__ROOT": to}
    with shop.open(NOW) as system:
        listed = command(system, "keys.inventory")
        assert (listed["root"], listed["root_to_come"]) == (to, None)


def test_a_home_moves_from_file_to_token_to_kms_to_transit_and_back(
    tmp_path: Path, hsm: Hsm, kms: Pretend, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every record stays readable, and each root that was left opens nothing any more."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    shop = Shop(tmp_path)
    shop.make()
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 5)
    roots = [
        hsm.address("moving"),
        hsm.address("moving-2"),
        address(kms, make_key(kms, "alias/moving")),
        engine.address(),
        "file:again.key",
    ]
    for root in roots:
        moved(shop, root, PASSPHRASE if root.startswith("file:") else None)
    with shop.open(NOW) as system:
        assert readable(system, tokens, NOW) == tokens
        assert system.audit.verify().faults == []
    for before in ("file:root.key", *roots[:-1]):
        shop.environ = {"STRONGROOM_KEYSTORE__ROOT": before}
        with pytest.raises(Misconfigured, match="does not open this keystore"), shop.open(NOW):
            pass


def test_the_newest_version_of_a_transit_key_takes_over_in_place(
    tmp_path: Path, engine: Engine
) -> None:
    shop = Shop(tmp_path, root=engine.address())
    shop.make()
    with shop.open(NOW) as system:
        engine.keys["root"].versions.append(bytes(range(32)))
        assert command(system, "keys.rotate_root")["rotated"] == "root"
    engine.keys["root"].oldest = len(engine.keys["root"].versions)
    with shop.open(NOW) as system:
        assert system.keystore.inventory().roots == (shop.root,)
    engine.keys["root"].oldest = 1


# -- served --------------------------------------------------------------------------------------------------------


def test_a_served_home_outlives_its_token_and_does_not_start_without_it(
    tmp_path: Path, hsm: Hsm
) -> None:
    with Home.make(tmp_path, root=hsm.address("served")) as home:
        home.start()
        assert checks(home)["keys.root"]["state"] == "ok"
        hsm.remove()
        told = checks(home)["keys.root"]
        assert told["state"] == "failed"
        assert "is not there" in told["detail"]
        assert home.ask("keys.inventory")["root_fault"]
        assert home.stop() == 0
        with pytest.raises(AssertionError):
            home.start()
        assert "is not there" in home.outputs[-1].decode()
        hsm.put_back()
        home.start()
        assert checks(home)["keys.root"]["state"] == "ok"
        assert home.stop() == 0


def checks(home: Home) -> dict[str, dict[str, str]]:
    return {check["id"]: check for check in home.ask("doctor")["checks"]}
