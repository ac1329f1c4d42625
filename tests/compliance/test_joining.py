"""Coming in: the first administrator once, everybody else by invitation, and what a link ends."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.joining import BETTER, GOOD, NOW, VISIT, Entrance, entrance

from strongroom.accounts.links import LinkRefused
from strongroom.accounts.passwords import Verdict
from strongroom.accounts.visits import Visit
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Unauthenticated
from strongroom.policy.grants import FIRST_ADMINISTRATOR
from strongroom.policy.limits import BASELINE, RECOVERY_CODES
from strongroom.policy.lockout import LockReason
from strongroom.terms import SYSTEM, Action, AuthMethod, Caller

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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


# -- the first administrator -----------------------------------------------------------------------


@pytest.mark.clause("1.2", "1.4")
def test_the_first_administrator_comes_in_by_the_first_link(home: Entrance) -> None:
    code = home.joining.first_link(SYSTEM, NOW).code
    welcome = home.joining.open(code, VISIT, NOW)
    assert (welcome.first, welcome.name, welcome.second_factor) == (True, None, True)
    assert any("12 characters" in rule for rule in welcome.rules)

    joined = home.finish(code, name="Maria", now=NOW + HOUR)

    assert joined.principal.name == "maria"
    assert len(joined.recovery_codes) == RECOVERY_CODES
    assert joined.signed_on is not None
    assert home.signon.check(
        joined.signed_on.cookie,
        Visit(VISIT.address, joined.signed_on.device, VISIT.agent),
        NOW + HOUR,
    ).caller == Caller(joined.principal.id, joined.principal.kind, "maria", AuthMethod.SESSION)
    check = home.passwords.check(joined.principal.id, GOOD, NOW + HOUR)
    assert check.verdict is Verdict.RIGHT


@pytest.mark.clause("1.2", "1.3")
def test_their_grants_administer_and_read_the_log_for_90_days_and_say_where_they_came_from(
    light: Entrance,
) -> None:
    joined = light.first()
    rows = light.grants.all()
    assert rows[0].grant.id == joined.grant
    assert [row.grant.action for row in rows] == [Action.ADMINISTER, Action.AUDIT]
    for row in rows:
        assert row.grant.sellers is None
        assert row.grant.kind == FIRST_ADMINISTRATOR
        assert row.grant.expires_at == NOW + 90 * DAY
        assert row.grant.review_by == NOW + 90 * DAY
        assert (row.requested_by, row.approved_by) == (SYSTEM.principal, None)
        assert row.state(NOW) == "active"
    assert [(row.role or "").partition("@")[0] for row in rows] == ["operator", "auditor"]


@pytest.mark.clause("2.6")
def test_all_of_it_is_recorded_and_by_whom(light: Entrance) -> None:
    count = len(light.events())
    joined = light.first()
    entries = list(light.audit.events())[count:]
    by = {entry.type: entry.body["actor"]["id"] for entry in entries}
    maria = joined.principal.id
    assert by == {
        "signon.link.issued": light.console.principal,
        "grant.requested": 0,
        "grant.approved": 0,
        "signon.link.used": maria,
        "principal.added": maria,
        "password.changed": maria,
        "factor.added": maria,
        "recovery.codes.issued": maria,
        "session.started": maria,
        "device.new.seen": maria,
        "signon.succeeded": maria,
    }


@pytest.mark.clause("1.2")
def test_whoever_made_the_link_at_the_console_may_take_their_own_name(light: Entrance) -> None:
    ada = light.accounts.console("ada", NOW)
    code = light.joining.first_link(ada, NOW).code
    assert light.joining.check_name("Ada") == "ada"
    joined = light.finish(code, name="ada")
    assert joined.principal.id == ada.principal
    assert "principal.added" not in [e[0] for e in light.events()[-8:]]


@pytest.mark.clause("1.2")
def test_a_name_that_is_somebodys_is_refused_and_the_link_stays_good(light: Entrance) -> None:
    light.person("robert")
    code = light.joining.first_link(light.console, NOW).code
    with pytest.raises(Conflict, match="taken"):
        light.joining.check_name("robert")
    with pytest.raises(Conflict, match="taken"):
        light.finish(code, name="robert")
    assert light.finish(code, name="maria").principal.name == "maria"


@pytest.mark.clause("1.2")
def test_a_new_first_link_ends_the_one_before(light: Entrance) -> None:
    old = light.joining.first_link(light.console, NOW).code
    new = light.joining.first_link(light.console, NOW).code
    with pytest.raises(LinkRefused):
        light.joining.open(old, VISIT, NOW)
    assert light.joining.open(new, VISIT, NOW).first


# -- what is asked for -----------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_nobody_comes_in_without_a_second_factor_where_the_profile_asks_for_one(
    light: Entrance,
) -> None:
    code = invited(light, "maria")
    with pytest.raises(Malformed, match="second factor"):
        light.joining.finish(code, name=None, password=GOOD, factor=None, visit=VISIT, now=NOW)
    assert light.rows(schema.person_password) == []


@pytest.mark.clause("1.4")
def test_the_baseline_lets_people_in_without_one(tmp_path: Path) -> None:
    with entrance(tables.copy_to(tmp_path / "b.db"), tmp_path, BASELINE) as home:
        joined = home.joining.finish(
            invited(home, "maria"),
            name=None,
            password="xK9#vQ2m",
            factor=None,
            visit=VISIT,
            now=NOW,
        )
        assert joined.recovery_codes == ()
        assert joined.signed_on is not None


@pytest.mark.clause("1.4")
def test_a_bad_password_changes_nothing_and_may_be_tried_again(light: Entrance) -> None:
    code = invited(light, "maria")
    factor = light.totp(code)
    with pytest.raises(Malformed, match="shorter"):
        light.finish(code, password="Dragon1!", factor=factor)
    assert light.rows(schema.person_password) == []
    assert light.rows(schema.second_factor) == []
    assert light.finish(code, factor=factor).signed_on is not None


# -- invitations -----------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_an_invited_person_becomes_known_and_comes_in_without_any_grant(light: Entrance) -> None:
    found = light.joining.invite("Robert", light.console, NOW)
    assert (found.principal.name, found.made) == ("robert", True)
    welcome = light.joining.open(found.link.code, VISIT, NOW)
    assert (welcome.first, welcome.name) == (False, "robert")
    joined = light.finish(found.link.code, name="somebody-else")
    assert (joined.principal.name, joined.grant) == ("robert", None)
    assert light.grants.all() == []
    assert light.joining.invite("robert", light.console, NOW).made is False


@pytest.mark.clause("1.2")
def test_who_may_administer_invites_others_and_never_themselves(light: Entrance) -> None:
    first = light.first()
    maria = light.caller(first)
    made = light.joining.invite("robert", maria, NOW)
    with pytest.raises(Denied):
        light.joining.invite("maria", maria, NOW)
    robert = light.caller(light.finish(made.link.code))
    with pytest.raises(Denied):
        light.joining.invite("carol", robert, NOW)
    with pytest.raises(NotFound):
        light.accounts.find("carol")
    with pytest.raises(Denied):
        light.joining.invite("carol", maria, NOW + 91 * DAY)
    assert light.events()[-1] == ("signon.link.issued", "denied", "not_authorized")


@pytest.mark.clause("1.2")
def test_who_is_locked_invites_nobody(light: Entrance) -> None:
    """They could come in as whom they invite, and lift their own lock."""
    maria = light.caller(light.first())
    light.guard.disowned(maria.principal, NOW, light.console)
    with pytest.raises(Denied):
        light.joining.invite("robert", maria, NOW)
    assert light.events()[-1] == ("signon.link.issued", "denied", "not_authorized")
    assert light.joining.invite("robert", light.console, NOW).made


@pytest.mark.clause("1.2")
def test_an_app_is_invited_nowhere_and_invites_nobody(light: Entrance) -> None:
    app = light.accounts.add_app("erp", "maria", caller=SYSTEM, now=NOW)
    with pytest.raises(NotFound):
        light.joining.invite("erp", light.console, NOW)
    caller = light.accounts.check_client(app.client_id, app.client_secret, NOW)
    with pytest.raises(Denied):
        light.joining.invite("robert", caller, NOW)


@pytest.mark.clause("1.2")
def test_who_lost_everything_begins_anew_and_nothing_old_counts(home: Entrance) -> None:
    before = home.finish(invited(home, "maria"))
    person = before.principal.id
    after = home.finish(invited(home, "maria"), password=BETTER, now=NOW)

    assert before.signed_on is not None
    with pytest.raises(Unauthenticated):
        home.signon.check(before.signed_on.cookie, VISIT, NOW)
    assert home.passwords.check(person, GOOD, NOW).verdict is Verdict.WRONG
    assert home.passwords.check(person, BETTER, NOW).verdict is Verdict.RIGHT
    living = [row for row in home.rows(schema.second_factor) if row.ended_at is None]
    assert len(living) == 1
    codes = [row for row in home.rows(schema.recovery_code) if row.ended_at is None]
    assert len(codes) == RECOVERY_CODES
    assert not set(before.recovery_codes) & set(after.recovery_codes)
    assert after.signed_on is not None


@pytest.mark.clause("1.4")
def test_who_lost_everything_does_not_get_an_old_password_back(light: Entrance) -> None:
    light.finish(invited(light, "maria"))
    with pytest.raises(Malformed, match="used before"):
        light.finish(invited(light, "maria"))


@pytest.mark.clause("1.2")
def test_a_link_lifts_no_lock(light: Entrance) -> None:
    person = light.finish(invited(light, "maria")).principal.id
    light.guard.disowned(person, NOW, light.console)
    joined = light.finish(invited(light, "maria"), password=BETTER)
    assert joined.signed_on is None
    (lock,) = light.guard.locks(NOW)
    assert lock.reason is LockReason.WRONG_DEVICE
    assert lock.holds(NOW)
    # Nor does a browser of before count as known.
    for table in (schema.login_session, schema.login_device):
        assert [row for row in light.rows(table) if row.ended_at is None] == []
