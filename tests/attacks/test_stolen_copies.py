"""Files of a home in other hands, in another place, under other settings or with other modes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline

from strongroom.opening import open_system
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import SYSTEM, Environment, SellerId
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("2.4", "2.5")

VALUES = {
    8: "Jürgen Großkreutz",
    9: "Hauptstraße 5",
    15: "+49 171 5550199",
    16: "juergen.grosskreutz@example.com",
}
SECRETS = ("amzn-client-id-0815", "amzn-secret-4711", "Atzr|refresh-0123")
ORDER = "902-1000001-0000001"


@pytest.fixture(scope="module")
def filled(made_home: Offline, tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Give a home with a selling partner and an order in it."""
    path = tmp_path_factory.mktemp("filled") / "home"
    shutil.copytree(made_home.path, path)
    system = open_system(path, environ={})
    now = datetime.now(UTC)  # noqa: TID251 - the home's own clock is the machine's
    system.sellers.add(
        SYSTEM,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials(*SECRETS),
        now=now,
    )
    purchased = int((now - timedelta(days=1)).timestamp())
    facts = SightedFacts(Progress.UNSHIPPED, purchased, 0, 0)
    sighting = Sighting("order", ORDER, dict(VALUES), facts)
    system.vault.put(SellerId(1), [sighting], caller=SYSTEM, op="ordersV0.getOrders", now=now)
    system.close()
    return Offline(path)


@pytest.fixture
def home(filled: Offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    shutil.copytree(filled.path, tmp_path / "home")
    return Offline(tmp_path / "home")


def misconfigured(home: Offline, says: str, kind: str = "Misconfigured") -> None:
    """Check that the home does not open, and why; a number of exit codes would be one too many."""
    code, result, told = home.attempt("app", "list")
    assert result is None
    assert told["error"]["kind"] == kind, told
    assert says in told["error"]["message"], told
    assert code == (78 if kind == "Misconfigured" else 1)


# -- bytes -----------------------------------------------------------------------------------------


def test_a_copied_database_shows_nothing(home: Offline) -> None:
    """Every byte of the vault's files: no value, no order id, no secret, in any common encoding."""
    content = b"".join(p.read_bytes() for p in home.path.glob("vault.db*"))
    for value in (*VALUES.values(), *SECRETS, ORDER, "juergen", "Hauptstra", "5550199"):
        for encoding in ("utf-8", "utf-16-le", "latin-1"):
            assert value.encode(encoding) not in content
            assert value.lower().encode(encoding) not in content.lower()


def test_the_keystore_alone_shows_no_key_and_no_value(home: Offline) -> None:
    """What it holds is wrapped: its columns are of a wrapped key's length, and none repeats."""
    with closing(sqlite3.connect(home.path / "keys.db")) as connection:
        wrapped = [
            bytes(value)
            for table in ("master_key", "service_key", "period_key")
            for (value,) in connection.execute(f"SELECT wrapped FROM {table}")
        ]
    assert wrapped
    assert {len(value) for value in wrapped} == {61}
    assert len(set(wrapped)) == len(wrapped)
    content = (home.path / "keys.db").read_bytes()
    assert not any(value.encode() in content for value in VALUES.values())


# -- a part of a home ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "says"),
    [("keys.db", "keystore"), ("root.key", "no root key"), ("vault.db", "vault")],
)
def test_a_home_with_a_part_missing_does_not_open(home: Offline, lost: str, says: str) -> None:
    """Nothing is made anew in its place: an empty keystore would only look like a working one."""
    (home.path / lost).unlink()
    misconfigured(home, says)
    assert not (home.path / lost).exists()


def test_an_empty_keystore_does_not_open(home: Offline) -> None:
    (home.path / "keys.db").write_bytes(b"")
    misconfigured(home, "no master key")


def test_the_keystore_of_another_home_does_not_open(home: Offline, other: Offline) -> None:
    shutil.copy2(other.path / "keys.db", home.path / "keys.db")
    misconfigured(home, "does not open this keystore")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Give another home with the same passphrase."""
    return Offline.make(tmp_path_factory.mktemp("other") / "home")


def test_a_stolen_database_under_the_thiefs_own_keys_does_not_open(
    home: Offline, other: Offline
) -> None:
    """A home of the thief's own, with our database in it: its log is not signed by that home."""
    for name in ("keys.db", "root.key", "strongroom.toml"):
        shutil.copy2(other.path / name, home.path / name)
    misconfigured(home, "", kind="Tampered")


# -- settings --------------------------------------------------------------------------------------


def rewritten(home: Offline, pattern: str, text: str) -> None:
    path = home.path / "strongroom.toml"
    before = path.read_text()
    after = re.sub(pattern, text, before)
    assert after != before
    path.write_text(after)


def test_a_home_for_tests_does_not_open_as_production(home: Offline) -> None:
    rewritten(home, 'environment = "test"', 'environment = "production"')
    misconfigured(home, "was made for test, not for production")


