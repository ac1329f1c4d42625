"""Locks on the command line of a home with two people: who is out, who lifts it, and what doctor says meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.guarded import at
from tests.support.offline import Offline

from strongroom.accounts.guard import Locked
from strongroom.app import System
from strongroom.opening import open_system

pytestmark = pytest.mark.clause("1.2")

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class House:
    """One home, and people who act in it."""

    def __init__(self, home: Offline, directory: Path) -> None:
        self.home = home
        self._directory = directory

    def attempt(self, *arguments: str, by: str | None = None, at_: datetime = LATER) -> Any:
        proof = ["--as", by, "--credential-file", str(self.file(by))] if by else []
        return self.home.attempt(*arguments, *proof, "--now", at_.isoformat())

    def run(self, *arguments: str, by: str | None = None, at_: datetime = LATER) -> Any:
        code, result, error = self.attempt(*arguments, by=by, at_=at_)
        assert code == 0, (arguments, error)
        return result

    def file(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def person(self, name: str) -> None:
        path = self.file(name)
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.run("user", "add", name, at_=NOW)))

    @contextmanager
    def opened(self, now: datetime = NOW) -> Iterator[System]:
        system = open_system(self.home.path, starts_at=now)
        try:
            yield system
        finally:
            system.close()

    def lock(self, name: str) -> None:
        """Fail ten times for a person, from ten addresses."""
        with self.opened() as system:
            person = system.accounts.find(name).id
            for number in range(10):
                system.guard.failed(name, person, at(number), NOW, factor=False)

    def check(self) -> Any:
        _code, found, _error = self.attempt("doctor")
        return next(c for c in found["checks"] if c["id"] == "access.locks")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    made = House(Offline.make(tmp_path / "made", one_person=False), tmp_path)
    for name in ("anna", "boris"):
        made.person(name)
    return made


def test_a_lock_is_seen_explained_and_lifted_by_another_person(house: House) -> None:
    assert house.check()["state"] == "ok"
    house.lock("anna")
    (lock,) = house.run("user", "locks")["locks"]
    assert (lock["name"], lock["reason"], lock["state"]) == ("anna", "too_many_failures", "holds")
    assert house.check()["state"] == "warning"
    number = str(lock["id"])

    # Neither its person, nor somebody who may not administer, nor without a disposition.
    for by in ("anna", "boris"):
        code, _, error = house.attempt("user", "unlock", number, "--disposition", "test", by=by)
        assert (code, error["error"]["kind"]) == (1, "Denied")
    assert house.attempt("user", "unlock", number)[0] == 2
    for verb, wrong in (("unlock", "expired"), ("unlock", "x"), ("dispose", "expired")):
        code, _, error = house.attempt("user", verb, number, "--disposition", wrong)
        assert (code, error["error"]["hint"]) == (
            2,
            "one of guessed_password, forgotten_password, own_mistake, stolen_credentials, test",
        )

    grant = house.run(
        *("grant", "add", "--principal", "boris", "--action", "administer"),
        *("--purpose", "incident", "--categories", "name", "--days", "30", "--all-sellers"),
        at_=NOW,
    )
    house.run("grant", "approve", str(grant["id"]), by="anna", at_=NOW)
    said = house.run("user", "dispose", number, "--disposition", "guessed_password", by="boris")
    assert (said["state"], said["disposed_by"]) == ("holds", "boris")
    assert "0 without a disposition" in house.check()["detail"]
    lifted = house.run("user", "unlock", number, by="boris")
    assert (lifted["state"], lifted["lifted_by"], lifted["disposition"]) == (
        "lifted",
        "boris",
        "guessed_password",
    )
    assert house.run("user", "locks")["locks"] == []
    assert len(house.run("user", "locks", "--all")["locks"]) == 1
    assert house.check()["state"] == "ok"


def test_the_only_administrators_lock_ends_by_itself_and_the_console_lifts_the_others(
    house: House,
) -> None:
    """The home itself tells the guard who administers: the grants of living people."""
    grant = house.run(
        *("grant", "add", "--principal", "anna", "--action", "administer"),
        *("--purpose", "incident", "--categories", "name", "--days", "30", "--all-sellers"),
        at_=NOW,
    )
    house.run("grant", "approve", str(grant["id"]), by="boris", at_=NOW)
    house.lock("anna")
    house.lock("boris")
    with house.opened() as system:
        until = {lock.name: lock.until for lock in system.guard.locks(NOW)}
        assert until == {"anna": NOW + timedelta(minutes=15), "boris": None}
        anna = system.accounts.find("anna").id
        with pytest.raises(Locked):
            system.guard.admit("anna", anna, at(1), NOW, known_device=True)
        system.guard.admit("anna", anna, at(1), LATER, known_device=True)
    told = {
        lock["name"]: lock["disposition"] for lock in house.run("user", "locks", "--all")["locks"]
    }
    assert told == {"anna": "expired", "boris": None}
    (lock,) = house.run("user", "locks")["locks"]
    done = house.run("user", "unlock", str(lock["id"]), "--disposition", "forgotten_password")
    assert (done["name"], done["state"]) == ("boris", "lifted")


def test_sessions_are_ended_by_who_may_administer_and_only_when_it_is_meant(house: House) -> None:
    assert house.run("user", "sign-off", "anna", "--yes") == {"people": 0}
    assert house.run("user", "sign-off", "--all", "--yes") == {"people": 0}
    for wrong in (["anna"], ["--yes"], ["anna", "--all", "--yes"]):
        assert house.attempt("user", "sign-off", *wrong)[0] == 2
    code, _, error = house.attempt("user", "sign-off", "anna", "--yes", by="boris")
    assert (code, error["error"]["kind"]) == (1, "Denied")
