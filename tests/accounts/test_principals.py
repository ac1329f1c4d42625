"""People and apps: who is who, what they show, and what is left of it in the database and the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit import Bench

from strongroom.accounts import Accounts, names
from strongroom.audit import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    NotFound,
    StrongroomError,
    Unauthenticated,
)
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Environment,
    PrincipalId,
    PrincipalKind,
    SellerId,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACME, OTHER = SellerId(1), SellerId(2)


@dataclass
class House:
    """The accounts of one empty home with two selling partners."""

    database: Database
    audit: AuditLog
    accounts: Accounts

    def again(
        self, environment: Environment = Environment.TEST, key: bytes = bytes(32)
    ) -> Accounts:
        return Accounts(self.database, key, self.audit, environment)

    def events(self) -> list[tuple[str, str, str | None]]:
        return [(e.type, e.outcome, e.body.get("reason")) for e in self.audit.tail(100)]


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    with database.write() as tx:
        for number in (ACME, OTHER):
            tx.execute(
                schema.seller.insert().values(
                    id=number,
                    name=f"seller-{number}",
                    region="eu",
                    marketplaces="A1PA6795UKMFR9",
                    endpoint="https://localhost",
                    lwa_url="https://localhost",
                    secrets=b"",
                    created_at=NOW,
                )
            )
    audit = Bench(database, tmp_path / "checkpoint").start()
    yield House(database, audit, Accounts(database, bytes(32), audit, Environment.TEST))
    database.close()


@pytest.mark.clause("1.2")
def test_an_app_has_an_owner_who_becomes_a_person(house: House) -> None:
    made = house.accounts.add_app("ERP", "Anna", caller=SYSTEM, now=NOW)
    assert (made.app.name, made.app.owner, made.owner_registered) == ("erp", "anna", True)
    again = house.accounts.add_app("labels", "anna", caller=SYSTEM, now=NOW)
    assert again.owner_registered is False
    assert [p.name for p in house.accounts.listed(PrincipalKind.PERSON)] == ["anna"]
    assert [p.name for p in house.accounts.listed(PrincipalKind.APP)] == ["erp", "labels"]


@pytest.mark.clause("1.2")
def test_names_are_unique_whatever_their_case_and_never_used_again(house: House) -> None:
    house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    for taken in ("erp", "ERP", "anna"):
        with pytest.raises(Conflict):
            house.accounts.add_person(taken, caller=SYSTEM, now=NOW)
    house.accounts.end("erp", caller=SYSTEM, now=NOW)
    with pytest.raises(Conflict):
        house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)


@pytest.mark.clause("1.2")
@pytest.mark.parametrize(
    "name",
    ["admin", "Admin", "test", "shared", "info", "root", "user", "default", "guest", "user7"],
)
def test_generic_names_are_refused(house: House, name: str) -> None:
    with pytest.raises(Denied, match="generic"):
        house.accounts.add_person(name, caller=SYSTEM, now=NOW)
    with pytest.raises(Denied, match="generic"):
        house.accounts.add_app("erp", name, caller=SYSTEM, now=NOW)
    assert house.events() == []


@given(st.text(max_size=80))
def test_a_name_is_canonical_or_refused_without_being_repeated(text: str) -> None:
    refusal = ""
    found = text.lower()
    try:
        found = names.canonical(names.canonical(text))
    except (Malformed, Denied) as exc:
        refusal = exc.message
    assert found == text.lower()
    assert len(text) < 4 or text not in refusal


@given(st.text(max_size=80))
def test_every_operating_system_user_has_a_name_in_the_log(text: str) -> None:
    found = names.of_console(text)
    assert 1 <= len(found) <= 63
    assert found not in names.GENERIC or found == "console"


@pytest.mark.clause("2.5", "1.2")
def test_a_credential_opens_and_is_stored_only_as_a_digest(house: House) -> None:
    made = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    caller = house.accounts.check_client(made.client_id, made.client_secret, NOW)
    assert (caller.principal, caller.kind) == (made.app.id, PrincipalKind.APP)
    assert caller.auth is AuthMethod.CREDENTIAL
    assert made.client_secret not in repr(made)
    with house.database.read() as tx:
        (row,) = tx.execute(sa.select(schema.credential)).all()
    assert len(row.secret_hash) == 32
    assert made.client_secret.encode() not in bytes(row.secret_hash)
    assert int(made.client_secret.removeprefix("amzn1.oa2-cs.v1."), 16).bit_length() > 200


def test_a_credential_file_holds_the_secret_or_the_json_that_showed_it(house: House) -> None:
    made = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    shown = {"client_id": made.client_id, "client_secret": made.client_secret}
    for text in (made.client_secret, f" {made.client_secret}\n", orjson.dumps(shown).decode()):
        assert house.accounts.check_credential("Erp", text, NOW).principal == made.app.id
    for text in ("{", '{"client_secret": 5}', '{"client_id": "x"}'):
        with pytest.raises(Malformed):
            house.accounts.check_credential("erp", text, NOW)
    other = orjson.dumps({**shown, "client_id": "another"}).decode()
    with pytest.raises(Unauthenticated):
        house.accounts.check_credential("erp", other, NOW)


@pytest.mark.clause("2.6")
def test_failed_checks_look_alike_and_are_recorded(house: House) -> None:
    made = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    before = len(house.events())
    checks = [
        lambda: house.accounts.check_client(made.client_id, "wrong", NOW),
        lambda: house.accounts.check_client("unknown", made.client_secret, NOW),
        lambda: house.accounts.check_client("\ud800" * 9000, "\ud800", NOW),
        lambda: house.accounts.check_credential("erp", "wrong", NOW),
        lambda: house.accounts.check_credential("nobody-here", "wrong", NOW),
        lambda: house.accounts.check_credential("anna", made.client_secret, NOW),
    ]
    said = set()
    for check in checks:
        with pytest.raises(Unauthenticated) as caught:
            check()
        said.add(str(caught.value))
    assert len(said) == 1
    assert "erp" not in said.pop()
    recorded = house.events()[before:]
    assert recorded == [("credential.checked", "failure", "wrong_credential")] * len(checks)


def test_a_secret_is_of_one_environment_and_one_key(house: House) -> None:
    made = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    for other in (house.again(Environment.PRODUCTION), house.again(key=b"\1" * 32)):
        with pytest.raises(Unauthenticated):
            other.check_client(made.client_id, made.client_secret, NOW)


@pytest.mark.clause("1.4")
def test_what_a_person_shows_ends_after_ninety_days(house: House) -> None:
    made = house.accounts.add_person("anna", caller=SYSTEM, now=NOW, credential=True)
    assert made.client_secret is not None
    last = NOW + timedelta(days=90) - timedelta(seconds=1)
    assert house.accounts.check_credential("anna", made.client_secret, last).name == "anna"
    with pytest.raises(Unauthenticated):
        house.accounts.check_credential("anna", made.client_secret, NOW + timedelta(days=90))
    assert house.events()[-1] == ("credential.checked", "failure", "expired_credential")
    renewed = house.accounts.renew_credential("anna", caller=SYSTEM, now=last)
    assert renewed.client_secret is not None
    with pytest.raises(Unauthenticated):
        house.accounts.check_credential("anna", made.client_secret, last)
    assert house.accounts.check_credential("anna", renewed.client_secret, last).name == "anna"


def test_a_persons_credential_is_no_clients(house: House) -> None:
    made = house.accounts.add_person("anna", caller=SYSTEM, now=NOW, credential=True)
    with pytest.raises(Unauthenticated):
        house.accounts.check_client(str(made.client_id), str(made.client_secret), NOW)


def test_a_refresh_token_is_bound_to_its_app_and_seller(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    spy = house.accounts.add_app("spy", "anna", caller=SYSTEM, now=NOW)
    made = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    assert made.refresh_token.startswith("Atzr|")
    assert made.refresh_token not in repr(made)
    caller = house.accounts.check_client(erp.client_id, erp.client_secret, NOW)
    other = house.accounts.check_client(spy.client_id, spy.client_secret, NOW)
    found = house.accounts.check_refresh(caller, made.refresh_token, NOW)
    assert (found.id, found.principal, found.seller) == (made.id, erp.app.id, ACME)
    for who, token in ((other, made.refresh_token), (caller, "Atzr|guess")):
        with pytest.raises(Unauthenticated):
            house.accounts.check_refresh(who, token, NOW)
        assert house.events()[-1][:2] == ("credential.checked", "failure")


def test_a_new_authorization_ends_the_one_before_for_that_seller_only(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    first = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    second = house.accounts.authorize("erp", OTHER, caller=SYSTEM, now=NOW)
    house.accounts.check_authorization(first.id, erp.app.id, ACME, NOW)
    third = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    assert {a.id for a in house.accounts.authorizations("erp")} == {second.id, third.id}
    caller = house.accounts.check_client(erp.client_id, erp.client_secret, NOW)
    with pytest.raises(Unauthenticated):
        house.accounts.check_refresh(caller, first.refresh_token, NOW)
    assert house.events()[-1] == ("credential.checked", "failure", "revoked")
    with pytest.raises(Unauthenticated):
        house.accounts.check_authorization(first.id, erp.app.id, ACME, NOW)
    found = house.accounts.check_authorization(third.id, erp.app.id, ACME, NOW)
    assert (found.name, found.auth) == ("erp", AuthMethod.ACCESS_TOKEN)


def test_an_authorization_of_another_app_or_seller_is_refused(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    made = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    for principal, seller in ((PrincipalId(99), ACME), (erp.app.id, OTHER)):
        with pytest.raises(Unauthenticated):
            house.accounts.check_authorization(made.id, principal, seller, NOW)


@pytest.mark.clause("1.2")
def test_an_ended_app_is_out_at_once_from_memory_too(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    made = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    house.accounts.check_authorization(made.id, erp.app.id, ACME, NOW)
    with pytest.raises(Conflict, match="owns"):
        house.accounts.end("anna", caller=SYSTEM, now=NOW)
    assert house.accounts.end("erp", caller=SYSTEM, now=NOW).ended_at == NOW
    assert [e[0] for e in house.events()[-3:]] == [
        "credential.revoked",
        "authorization.revoked",
        "principal.ended",
    ]
    for check in (
        lambda: house.accounts.check_authorization(made.id, erp.app.id, ACME, NOW),
        lambda: house.accounts.check_client(erp.client_id, erp.client_secret, NOW),
        lambda: house.accounts.check_credential("erp", erp.client_secret, NOW),
    ):
        with pytest.raises(Unauthenticated):
            check()
    with pytest.raises(Conflict):
        house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    house.accounts.end("anna", caller=SYSTEM, now=NOW)


def test_console_users_are_registered_once_under_a_name_of_their_own(house: House) -> None:
    root = house.accounts.console("root", NOW)
    assert (root.name, root.kind, root.auth) == (
        "console-root",
        PrincipalKind.PERSON,
        AuthMethod.CONSOLE,
    )
    assert house.accounts.console("root", NOW) == root
    anna = house.accounts.add_person("anna", caller=root, now=NOW).person
    assert house.accounts.console("anna", NOW).principal == anna.id
    assert [e[0] for e in house.events()] == ["principal.added"] * 2
    house.accounts.end("anna", caller=root, now=NOW)
    with pytest.raises(Unauthenticated):
        house.accounts.console("anna", NOW)


def test_unknown_names_are_not_found(house: House) -> None:
    calls = [
        lambda: house.accounts.find("nobody-here"),
        lambda: house.accounts.end("nobody-here", caller=SYSTEM, now=NOW),
        lambda: house.accounts.authorize("nobody-here", ACME, caller=SYSTEM, now=NOW),
        lambda: house.accounts.name_of(PrincipalId(77)),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert house.accounts.name_of(PrincipalId(0)) == "strongroom"


@pytest.mark.clause("2.6")
def test_nothing_happened_where_the_log_refuses(house: House) -> None:
    """A change and its event stand or fall together."""
    house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    with house.database.write() as tx:
        tx.execute(schema.audit_head.update().values(note="broken\n"))
    fresh = Bench(house.database, Path("unused")).start("boot-2")
    accounts = Accounts(house.database, bytes(32), fresh, Environment.TEST)
    with pytest.raises(StrongroomError):
        accounts.add_person("boris", caller=SYSTEM, now=NOW)
    assert [p.name for p in accounts.listed(PrincipalKind.PERSON)] == ["anna"]


# -- ends that were planned, secrets that are rotated ------------------------------------------------


@pytest.mark.clause("1.2")
def test_a_planned_end_comes_by_itself(house: House) -> None:
    """At that instant, and not before it, every check refuses; nothing has to run."""
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    made = house.accounts.authorize("erp", ACME, caller=SYSTEM, now=NOW)
    friday = NOW + timedelta(days=4)
    house.accounts.end("erp", caller=SYSTEM, now=NOW, at=friday)
    moment = timedelta(microseconds=1)
    for now in (NOW, friday - moment):
        house.accounts.check_client(erp.client_id, erp.client_secret, now)
        house.accounts.check_authorization(made.id, erp.app.id, ACME, now)
        house.accounts.check_credential("erp", erp.client_secret, now)
    for now in (friday, friday + moment):
        with pytest.raises(Unauthenticated):
            house.accounts.check_client(erp.client_id, erp.client_secret, now)
        with pytest.raises(Unauthenticated):
            house.accounts.check_authorization(made.id, erp.app.id, ACME, now)
        with pytest.raises(Unauthenticated):
            house.accounts.check_credential("erp", erp.client_secret, now)
    with pytest.raises(Conflict):
        house.accounts.authorize("erp", ACME, caller=SYSTEM, now=friday)


@pytest.mark.clause("1.2")
def test_a_planned_end_can_be_moved_until_it_has_come_and_leaves_no_app_behind(
    house: House,
) -> None:
    house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    soon, later = NOW + timedelta(days=4), NOW + timedelta(days=9)
    with pytest.raises(Conflict, match="owns erp"):
        house.accounts.end("anna", caller=SYSTEM, now=NOW, at=later)
    house.accounts.end("erp", caller=SYSTEM, now=NOW, at=soon)
    assert house.accounts.end("anna", caller=SYSTEM, now=NOW, at=later).ended_at == later
    house.accounts.end("anna", caller=SYSTEM, now=NOW, at=soon)
    assert house.accounts.find("anna").ended_at == soon
    with pytest.raises(Malformed):
        house.accounts.end("anna", caller=SYSTEM, now=NOW, at=NOW - timedelta(days=1))
    with pytest.raises(Conflict, match="has ended"):
        house.accounts.end("anna", caller=SYSTEM, now=soon)


@pytest.mark.clause("1.2")
def test_no_app_outlives_who_answers_for_it(house: House) -> None:
    """Neither by moving the app's end behind its owner's, nor by a new app for who is leaving."""
    house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    soon, later = NOW + timedelta(days=4), NOW + timedelta(days=9)
    house.accounts.end("erp", caller=SYSTEM, now=NOW, at=soon)
    house.accounts.end("anna", caller=SYSTEM, now=NOW, at=soon)
    before = house.events()
    with pytest.raises(Conflict, match="anna answers for erp"):
        house.accounts.end("erp", caller=SYSTEM, now=NOW, at=later)
    with pytest.raises(Conflict, match="can own no app"):
        house.accounts.add_app("labels", "anna", caller=SYSTEM, now=NOW)
    assert house.events() == before
    assert house.accounts.find("erp").ended_at == soon
    house.accounts.end("anna", caller=SYSTEM, now=NOW, at=later)
    assert house.accounts.end("erp", caller=SYSTEM, now=NOW, at=later).ended_at == later
    assert house.accounts.end("erp", caller=SYSTEM, now=NOW).ended_at == NOW


@pytest.mark.clause("1.4")
def test_a_rotated_secret_works_beside_the_old_one_until_its_day(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    fresh = house.accounts.rotate("erp", caller=SYSTEM, now=NOW + timedelta(days=80))
    for now in (timedelta(days=80), timedelta(days=86)):
        house.accounts.check_client(erp.client_id, erp.client_secret, NOW + now)
        house.accounts.check_client(fresh.client_id, fresh.client_secret, NOW + now)
    with pytest.raises(Conflict, match="two secrets"):
        house.accounts.rotate("erp", caller=SYSTEM, now=NOW + timedelta(days=81))
    with pytest.raises(Unauthenticated):
        house.accounts.check_client(erp.client_id, erp.client_secret, NOW + timedelta(days=87))
    house.accounts.check_client(fresh.client_id, fresh.client_secret, NOW + timedelta(days=100))
    with pytest.raises(Malformed):
        house.accounts.rotate("erp", caller=SYSTEM, now=NOW, overlap=timedelta(days=8))


@pytest.mark.clause("1.4")
def test_a_secret_older_than_a_quarter_is_refused(house: House) -> None:
    erp = house.accounts.add_app("erp", "anna", caller=SYSTEM, now=NOW)
    house.accounts.check_client(erp.client_id, erp.client_secret, NOW + timedelta(days=89))
    with pytest.raises(Unauthenticated):
        house.accounts.check_client(erp.client_id, erp.client_secret, NOW + timedelta(days=90))
    # It can still be replaced.
    late = NOW + timedelta(days=95)
    fresh = house.accounts.rotate("erp", caller=SYSTEM, now=late)
    house.accounts.check_client(fresh.client_id, fresh.client_secret, late)
