"""Allow lists: who may change them, what they let in, and what an edited row is worth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.audit import Bench

from strongroom.accounts import Accounts, NetworkRange, Networks, WrongNetwork
from strongroom.accounts.strangers import Strangers
from strongroom.audit import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.policy.limits import RANGES_PER_LIST, STRANGERS_APART
from strongroom.policy.network import NetworkScope
from strongroom.terms import AuthMethod, Caller, Environment

pytestmark = pytest.mark.clause("1.1")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISTENER, PRINCIPAL = NetworkScope.LISTENER, NetworkScope.PRINCIPAL
OFFICE = "203.0.113.0/24"


@dataclass
class House:
    """A home of three people, of whom Anna answers for an app."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    networks: Networks

    def caller(self, name: str) -> Caller:
        found = self.accounts.find(name)
        return Caller(found.id, found.kind, found.name, AuthMethod.CONSOLE)

    def ask(
        self, cidr: str = OFFICE, scope: NetworkScope = LISTENER, target: str = "gateway"
    ) -> NetworkRange:
        return self.networks.request_add(scope, target, cidr, self.caller("anna"), NOW)

    def allow(
        self, cidr: str = OFFICE, scope: NetworkScope = LISTENER, target: str = "gateway"
    ) -> NetworkRange:
        return self.networks.approve(self.ask(cidr, scope, target).id, self.caller("boris"), NOW)

    def again(self, *, one_person: bool = False) -> Networks:
        """Return the lists as another process would read them."""
        return Networks(self.database, self.audit, one_person=one_person)

    def edit(self, statement: sa.Update | sa.Delete | sa.Insert) -> None:
        with self.database.write() as tx:
            tx.execute(statement)

    def events(self) -> list[tuple[str, str, str | None]]:
        return [
            (e.type.removeprefix("network.change."), e.outcome, e.body.get("op"))
            for e in self.audit.tail(100)
            if e.type.startswith("network.")
        ]


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    audit = Bench(database, tmp_path / "checkpoint").start()
    accounts = Accounts(database, bytes(32), audit, Environment.TEST)
    house = House(database, audit, accounts, Networks(database, audit, one_person=False))
    anna = accounts.console("anna", NOW)
    accounts.add_person("boris", caller=anna, now=NOW)
    accounts.add_person("clara", caller=anna, now=NOW)
    accounts.add_app("erp", "clara", caller=anna, now=NOW)
    yield house
    database.close()


def test_without_a_list_only_this_machine_may_come(house: House) -> None:
    erp = house.accounts.find("erp")
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert house.networks.permits_listener("gateway", address)
        assert house.networks.permits_principal(erp.id, "erp", address)
    for address in ("203.0.113.7", "10.0.0.1", "2001:db8::1", "", "testclient", "::1%lo"):
        assert not house.networks.permits_listener("gateway", address)
        assert not house.networks.permits_principal(erp.id, "erp", address)


def test_a_network_may_come_once_another_person_approved_it(house: House) -> None:
    asked = house.ask()
    assert asked.state == "pending"
    assert not house.networks.permits_listener("gateway", "203.0.113.7")
    made = house.networks.approve(asked.id, house.caller("boris"), NOW + timedelta(hours=1))
    assert (made.state, made.approved_by) == ("active", house.caller("boris").principal)
    assert house.networks.permits_listener("gateway", "203.0.113.7")
    assert not house.networks.permits_listener("api", "203.0.113.7")
    assert not house.networks.permits_listener("gateway", "127.0.0.1"), "a list says all"
    assert house.again().permits_listener("gateway", "203.0.113.7")
    assert house.events() == [
        ("requested", "success", "network.add"),
        ("approved", "success", "network.add"),
    ]


def test_a_principals_list_is_its_own(house: House) -> None:
    made = house.networks.request_add(PRINCIPAL, "ERP", OFFICE, house.caller("anna"), NOW)
    assert made.target == "erp"
    house.networks.approve(made.id, house.caller("boris"), NOW)
    erp, clara = house.caller("erp"), house.caller("clara")
    house.networks.admit(erp, "203.0.113.7")
    with pytest.raises(WrongNetwork):
        house.networks.admit(erp, "127.0.0.1")
    with pytest.raises(WrongNetwork):
        house.networks.admit(clara, "203.0.113.7")
    assert not house.networks.permits_listener("gateway", "203.0.113.7")


