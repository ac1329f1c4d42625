"""Requests from receipt to reply, on both engines: due days, finding, acts, letters, closing."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyrage
import pytest
from tests.subjects.conftest import (
    BUYER_EMAIL,
    BUYER_NAME,
    BY_EMAIL,
    CONSOLE,
    DAY,
    EMAIL,
    NOW,
    OTHER_APP,
    SELLERS,
    Office,
    World,
)
from tests.support.archived import Cold
from tests.support.passphrases import unsealed
from tests.vault.conftest import APP, CITY, LINE_1, NAME, PHONE, order

from strongroom.crypto.age import Identities, new_identity
from strongroom.errors import Conflict, Denied, Gone, Malformed
from strongroom.policy.laws import IdentityCheck, Outcome, RequestKind, law_named, laws
from strongroom.policy.purposes import serves
from strongroom.terms import Caller, Category, Purpose, RecordNumber, SellerId
from strongroom.vault.holds import Scope
from strongroom.vault.rights import Sought

pytestmark = pytest.mark.clause("2.2")

MINE = {
    NAME: "Jürgen Groß",
    LINE_1: "Hauptstraße 5",
    CITY: "Köln",
    PHONE: "+49 151 23456789",
    BUYER_EMAIL: EMAIL,
    BUYER_NAME: "Jürgen Groß",
}
GIFT = {**MINE, NAME: "Zoé Lefèvre", LINE_1: "Rue Bleue 7", CITY: "Lyon", PHONE: "+33 612345678"}
FIRST, SECOND = "902-1000001-0000001", "902-1000002-0000002"


def test_each_law_has_its_day_and_the_house_may_set_itself_an_earlier_one() -> None:
    received = datetime(2026, 1, 31, 9, tzinfo=UTC)
    due = {name: law.due(received) - received for name, law in laws().items()}
    assert due["gdpr"] == due["uk_gdpr"] == timedelta(days=28), "the last day of February"
    assert (due["ccpa"], due["lgpd"]) == (timedelta(days=45), timedelta(days=15))
    assert law_named("gdpr").due(received, 20) == received + timedelta(days=20)
    assert law_named("lgpd").due(received, 20) == received + timedelta(days=15), "never later"
    with pytest.raises(Malformed):
        law_named("pipeda", RequestKind.RESTRICT)


def test_what_they_named_is_removed_when_the_request_is_closed(world: World) -> None:
    office = Office(world)
    office.trust()
    number, records = office.found(RequestKind.ACCESS)
    assert records == []
    with pytest.raises(Conflict, match="no reply"):
        office.requests.close(CONSOLE, number, NOW)
    with pytest.raises(Conflict, match="0 records"):
        office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
    office.requests.reply(CONSOLE, number, Outcome.NOTHING_FOUND, NOW)
    assert office.requests.close(CONSOLE, number, NOW).state(NOW) == "closed"
    with pytest.raises(Conflict, match="closed"):
        office.requests.find(CONSOLE, number, SELLERS, NOW)
    steps = [one.step for one in office.requests.show(number).steps]
    assert steps == ["opened", "verified", "searched", "replied", "closed"]
    assert world.audit.verify().ok


def test_an_export_holds_all_about_who_asks_and_nothing_about_another(world: World) -> None:
    office = Office(world)
    office.trust()
    world.put(order(FIRST, MINE), order(SECOND, GIFT))
    world.put(order("902-1000003-0000003", {NAME: "Other One", BUYER_EMAIL: "o@example.net"}))
    world.put(order(FIRST, MINE), seller=2)
    number, records = office.found(RequestKind.ACCESS)
    assert len(records) == 3, "across selling partners"
    identity, recipient = new_identity()
    made = office.packages.make(CONSOLE, number, recipient, NOW)
    assert made.passphrase is None
    opened = io.BytesIO()
    Identities([identity]).open(io.BytesIO(made.content), opened)
    with zipfile.ZipFile(opened) as archive:
        assert sorted(archive.namelist()) == ["data.json", "data.pdf", "letter.txt"]
        assert archive.testzip() is None
        told = orjson.loads(archive.read("data.json"))
        assert archive.read("data.pdf").startswith(b"%PDF-")
        assert "[Name]" in archive.read("letter.txt").decode()
    by_order = {(one["selling_partner"], one["order"]): one for one in told["records"]}
    mine = {v["field"]: v for v in by_order["acme", FIRST]["values"]}
    assert mine["recipient.address_line_1"]["value"] == "Hauptstraße 5"
    assert mine["buyer.email"]["purposes"] == sorted(serves(Category.EMAIL, ""))
    gift = by_order["acme", SECOND]
    assert {v["field"] for v in gift["values"]} == {"buyer.email", "buyer.name"}
    assert gift["about_others_left_out"] == 4
    assert b"Lyon" not in orjson.dumps(told)
    assert told["law"]["right"] == "Article 15"
    world_events = [event for event in world.events() if event[0].startswith("subject.request")]
    assert world_events[-1] == ("subject.request.exported", "success", None)
    office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)


def test_a_passphrase_is_made_for_who_has_no_key(world: World) -> None:
    office = Office(world)
    office.trust()
    world.put(order(FIRST, MINE))
    number, _ = office.found(RequestKind.PORTABILITY)
    made = office.packages.make(CONSOLE, number, None, NOW)
    assert made.passphrase is not None
    assert made.passphrase not in repr(made)
    archive = unsealed(made.content, made.passphrase)
    assert archive.startswith(b"PK")
    with pytest.raises(pyrage.DecryptError):
        unsealed(made.content, "another")


def test_an_order_alone_tells_two_people_apart(world: World) -> None:
    office = Office(world)
    office.trust()
    world.put(order(SECOND, GIFT))
    for sought, people in (
        (Sought(order=SECOND, name="zoé  lefèvre"), {"recipient"}),
        (Sought(order=SECOND, person="buyer"), {"buyer"}),
        (Sought(order=SECOND, name="Somebody Else"), None),
        (Sought(phone="0033 612345678"), {"recipient"}),
    ):
        number, _ = office.found(RequestKind.ACCESS, sought)
        found = office.requests.show(number).records
        assert [one.people for one in found] == ([] if people is None else [people])
    with pytest.raises(Malformed):
        office.open(RequestKind.ACCESS, Sought(order=SECOND))


def test_a_correction_survives_what_amazon_goes_on_saying(world: World) -> None:
    office = Office(world)
    office.trust()
    world.grant()
    (token,) = world.put(order(FIRST, {CITY: "Koeln", **MINE}))
    world.put(order(FIRST, MINE))
    number, (record,) = office.found(RequestKind.RECTIFY)
    correct = office.requests.rectify
    correct(CONSOLE, number, record, "recipient.city", "Bonn", NOW)
    correct(CONSOLE, number, record, "buyer.email", "new@example.net", NOW)
    later = NOW + timedelta(hours=1)
    for at in (later, later + timedelta(hours=1)):
        (again,) = world.put(order(FIRST, {CITY: "Köln", **MINE}, updated=at), now=at)
        assert again == token, "tokens stay the same"
        assert world.read(token, at) == "Bonn"
    # It is found by what is right now, and no longer by what was wrong.
    moved, _ = office.found(RequestKind.ACCESS, Sought(email="new@example.net"))
    assert len(office.requests.show(moved).records) == 1
    assert office.found(RequestKind.ACCESS)[1] == []
    # Another address keeps the correction, and what is new beside it.
    other = {**MINE, LINE_1: "Neue Gasse 1"}
    world.put(order(FIRST, other, updated=later + 3 * DAY), now=later + 3 * DAY)
    assert world.read(token, later + 3 * DAY) == "Bonn"
    # Once Amazon says the same it needs no mark, and what Amazon says next counts.
    world.put(order(FIRST, {**other, CITY: "Bonn"}), now=later + 4 * DAY)
    world.put(order(FIRST, {**other, CITY: "Trier"}), now=later + 4 * DAY)
    assert world.read(token, later + 4 * DAY) == "Trier"


def test_a_lifted_correction_lets_amazons_word_count_again(world: World) -> None:
    office = Office(world)
    office.trust()
    world.grant()
    (token,) = world.put(order(FIRST, {CITY: "Köln", **MINE}))
    number, (record,) = office.found(RequestKind.RECTIFY)
    office.requests.rectify(CONSOLE, number, record, "recipient.city", "Bonn", NOW)
    world.put(order(FIRST, MINE))
    office.requests.rectify(CONSOLE, number, record, "recipient.city", None, NOW)
    assert world.read(token) == "Bonn", "until Amazon says something"
    world.put(order(FIRST, MINE))
    assert world.read(token) == "Köln"
    with pytest.raises(Conflict, match="was not corrected"):
        office.requests.rectify(CONSOLE, number, record, "recipient.city", None, NOW)
    assert world.audit.verify().ok


def test_an_erased_record_is_not_stored_again_and_who_was_given_it_is_listed(
    world: World,
) -> None:
    office = Office(world)
    office.trust()
    world.grant(OTHER_APP)
    world.grant()
    (token,) = world.put(order(FIRST, MINE))
    world.read(token, caller=OTHER_APP)
    number, records = office.found(RequestKind.ERASE)
    with pytest.raises(Conflict, match="was not erased"):
        office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
    assert office.requests.erase(CONSOLE, number, NOW) == (1, set())
    with pytest.raises(Gone):
        world.read(token)
    assert world.put(order(FIRST, MINE)) == [token]
    with pytest.raises(Gone):
        world.read(token)
    assert office.found(RequestKind.ACCESS)[1] == [], "nor is it found by its tags"
    office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
    with pytest.raises(Conflict, match="wait to be told"):
        office.requests.close(CONSOLE, number, NOW)
    (recipient,) = office.requests.show(number).recipients
    assert (recipient.kind, recipient.name) == ("principal", OTHER_APP.name)
    office.requests.told(CONSOLE, number, recipient.kind, recipient.id, possible=True, now=NOW)
    office.requests.close(CONSOLE, number, NOW)
    assert office.requests.show(number).records[0].record == records[0]


def test_what_a_hold_keeps_is_not_erased_and_the_answer_says_partly(world: World) -> None:
    office = Office(world)
    office.trust()
    world.grant()
    tokens = world.put(order(FIRST, MINE), order(SECOND, MINE))
    number, records = office.found(RequestKind.ERASE)
    cold = Cold(world)
    cold.set_recipients()
    cold.hold(Scope(order=FIRST))
    assert office.requests.erase(CONSOLE, number, NOW) == (1, {records[0]})
    assert world.read(tokens[0]) == "Jürgen Groß"
    with pytest.raises(Conflict, match="not erased"):
        office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
    office.requests.reply(CONSOLE, number, Outcome.PARTLY, NOW)


def test_a_restriction_ends_only_after_they_were_told(world: World) -> None:
    office = Office(world)
    office.trust()
    world.grant()
    (token,) = world.put(order(FIRST, MINE))
    number, _ = office.found(RequestKind.RESTRICT)
    assert office.requests.stop(CONSOLE, number, NOW) == 1
    with pytest.raises(Denied, match="restricted"):
        world.read(token)
    assert world.events()[-1] == ("vault.record.revealed", "denied", "restricted")
    office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
    for one in office.requests.show(number).recipients:
        office.requests.told(CONSOLE, number, one.kind, one.id, possible=False, now=NOW)
    office.requests.close(CONSOLE, number, NOW)
    with pytest.raises(Denied, match="restricted"):
        world.read(token)
    with pytest.raises(Conflict, match="not told"):
        office.requests.lift(CONSOLE, number, NOW)
    office.requests.tell_lifting(CONSOLE, number, NOW)
    assert office.requests.lift(CONSOLE, number, NOW) == 1
    assert world.read(token) == "Jürgen Groß"


def test_each_request_is_told_once_when_its_day_is_near_and_once_when_it_went_by(
    world: World,
) -> None:
    office = Office(world)
    number = office.open(RequestKind.ACCESS).id
    assert office.requests.watch(NOW + 20 * DAY) == []
    assert office.requests.watch(NOW + 25 * DAY) == [(number, "near")]
    assert office.requests.watch(NOW + 26 * DAY) == []
    assert office.requests.watch(NOW + 40 * DAY) == [(number, "over")]
    assert world.events()[-1] == ("subject.request.due", "failure", "overdue")
    assert office.requests.all()[0].state(NOW + 40 * DAY) == "overdue"


def test_the_matters_of_a_request_are_for_people(world: World) -> None:
    office = Office(world)
    with pytest.raises(Denied):
        office.open(RequestKind.ACCESS, caller=APP)
    with pytest.raises(Malformed):
        office.open(RequestKind.ACCESS, received_at=NOW + DAY)
    number = office.open(RequestKind.ACCESS, BY_EMAIL).id
    with pytest.raises(Denied):
        office.requests.verify(APP, number, IdentityCheck.IN_PERSON, NOW)


def test_a_search_without_a_grant_is_refused(world: World) -> None:
    office = Office(world)
    world.put(order(FIRST, MINE))
    number = office.open(RequestKind.ACCESS).id
    with pytest.raises(Denied):
        office.requests.find(CONSOLE, number, SELLERS, NOW)
    world.grant(CONSOLE, purpose=Purpose.SUBJECT_REQUEST, sellers=frozenset({SellerId(1)}))
    with pytest.raises(Denied):
        office.requests.find(CONSOLE, number, SELLERS, NOW)


def test_whoever_bought_much_gets_all_of_it(sqlite_world: World) -> None:
    """A search of the API ends at a hundred; a request does not, nor does one event name more than it may."""
    office = Office(sqlite_world)
    office.trust()
    sqlite_world.put(*(order(f"902-{n:07d}-0000001", MINE) for n in range(130)))
    _, records = office.found(RequestKind.ACCESS)
    assert len(records) == 130
    searched = [e for e in sqlite_world.audit.events() if e.type == "vault.record.searched"]
    assert sum(len(entry.body["records"]) for entry in searched) == 130


def test_an_erasure_that_was_cut_short_goes_on_where_it_was(sqlite_world: World) -> None:
    office = Office(sqlite_world)
    office.trust()
    sqlite_world.put(order(FIRST, MINE), order(SECOND, MINE))
    number, records = office.found(RequestKind.ERASE)
    rights = sqlite_world.vault.rights
    erase = rights.erase

    class Killed(BaseException):
        """As a process dies: nothing below handles it."""

    def dying(caller: Caller, record: RecordNumber, **more: Any) -> None:
        if record == records[1]:
            raise Killed
        erase(caller, record, **more)

    rights.erase = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        office.requests.erase(CONSOLE, number, NOW)
    assert [one.erased_at for one in office.requests.show(number).records] == [NOW, None]
    rights.erase = erase  # type: ignore[method-assign]
    assert office.requests.erase(CONSOLE, number, NOW) == (1, set())
    office.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)


def test_an_erased_record_is_gone_from_backups_of_the_data_with_the_next_sweep(
    sqlite_world: World,
) -> None:
    """The keys that ever wrapped it are replaced, its neighbours moved under new ones."""
    office = Office(sqlite_world)
    office.trust()
    sqlite_world.grant()
    _, other = sqlite_world.put(
        order(FIRST, MINE), order(SECOND, {NAME: "Other", BUYER_EMAIL: "o@example.net"})
    )
    before = {period.id for period in sqlite_world.keystore.periods(live=True)}
    number, _ = office.found(RequestKind.ERASE)
    office.requests.erase(CONSOLE, number, NOW)
    sqlite_world.vault.sweep(NOW + timedelta(hours=1))
    assert before.isdisjoint(period.id for period in sqlite_world.keystore.periods(live=True))
    assert sqlite_world.read(other, NOW + timedelta(hours=1)) == "Other"