def test_nor_does_it_by_the_environment_variable(
    home: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_ENVIRONMENT", "production")
    misconfigured(home, "was made for test, not for production")


def test_a_root_key_relabelled_for_production_does_not_open(home: Offline) -> None:
    """The label in the file, and even its checksum, are changed along with the settings."""
    rewritten(home, 'environment = "test"', 'environment = "production"')
    path = home.path / "root.key"
    body = bytearray(path.read_bytes()[:-32])
    body[1] = 2
    path.write_bytes(bytes(body) + hashlib.sha256(body).digest())
    misconfigured(home, "passphrase does not open")


def test_a_home_under_another_homes_name_does_not_open(home: Offline) -> None:
    rewritten(home, 'home_id = "[0-9a-f]+"', 'home_id = "0123456789abcdef"')
    misconfigured(home, "does not open this keystore")


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_home_of_two_people_is_not_made_one_of_one_by_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What `init` declared stands in the log; the setting only repeats it."""
    home = Offline.make(tmp_path / "two", one_person=False)
    if way == "file":
        rewritten(home, "one_person = false", "one_person = true")
    else:
        monkeypatch.setenv("STRONGROOM_ONE_PERSON", "true")
    misconfigured(home, "made for more than one")


def test_vault_and_keystore_in_one_database_are_refused(
    home: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{home.path / 'vault.db'}"
    monkeypatch.setenv("STRONGROOM_KEYSTORE__URL", url)
    misconfigured(home, "one database")


@pytest.mark.clause("2.1")
def test_a_production_home_takes_no_time_from_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back before the day of disposal would bring values back; going on would destroy them."""
    home = Offline.make(tmp_path / "production", Environment.PRODUCTION)
    code, result, told = home.attempt("retention", "sweep", "--now", "2036-01-01T00:00:00Z")
    assert (code, result, told["error"]["kind"]) == (1, None, "Denied")


# -- passphrase and root key -----------------------------------------------------------------------


def test_a_wrong_passphrase_does_not_open_and_is_recorded(
    home: Offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next opening with the right one records how often it was tried."""
    wrong = tmp_path / "wrong"
    wrong.write_text("a passphrase of the tests, 43")
    wrong.chmod(0o600)
    home.read_log()
    monkeypatch.setenv("STRONGROOM_KEYSTORE__PASSPHRASE_FILE", str(wrong))
    for _ in range(2):
        misconfigured(home, "passphrase does not open")
    monkeypatch.delenv("STRONGROOM_KEYSTORE__PASSPHRASE_FILE")
    events = home.command("audit", "tail", "--lines", "10")["events"]
    (refused,) = [event for event in events if event["type"] == "config.refused"]
    assert (refused["outcome"], refused["n"]) == ("failure", 2)


def test_an_edited_root_key_does_not_open(home: Offline) -> None:
    """A bit of each of its parts, a byte too few, a byte too many."""
    path = home.path / "root.key"
    good = path.read_bytes()
    edited = [good[:-1], good + b"\0", good * 2, b""]
    for at in (0, 2, 4, 9, 20, 40, 80, len(good) - 1):
        changed = bytearray(good)
        changed[at] ^= 1
        edited.append(bytes(changed))
    for content in edited:
        path.write_bytes(content)
        misconfigured(home, "root.key is not the root key file", kind="Tampered")


def test_a_root_key_with_cheaper_stretching_does_not_open(home: Offline) -> None:
    """Parameters are bound: nobody lowers the cost of guessing and keeps the file working."""
    path = home.path / "root.key"
    body = bytearray(path.read_bytes()[:-32])
    struct.pack_into(">II", body, 4, 1, 32)
    path.write_bytes(bytes(body) + hashlib.sha256(body).digest())
    misconfigured(home, "passphrase does not open")


# -- modes -----------------------------------------------------------------------------------------


MODES = [
    (".", 0o755),
    (".", 0o710),
    ("vault.db", 0o640),
    ("keys.db", 0o604),
    ("root.key", 0o644),
    ("strongroom.toml", 0o622),
    ("tls", 0o755),
    ("tls/ca.pem", 0o644),
    ("log", 0o701),
    ("log/checkpoint", 0o602),
]


@pytest.mark.clause("1.1")
def test_a_home_that_others_may_touch_does_not_open(home: Offline) -> None:
    for name, mode in MODES:
        path = home.path / name
        before = path.stat().st_mode & 0o7777
        path.chmod(mode)
        code, _result, told = home.attempt("app", "list")
        error: Any = told["error"]
        assert (code, error["kind"]) == (78, "Misconfigured"), name
        assert error["message"] == f"{path} is open to others than its owner"
        assert error["hint"] == f"chmod {before:o} {path}"
        path.chmod(before)
    assert home.attempt("app", "list")[0] == 0


@pytest.mark.clause("1.1")
def test_what_a_home_makes_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Offline.make(tmp_path / "loose")
        home.command("app", "add", "erp", "--owner", "ada")
    finally:
        os.umask(before)
    for path in [home.path, *home.path.rglob("*")]:
        assert path.lstat().st_mode & 0o077 == 0, path