def test_an_end_takes_a_second_person_too(house: House) -> None:
    made = house.allow()
    asked = house.networks.request_removal(made.id, house.caller("boris"), NOW)
    assert asked.state == "leaving"
    assert house.networks.permits_listener("gateway", "203.0.113.7")
    with pytest.raises(Denied):
        house.networks.approve(made.id, house.caller("boris"), NOW)
    ended = house.networks.approve(made.id, house.caller("anna"), NOW)
    assert ended.state == "removed"
    assert not house.networks.permits_listener("gateway", "203.0.113.7")
    assert not house.again().permits_listener("gateway", "203.0.113.7")
    assert house.networks.listed() == []
    assert [row.state for row in house.networks.listed(ended=True)] == ["removed"]
    assert house.networks.drift() == []


def test_a_rejected_end_leaves_the_network_and_a_rejected_network_stays_out(house: House) -> None:
    made = house.allow()
    house.networks.request_removal(made.id, house.caller("boris"), NOW)
    kept = house.networks.reject(made.id, house.caller("anna"), NOW)
    assert (kept.state, kept.removal_by) == ("active", None)
    assert house.networks.permits_listener("gateway", "203.0.113.7")
    refused = house.networks.reject(house.ask("10.9.0.0/16").id, house.caller("anna"), NOW)
    assert refused.state == "rejected"
    assert not house.networks.permits_listener("gateway", "10.9.0.1")
    with pytest.raises(Conflict, match="is rejected"):
        house.networks.approve(refused.id, house.caller("boris"), NOW)
    assert house.networks.drift() == []


@pytest.mark.clause("1.3")
def test_nobody_approves_what_they_asked_for(house: House) -> None:
    asked = house.ask()
    with pytest.raises(Denied, match="another person"):
        house.networks.approve(asked.id, house.caller("anna"), NOW)
    assert not house.networks.permits_listener("gateway", "203.0.113.7")
    assert house.events()[-1] == ("approved", "denied", "network.add")
    assert house.audit.tail(1)[-1].body["reason"] == "not_authorized"


@pytest.mark.clause("1.3")
def test_who_is_on_the_list_or_answers_for_it_does_not_approve(house: House) -> None:
    about_erp = house.ask(OFFICE, PRINCIPAL, "erp")
    with pytest.raises(Denied):
        house.networks.approve(about_erp.id, house.caller("clara"), NOW)
    about_boris = house.ask(OFFICE, PRINCIPAL, "boris")
    with pytest.raises(Denied):
        house.networks.approve(about_boris.id, house.caller("boris"), NOW)
    house.networks.approve(about_boris.id, house.caller("clara"), NOW)


@pytest.mark.clause("1.3")
def test_programs_neither_ask_nor_decide(house: House) -> None:
    erp = house.caller("erp")
    asked = house.ask()
    for attempt in (
        lambda: house.networks.request_add(LISTENER, "api", OFFICE, erp, NOW),
        lambda: house.networks.approve(asked.id, erp, NOW),
        lambda: house.networks.reject(asked.id, erp, NOW),
        lambda: house.networks.request_removal(asked.id, erp, NOW),
    ):
        with pytest.raises(Denied):
            attempt()
    assert [outcome for _type, outcome, _op in house.events()] == ["success"] + ["denied"] * 4


def test_a_home_of_one_person_changes_at_once(house: House) -> None:
    alone = house.again(one_person=True)
    made = alone.request_add(LISTENER, "desk", OFFICE, house.caller("anna"), NOW)
    assert made.state == "active"
    assert alone.permits_listener("desk", "203.0.113.7")
    assert alone.request_removal(made.id, house.caller("anna"), NOW).state == "removed"
    assert not alone.permits_listener("desk", "203.0.113.7")
    assert [type_ for type_, _outcome, _op in house.events()] == ["requested", "approved"] * 2
    assert alone.drift() == []


def test_what_no_list_may_hold_is_refused_and_leaves_nothing(house: House) -> None:
    anna = house.caller("anna")
    for scope, target, cidr, error in (
        (LISTENER, "gateway", "0.0.0.0/0", Malformed),
        (LISTENER, "gateway", "203.0.113.1/24", Malformed),
        (LISTENER, "control", OFFICE, Malformed),
        (PRINCIPAL, "nobody", OFFICE, NotFound),
    ):
        with pytest.raises(error) as refused:
            house.networks.request_add(scope, target, cidr, anna, NOW)
        assert cidr not in str(refused.value)
    house.accounts.end("erp", caller=anna, now=NOW)
    with pytest.raises(NotFound):
        house.networks.request_add(PRINCIPAL, "erp", OFFICE, anna, NOW)
    assert house.networks.listed(ended=True) == []
    assert house.events() == []


