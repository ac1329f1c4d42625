"""One-time links: once, within a day, for one person."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.joining import KEY, NOW, Entrance, entrance

from strongroom.accounts.links import LinkRefused, Links, NewLink
from strongroom.audit import Reason
from strongroom.db import schema
from strongroom.terms import SYSTEM, Environment, PrincipalId

HOUR = timedelta(hours=1)
_rows = schema.login_link


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Entrance]:
    with entrance(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Entrance]:
    with entrance(tables.copy_to(tmp_path / "light.db"), tmp_path) as made:
        yield made


def issue(home: Entrance, person: PrincipalId | None, hours: float = 0) -> NewLink:
    with home.change(NOW + hours * HOUR) as change:
        return home.links.issue(change, person)


def reason(home: Entrance, code: str, hours: float = 0) -> Reason:
    with home.database.read() as tx, pytest.raises(LinkRefused) as told:
        home.links.open(tx, code, NOW + hours * HOUR)
    assert len(code) < 40 or code not in str(told.value)
    return told.value.reason


def use(home: Entrance, code: str, hours: float = 0) -> int:
    with home.change(NOW + hours * HOUR) as change:
        return home.links.use(change, code).id


@pytest.mark.clause("1.2")
def test_a_link_opens_for_its_person_and_is_used_once(home: Entrance) -> None:
    person = home.person()
    made = issue(home, person)
    with home.database.read() as tx:
        link = home.links.open(tx, made.code, NOW + HOUR)
    assert (link.id, link.principal, link.name) == (made.id, person, "maria")
    assert link.created_by == SYSTEM.principal
    assert use(home, made.code) == made.id
    assert reason(home, made.code) is Reason.REPLAYED
    assert [e[0] for e in home.events()][-2:] == ["signon.link.issued", "signon.link.used"]


@pytest.mark.clause("1.2")
def test_a_link_is_good_for_a_day_and_no_longer(light: Entrance) -> None:
    code = issue(light, light.person()).code
    assert reason(light, code, 24) is Reason.EXPIRED_CREDENTIAL
    assert use(light, code, 23.99) == 1


@pytest.mark.clause("1.2")
def test_a_newer_link_ends_the_older_ones_of_the_same_person_only(light: Entrance) -> None:
    maria, robert = light.person("maria"), light.person("robert")
    old, other, first = issue(light, maria), issue(light, robert), issue(light, None)
    new = issue(light, maria)
    assert reason(light, old.code) is Reason.REVOKED
    assert len({use(light, link.code) for link in (new, other, first)}) == 3


@pytest.mark.clause("1.2")
def test_a_link_of_an_account_that_ended_opens_nothing(light: Entrance) -> None:
    code = issue(light, light.person()).code
    light.accounts.end("maria", caller=SYSTEM, now=NOW + HOUR)
    assert reason(light, code, 1) is Reason.REVOKED  # it ended with the account


@pytest.mark.clause("1.2")
def test_a_planned_end_ends_its_link_at_that_instant(light: Entrance) -> None:
    code = issue(light, light.person()).code
    light.accounts.end("maria", caller=SYSTEM, now=NOW, at=NOW + 2 * HOUR)
    assert use(light, code, 1.9) == 1
    code = issue(light, light.accounts.find("maria").id).code
    assert reason(light, code, 2) is Reason.PRINCIPAL_ENDED


@pytest.mark.parametrize(
    "code", ["", "x", "A" * 43, "A" * 42, "A" * 10_000, "\ud800" * 43, "ä" * 43, "%", "' or 1=1 --"]
)
def test_what_is_no_link_opens_nothing(light: Entrance, code: str) -> None:
    issue(light, light.person())
    assert reason(light, code) is Reason.WRONG_CREDENTIAL


def test_spaces_around_a_pasted_code_do_no_harm(light: Entrance) -> None:
    made = issue(light, light.person())
    assert use(light, f" {made.code}\n") == made.id


def test_a_code_is_256_bits_and_stands_behind_the_hash_of_its_url(light: Entrance) -> None:
    made = issue(light, light.person())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made.code)
    assert made.url("https://desk.example.com/") == (
        f"https://desk.example.com/welcome#{made.code}"
    )
    assert made.code != issue(light, None).code


@pytest.mark.clause("1.2", "2.5")
def test_only_a_keyed_digest_of_a_code_is_stored(light: Entrance) -> None:
    made = issue(light, light.person())
    (row,) = light.rows(_rows)
    assert made.code not in repr(row)
    assert made.code not in repr(made)
    for links in (Links(bytes(32), Environment.TEST), Links(KEY, Environment.PRODUCTION)):
        with light.database.read() as tx, pytest.raises(LinkRefused):
            links.open(tx, made.code, NOW)
    assert repr(light.links) == "<links>"


@pytest.mark.clause("1.2")
def test_of_two_who_use_a_link_at_once_one_gets_it(home: Entrance) -> None:
    code = issue(home, home.person()).code
    start, told = threading.Barrier(4), []

    def try_it() -> None:
        start.wait(10)
        try:
            told.append(use(home, code))
        except LinkRefused as exc:
            told.append(exc.reason)

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, told)) == ["1", "replayed", "replayed", "replayed"]


@pytest.mark.clause("2.6")
def test_the_log_says_for_whom_a_link_was_made(light: Entrance) -> None:
    person = light.person()
    issue(light, person)
    assert light.audit.tail(1)[0].body["op"] == f"principal:{person}"
    issue(light, None)
    assert light.audit.tail(1)[0].body["op"] == "first"


def test_who_made_the_first_administrators_link_is_known_while_it_is_unused(
    light: Entrance,
) -> None:
    with light.database.read() as tx:
        assert light.links.first_made_by(tx) is None
    with light.change(caller=light.console) as change:
        code = light.links.issue(change, None).code
    with light.database.read() as tx:
        assert light.links.first_made_by(tx) == light.console.principal
    use(light, code)
    with light.database.read() as tx:
        assert light.links.first_made_by(tx) is None
