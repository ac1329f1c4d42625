"""One-time links in the wrong hands: guessed, used twice, moved, prolonged, and a second first administrator."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.joining import BETTER, GOOD, KEY, NOW, VISIT, Entrance, entrance

from strongroom.accounts.links import LinkRefused
from strongroom.accounts.names import GENERIC
from strongroom.accounts.visits import Visit
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, StrongroomError, Throttled, Unauthenticated
from strongroom.policy.limits import LINK_LIFETIME
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalKind

DAY = timedelta(days=1)
_links = schema.login_link


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Entrance]:
    with entrance(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Entrance]:
    with entrance(tables.copy_to(tmp_path / "light.db"), tmp_path) as made:
        yield made


def invited(home: Entrance, name: str) -> str:
    return home.joining.invite(name, home.console, NOW).link.code


def living(home: Entrance, table: str) -> int:
    return sum(row.ended_at is None for row in home.rows(schema.vault.tables[table]))


# -- the link itself -------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_a_link_that_was_used_lets_nobody_in_again(light: Entrance) -> None:
    code = invited(light, "maria")
    light.finish(code)
    with pytest.raises(LinkRefused):
        light.joining.open(code, VISIT, NOW)
    with pytest.raises(LinkRefused):
        light.finish(code, password=BETTER, factor=light.totp(code))
    assert light.events()[-1] == ("signon.failed", "failure", "replayed")
    assert living(light, "person_password") == 1


@pytest.mark.clause("1.2")
def test_of_several_who_use_a_link_at_once_one_comes_in(home: Entrance) -> None:
    code = invited(home, "maria")
    factors = [home.totp(code) for _ in range(3)]
    start, told = threading.Barrier(3), []

    def come_in(number: int) -> None:
        start.wait(10)
        password = f"Nine Owls read {number} maps"
        try:
            told.append(home.finish(code, password=password, factor=factors[number]).principal.name)
        except StrongroomError as exc:
            told.append(type(exc).__name__)

    threads = [threading.Thread(target=come_in, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told.count("maria") == 1
    assert set(told) <= {"maria", "LinkRefused", "Conflict"}
    for table in ("person_password", "second_factor", "login_session"):
        assert living(home, table) == 1


@pytest.mark.clause("1.2")
def test_a_link_that_ran_out_while_its_page_was_open_lets_nobody_in(light: Entrance) -> None:
    code = invited(light, "maria")
    late = NOW + LINK_LIFETIME
    light.joining.open(code, VISIT, late - timedelta(seconds=1))
    with pytest.raises(LinkRefused):
        light.finish(code, now=late)
    assert light.events()[-1] == ("signon.failed", "failure", "expired_credential")


@pytest.mark.clause("1.2")
def test_a_link_outlives_its_person_for_nobody(light: Entrance) -> None:
    code = invited(light, "maria")
    factor = light.totp(code)
    light.accounts.end("maria", caller=SYSTEM, now=NOW)
    with pytest.raises(LinkRefused):
        light.finish(code, factor=factor)
    assert light.events()[-1][:2] == ("signon.failed", "failure")


@pytest.mark.clause("1.2", "2.6")
def test_guesses_are_recorded_all_alike_and_then_put_off(light: Entrance) -> None:
    code = invited(light, "maria")
    answers = []
    for number in range(100):
        with pytest.raises((LinkRefused, Throttled)) as told:
            light.joining.open(f"{number:043}", VISIT, NOW)
        answers.append(told.value)
    assert len({str(answer) for answer in answers}) == 2
    assert isinstance(answers[0], LinkRefused)
    assert isinstance(answers[-1], Throttled)
    refused = [e for e in light.audit.events() if e.type == "signon.failed"]
    assert {e.body["reason"] for e in refused} == {"wrong_credential"}
    assert all("src" in e.body and VISIT.address not in str(e.body) for e in refused)
    # Only that address waits.
    elsewhere = Visit("198.51.100.9", None, "Firefox on Linux")
    assert light.joining.open(code, elsewhere, NOW).name == "maria"


@pytest.mark.clause("1.2")
def test_the_answer_tells_nobody_why_a_link_is_refused(light: Entrance) -> None:
    used, old, ended = invited(light, "maria"), invited(light, "robert"), invited(light, "carol")
    light.finish(used)
    invited(light, "robert")
    light.accounts.end("carol", caller=SYSTEM, now=NOW)
    texts = set()
    for code in (used, old, ended, "A" * 43):
        with pytest.raises(LinkRefused) as told:
            light.joining.open(code, VISIT, NOW)
        texts.add(str(told.value))
    assert len(texts) == 1


# -- the database in the wrong hands ---------------------------------------------------------------


@pytest.mark.clause("1.2", "2.5")
def test_a_row_moved_to_another_person_lets_nobody_in(light: Entrance) -> None:
    mine = invited(light, "mallory")
    light.person("maria")
    victim = light.accounts.find("maria").id
    light.run(_links.update().values(principal_id=victim))
    with pytest.raises(LinkRefused):
        light.joining.open(mine, VISIT, NOW)
    light.run(_links.update().values(principal_id=None))
    with pytest.raises(LinkRefused):
        light.joining.open(mine, VISIT, NOW)
    assert light.events()[-1] == ("signon.failed", "failure", "tampered")


@pytest.mark.clause("1.2", "2.5")
def test_a_row_that_was_prolonged_lets_nobody_in(light: Entrance) -> None:
    code = invited(light, "maria")
    light.run(_links.update().values(expires_at=NOW + 30 * DAY))
    with pytest.raises(LinkRefused):
        light.joining.open(code, VISIT, NOW + 2 * DAY)
    with pytest.raises(LinkRefused):
        light.joining.open(code, VISIT, NOW)


@pytest.mark.clause("1.4", "2.5")
def test_a_password_row_moved_to_another_person_lets_nobody_in(light: Entrance) -> None:
    """Mallory knows her own password, and writes its hash under Maria's account."""
    light.with_password("mallory", GOOD)
    victim = light.with_password("maria", BETTER)
    (own,) = [row for row in light.rows(schema.person_password) if row.principal_id != victim]
    table = schema.person_password
    light.run(table.update().where(table.c.principal_id == victim).values(hash=own.hash))
    assert light.passwords.check(victim, GOOD, NOW).verdict == "wrong"