def test_a_list_has_a_network_once_and_an_end_a_person_can_read(house: House) -> None:
    house.allow()
    with pytest.raises(Conflict, match="already"):
        house.ask("203.0.113.0/255.255.255.0")
    for number in range(RANGES_PER_LIST - 1):
        house.ask(f"10.0.{number}.0/24")
    with pytest.raises(Conflict, match="at most"):
        house.ask("10.1.0.0/24")
    house.ask("10.1.0.0/24", target="api")


def test_a_removed_network_may_be_asked_for_again(house: House) -> None:
    made = house.allow()
    house.networks.request_removal(made.id, house.caller("anna"), NOW)
    house.networks.approve(made.id, house.caller("boris"), NOW)
    assert house.allow().id != made.id
    assert house.networks.permits_listener("gateway", "203.0.113.7")


def test_what_is_not_waiting_cannot_be_decided(house: House) -> None:
    made = house.allow()
    with pytest.raises(Conflict, match="is active"):
        house.networks.approve(made.id, house.caller("clara"), NOW)
    with pytest.raises(Conflict, match="is active"):
        house.networks.reject(made.id, house.caller("clara"), NOW)
    with pytest.raises(Conflict, match="is pending"):
        house.networks.request_removal(house.ask("10.9.0.0/16").id, house.caller("anna"), NOW)
    with pytest.raises(NotFound):
        house.networks.approve(999, house.caller("clara"), NOW)


# -- rows edited behind our back -------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"cidr": "198.51.100.0/24"},
        {"cidr": "0.0.0.0/0"},
        {"target": "desk"},
        {"scope": "principal", "target": "erp"},
        {"scope": "nothing"},
    ],
)
def test_an_edited_row_lets_nobody_in_and_is_named(house: House, values: dict[str, str]) -> None:
    made, kept = house.allow(), house.allow("192.0.2.0/24")
    house.edit(schema.network_range.update().values(**values).where(_is(made)))
    after = house.again()
    erp = house.accounts.find("erp")
    for address in ("203.0.113.7", "198.51.100.7"):
        assert not after.permits_listener("gateway", address)
        assert not after.permits_listener("desk", address)
        assert not after.permits_principal(erp.id, "erp", address)
    assert after.permits_listener("gateway", "192.0.2.7"), "the others stay"
    assert after.drift() == [made.id]
    assert kept.id not in after.drift()


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("edit", ["asker", "line", "end"])
def test_a_row_edited_while_it_waits_is_not_approved(house: House, edit: str) -> None:
    """Who can write to the database does not become two people by naming another as who asked."""
    made = house.allow("192.0.2.0/24") if edit == "end" else house.ask()
    boris, anna = house.caller("boris").principal, house.caller("anna")
    values: dict[str, object] = {"requested_by": boris}
    if edit == "line":
        values = {"cidr": "198.51.100.0/24"}
    elif edit == "end":
        values = {"removal_by": boris, "removal_at": NOW}
    house.edit(schema.network_range.update().values(**values).where(_is(made)))
    approver = house.caller("boris") if edit == "line" else anna
    with pytest.raises(Tampered):
        house.networks.approve(made.id, approver, NOW)
    body = house.audit.tail(1)[-1].body
    assert (body["outcome"], body["reason"]) == ("denied", "tampered")
    after = house.again()
    assert not after.permits_listener("gateway", "203.0.113.7")
    assert not after.permits_listener("gateway", "198.51.100.7")
    assert after.permits_listener("gateway", "192.0.2.7") is (edit == "end")
    # What cannot be approved can still be turned down.
    house.networks.reject(made.id, house.caller("boris"), NOW)


def test_a_row_that_approves_itself_lets_nobody_in(house: House) -> None:
    asked = house.ask()
    boris = house.caller("boris").principal
    house.edit(
        schema.network_range.update().values(approved_by=boris, approved_at=NOW).where(_is(asked))
    )
    assert not house.again().permits_listener("gateway", "203.0.113.7")
    assert house.again().drift() == [asked.id]


