"""Which person a provider's subject is: who may say so, what is stored of it, and what an edited row is worth."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.audit import Bench

from strongroom.accounts import Accounts, Identities
from strongroom.accounts.identities import Linked
from strongroom.audit import AuditLog, Reason
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import SYSTEM, AuthMethod, Caller, Environment, PrincipalId, PrincipalKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISSUER = "https://login.example.com"
SUBJECT = "248289761001"
CONSOLE = Caller(PrincipalId(9), PrincipalKind.PERSON, "olga", AuthMethod.CONSOLE)


@dataclass
class House:
    """Two people and an app, and the links between people and a provider."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    identities: Identities
    ended: list[PrincipalId]

    def person(self, name: str) -> PrincipalId:
        return self.accounts.find(name).id

    def rows(self) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(schema.person_identity)))


def whose(house: House, now: datetime = NOW) -> PrincipalId:
    found = house.identities.who(ISSUER, SUBJECT, now)
    assert isinstance(found, Linked)
    return found.principal


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    audit = Bench(database, tmp_path / "checkpoint").start()
    accounts = Accounts(database, bytes(32), audit, Environment.TEST)
    accounts.add_person("anna", caller=SYSTEM, now=NOW)
    accounts.add_person("boris", caller=SYSTEM, now=NOW)
    accounts.add_app("erp", "boris", caller=SYSTEM, now=NOW)
    ended: list[PrincipalId] = []
    identities = Identities(
        database,
        bytes(32),
        audit,
        Environment.TEST,
        ended=lambda _change, principal: ended.append(principal),
    )
    yield House(database, audit, accounts, identities, ended)
    database.close()