@pytest.mark.clause("1.4", "2.5")
def test_a_copy_of_the_database_lets_nobody_try_passwords(light: Entrance) -> None:
    """Without the keystore's key not even the right password verifies against its own hash."""
    light.with_password("maria", GOOD)
    (row,) = light.rows(schema.person_password)
    for guess in (GOOD.encode(), b"maria" + GOOD.encode(), KEY + GOOD.encode()):
        with pytest.raises(Exception, match="match"):
            light.passwords._hasher.verify(row.hash, guess)


# -- the first administrator -----------------------------------------------------------------------


@pytest.mark.clause("1.2", "1.3")
def test_there_is_no_second_first_administrator(light: Entrance) -> None:
    light.first()
    with pytest.raises(Conflict, match="administrator"):
        light.joining.first_link(light.console, NOW)
    with light.change() as change:  # one that was made somehow
        code = light.links.issue(change, None).code
    with pytest.raises(Conflict):
        light.finish(code, name="mallory")
    assert [row.principal_name for row in light.grants.all()] == ["maria", "maria"]


@pytest.mark.clause("1.2", "1.3")
def test_of_two_first_links_at_once_one_makes_an_administrator(home: Entrance) -> None:
    with home.change() as change:
        one = home.links.issue(change, None)
    with home.change() as change:
        two = home.links.issue(change, None)
    home.run(_links.update().values(ended_at=None))  # somebody with the database revives the older
    codes = [one.code, two.code]
    factors = [home.totp(code) for code in codes]
    start, told = threading.Barrier(2), []

    def come_in(number: int) -> None:
        start.wait(10)
        try:
            done = home.finish(codes[number], name=f"person-{number}a", factor=factors[number])
            told.append(done.principal.name)
        except StrongroomError as exc:
            told.append(type(exc).__name__)

    threads = [threading.Thread(target=come_in, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({row.grant.principal for row in home.grants.all()}) == 1
    assert "Conflict" in told


@pytest.mark.clause("1.2", "2.6")
@pytest.mark.parametrize("table", ["access_grant", "person_password"])
def test_who_empties_tables_does_not_become_first(light: Entrance, table: str) -> None:
    """The log remembers that somebody signed on, whatever the tables say."""
    light.first()
    for name in (table, "access_grant", "person_password", "login_session", "login_link"):
        light.run(schema.vault.tables[name].delete())
    with pytest.raises(Conflict):
        light.joining.first_link(light.console, NOW)


@pytest.mark.clause("1.2", "1.3")
def test_a_home_that_had_an_administrator_by_grant_makes_no_first_one(light: Entrance) -> None:
    code = light.joining.first_link(light.console, NOW).code
    invited(light, "robert")
    robert = light.finish(invited(light, "robert"))
    with pytest.raises(Conflict):
        light.finish(code, name="mallory")
    assert robert.grant is None


@pytest.mark.clause("1.2")
def test_only_the_console_makes_the_first_link(light: Entrance) -> None:
    person = light.person()
    for auth in set(AuthMethod) - {AuthMethod.CONSOLE, AuthMethod.SYSTEM}:
        with pytest.raises(Denied):
            light.joining.first_link(Caller(person, PrincipalKind.PERSON, "maria", auth), NOW)
        assert light.events()[-1] == ("signon.link.issued", "denied", "not_authorized")
    assert light.rows(_links) == []


@pytest.mark.clause("1.2")
def test_no_administrator_has_a_generic_name(light: Entrance) -> None:
    for name in (*sorted(GENERIC), "Admin", "root1", "user_2", "shared-01"):
        with pytest.raises(Denied):
            light.joining.check_name(name)
        with pytest.raises(Denied):
            light.joining.invite(name, light.console, NOW)
    assert [row.name for row in light.rows(schema.principal)] == ["console-root"]


@pytest.mark.clause("1.2")
def test_the_first_link_with_a_generic_name_makes_nobody(light: Entrance) -> None:
    code = light.joining.first_link(light.console, NOW).code
    with pytest.raises(Denied):
        light.finish(code, name="admin", factor=light.totp(code))
    assert [row.name for row in light.rows(schema.principal)] == ["console-root"]


# -- another person's ------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_a_factor_proved_for_one_link_is_no_use_with_another(light: Entrance) -> None:
    mine, other = invited(light, "mallory"), invited(light, "maria")
    offer = light.signon.joining_totp_offer(mine, "mallory", NOW)
    with pytest.raises(Unauthenticated):
        light.signon.joining_totp(other, offer.step, "phone", "000000", NOW)


@pytest.mark.clause("1.2")
def test_a_factor_is_enrolled_once(light: Entrance) -> None:
    code = invited(light, "maria")
    factor = light.totp(code)
    light.finish(code, factor=factor)
    again = invited(light, "maria")
    with pytest.raises(Unauthenticated):
        light.finish(again, password=BETTER, factor=factor)
    assert light.events()[-1] == ("signon.failed", "failure", "replayed")
    assert light.joining.open(again, VISIT, NOW).name == "maria"  # undone with all the rest