def test_a_row_from_nowhere_or_revived_lets_nobody_in(house: House) -> None:
    gone = house.allow()
    house.networks.request_removal(gone.id, house.caller("anna"), NOW)
    house.networks.approve(gone.id, house.caller("boris"), NOW)
    house.edit(
        schema.network_range.update()
        .values(removed_at=None, removed_by=None, removal_at=None, removal_by=None)
        .where(_is(gone))
    )
    house.edit(
        schema.network_range.insert().values(
            id=77,
            scope="listener",
            target="gateway",
            cidr="198.51.100.0/24",
            requested_by=1,
            requested_at=NOW,
            approved_by=2,
            approved_at=NOW,
        )
    )
    after = house.again()
    assert not after.permits_listener("gateway", "203.0.113.7")
    assert not after.permits_listener("gateway", "198.51.100.7")
    assert after.drift() == [gone.id, 77]


def test_a_row_that_is_gone_without_a_word_is_named(house: House) -> None:
    made = house.allow()
    house.edit(schema.network_range.delete().where(_is(made)))
    assert house.again().drift() == [made.id]


def test_an_edit_while_the_home_is_open_changes_nothing(house: House) -> None:
    made = house.allow()
    assert house.networks.permits_listener("gateway", "203.0.113.7")
    house.edit(schema.network_range.update().values(cidr="198.51.100.0/24").where(_is(made)))
    assert not house.networks.permits_listener("gateway", "198.51.100.7")
    house.allow("192.0.2.0/24")
    assert not house.networks.permits_listener("gateway", "198.51.100.7")
    assert not house.networks.permits_listener("gateway", "203.0.113.7")


def test_an_answer_comes_from_memory(house: House) -> None:
    for number in range(20):
        house.allow(f"10.0.{number}.0/24")
    erp = house.accounts.find("erp")
    house.networks.permits_principal(erp.id, "erp", "127.0.0.1")
    house.database.close()
    rounds = 20_000
    began = time.perf_counter()
    for _ in range(rounds):
        house.networks.permits_listener("gateway", "10.0.19.7")
        house.networks.permits_principal(erp.id, "erp", "127.0.0.1")
    # About half a microsecond a question; a hundred times that on the busiest machine.
    assert (time.perf_counter() - began) / rounds < 100e-6
    for number in range(10_000):
        house.networks.permits_listener("gateway", f"10.1.{number // 250}.{number % 250}")
    assert len(house.networks._memory.answers) <= 4096


# -- whom a listener turned away -------------------------------------------------------------------


def test_a_flood_of_one_stranger_is_one_event_a_minute(house: House) -> None:
    strangers = Strangers(house.audit)
    told = [strangers.refused("api", "203.0.113.7", NOW) for _ in range(500)]
    assert [len(events) for events in told[:3]] == [1, 0, 0]
    assert sum(map(len, told)) == 1
    later = strangers.refused("api", "203.0.113.7", NOW + timedelta(seconds=61))
    assert [event.n for event in later] == [500]
    strangers.record(later, NOW)
    body = house.audit.tail(1)[-1].body
    assert (body["type"], body["reason"], body["op"]) == (
        "network.refused",
        "wrong_network",
        "api",
    )
    assert body["src"]["ip"] == house.audit.pseudonym("ip", "203.0.113.7")
    assert "203.0.113" not in str(body)


def test_a_flood_from_many_addresses_is_bounded_too_and_none_is_lost(house: House) -> None:
    strangers = Strangers(house.audit)
    told = [
        event
        for number in range(5_000)
        for event in strangers.refused("api", f"10.0.{number // 250}.{number % 250}", NOW)
    ]
    assert len(told) == STRANGERS_APART + 1
    assert sum(event.src_ip is None for event in told) == 1
    rest = strangers.over(NOW, last=True)
    assert sum(event.n or 0 for event in [*told, *rest]) == 5_000
    assert strangers.over(NOW, last=True) == []


def test_a_minute_that_passed_is_told_without_another_refusal(house: House) -> None:
    strangers = Strangers(house.audit)
    for _ in range(3):
        strangers.refused("api", "203.0.113.7", NOW)
    assert strangers.over(NOW + timedelta(seconds=59)) == []
    (event,) = strangers.over(NOW + timedelta(seconds=61))
    assert event.n == 2


def _is(row: NetworkRange) -> sa.ColumnElement[bool]:
    return schema.network_range.c.id == row.id