@pytest.mark.clause("1.2")
def test_a_linked_subject_is_its_person_and_nobody_elses(house: House) -> None:
    linked = house.identities.link("Anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    assert (linked.name, linked.issuer) == ("anna", ISSUER)
    assert whose(house) == house.person("anna")
    for issuer, subject in (
        (ISSUER, "248289761002"),
        (ISSUER + "/", SUBJECT),
        ("https://other.example.com", SUBJECT),
        (ISSUER, ""),
        (ISSUER, "\ud800"),
        (ISSUER, "x" * 256),
    ):
        assert house.identities.who(issuer, subject, NOW) is Reason.NOT_FOUND


@pytest.mark.clause("1.2")
def test_one_subject_is_one_person_and_one_person_has_one_subject(house: House) -> None:
    house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    with pytest.raises(Conflict, match="linked already"):
        house.identities.link("boris", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    with pytest.raises(Conflict, match="has a subject there"):
        house.identities.link("anna", ISSUER, "another", caller=CONSOLE, now=NOW)
    house.identities.link("anna", "https://other.example.com", SUBJECT, caller=CONSOLE, now=NOW)
    assert [found.name for found in house.identities.listed()] == ["anna", "anna"]
    assert house.identities.listed("boris") == []


def test_only_people_with_a_living_account_are_linked(house: House) -> None:
    house.accounts.end("anna", caller=SYSTEM, now=NOW)
    with pytest.raises(Conflict, match="ended"):
        house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    for name in ("erp", "nobody"):
        with pytest.raises(NotFound):
            house.identities.link(name, ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    for subject in ("", " x", "x" * 256, "\u00e4", "a\n"):
        with pytest.raises(Malformed):
            house.identities.link("boris", ISSUER, subject, caller=CONSOLE, now=NOW)
    assert house.rows() == []


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("auth", [a for a in AuthMethod if a is not AuthMethod.CONSOLE])
def test_nobody_but_the_console_says_who_signs_on_as_whom(house: House, auth: AuthMethod) -> None:
    caller = Caller(house.person("boris"), PrincipalKind.PERSON, "boris", auth)
    linked = house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    with pytest.raises(Denied):
        house.identities.link("boris", ISSUER, "another", caller=caller, now=NOW)
    with pytest.raises(Denied):
        house.identities.unlink(linked.id, caller=caller, now=NOW)
    assert [row.ended_at for row in house.rows()] == [None]


@pytest.mark.clause("1.2")
def test_an_ended_link_lets_nobody_in_and_can_be_made_anew(house: House) -> None:
    first = house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    assert house.identities.unlink(first.id, caller=CONSOLE, now=NOW).ended_at == NOW
    assert house.ended == [house.person("anna")]
    assert house.identities.who(ISSUER, SUBJECT, NOW) is Reason.NOT_FOUND
    with pytest.raises(Conflict):
        house.identities.unlink(first.id, caller=CONSOLE, now=NOW)
    with pytest.raises(NotFound):
        house.identities.unlink(first.id + 1, caller=CONSOLE, now=NOW)
    house.identities.link("boris", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    assert whose(house) == house.person("boris")
    assert [(i.name, i.ended_at) for i in house.identities.listed()] == [
        ("anna", NOW),
        ("boris", None),
    ]


@pytest.mark.clause("1.2")
def test_a_persons_end_ends_the_sign_on_at_its_instant(house: House) -> None:
    house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    tomorrow = NOW + timedelta(days=1)
    house.accounts.end("anna", caller=SYSTEM, now=NOW, at=tomorrow)
    before = tomorrow - timedelta(seconds=1)
    assert whose(house, before) == house.person("anna")
    assert house.identities.who(ISSUER, SUBJECT, tomorrow) is Reason.PRINCIPAL_ENDED


@pytest.mark.clause("1.2", "2.6")
def test_an_edited_row_lets_nobody_in(house: House) -> None:
    house.identities.link("boris", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    with house.database.write() as tx:
        tx.execute(schema.person_identity.update().values(principal_id=house.person("anna")))
    assert house.identities.who(ISSUER, SUBJECT, NOW) is Reason.TAMPERED


@pytest.mark.clause("1.2", "2.6")
def test_a_second_row_for_a_subject_lets_nobody_in(house: House) -> None:
    house.identities.link("boris", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    (row,) = house.rows()
    with house.database.write() as tx:
        tx.execute(
            schema.person_identity.insert().values(
                principal_id=house.person("anna"),
                issuer=ISSUER,
                subject_ref=row.subject_ref[:16] + bytes(16),
                created_at=NOW,
            )
        )
    assert house.identities.who(ISSUER, SUBJECT, NOW) is Reason.TAMPERED


def test_a_link_is_of_one_environment_and_one_key(house: House) -> None:
    house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    for key, world in ((bytes(32), Environment.PRODUCTION), (b"\1" * 32, Environment.TEST)):
        other = Identities(house.database, key, house.audit, world)
        assert other.who(ISSUER, SUBJECT, NOW) is Reason.NOT_FOUND


@pytest.mark.clause("2.6")
def test_links_are_recorded_and_the_subject_is_written_nowhere(house: House) -> None:
    linked = house.identities.link("anna", ISSUER, SUBJECT, caller=CONSOLE, now=NOW)
    house.identities.unlink(linked.id, caller=CONSOLE, now=NOW)
    first, second = house.audit.tail(2)
    assert (first.type, second.type) == ("identity.linked", "identity.unlinked")
    assert first.body["obj"] == {"kind": "principal", "ref": str(house.person("anna"))}
    assert first.body["chg"][0]["after"] == second.body["chg"][0]["before"]
    for text in (repr(house.rows()), repr([first, second]), repr(house.identities)):
        assert SUBJECT not in text
    for row in house.rows():
        assert SUBJECT.encode() not in bytes(row.subject_ref)


@pytest.mark.clause("1.2")
def test_of_two_who_link_one_subject_at_once_one_does(house: House) -> None:
    def link(name: str) -> str:
        try:
            return house.identities.link(name, ISSUER, SUBJECT, caller=CONSOLE, now=NOW).name
        except Conflict:
            return ""

    with ThreadPoolExecutor(2) as pool:
        linked = sorted(pool.map(link, ("anna", "boris")))
    assert linked[0] == ""
    assert whose(house) == house.person(linked[1])
