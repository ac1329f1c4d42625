"""Whoever uses subject requests to get at somebody's data, or goes on using what was restricted."""

from __future__ import annotations

from functools import partial

import orjson
import pytest
import sqlalchemy as sa
from tests.api.conftest import MakeDoor as MakeApi
from tests.relay.conftest import CITY, NAME, PLAIN, Depot, depot, served_carrier
from tests.relay.conftest import make_door as make_api_door
from tests.subjects.conftest import (
    BUYER_EMAIL,
    BUYER_NAME,
    BY_EMAIL,
    CONSOLE,
    DAY,
    EMAIL,
    NOW,
    OTHER_APP,
    REVIEWER,
    SELLERS,
    Office,
)
from tests.vault.conftest import APP, World, make_world, order, sqlite_world

from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.policy.laws import IdentityCheck, Outcome, Refusal, RequestKind
from strongroom.policy.restricting import Ground
from strongroom.terms import Action, Category, PrincipalId, Purpose, RecordNumber, SellerId
from strongroom.vault.rights import Sought

make_door = make_api_door
__all__ = ["MakeApi", "depot", "make_door", "make_world", "served_carrier", "sqlite_world"]

pytestmark = pytest.mark.clause("2.2", "1.3")

MINE = {
    NAME: "Jürgen Groß",
    CITY: "Köln",
    BUYER_EMAIL: EMAIL,
    BUYER_NAME: "Jürgen Groß",
}
ORDER = "902-1000001-0000001"


@pytest.fixture
def office(sqlite_world: World) -> Office:
    made = Office(sqlite_world)
    made.trust()
    made.trust(REVIEWER)
    sqlite_world.grant()
    sqlite_world.put(order(ORDER, MINE))
    return made


def last(office: Office) -> tuple[str, str, str | None]:
    return office.world.events()[-1]


def test_nothing_is_done_before_who_asked_proved_who_they_are(office: Office) -> None:
    requests = office.requests
    for kind in RequestKind:
        number = office.open(kind).id
        (record,) = requests.find(CONSOLE, number, SELLERS, NOW)
        at = record.record
        before = len(office.world.events())
        act = {
            RequestKind.RECTIFY: partial(
                requests.rectify, CONSOLE, number, at, "recipient.city", "Bonn", NOW
            ),
            RequestKind.ERASE: partial(requests.erase, CONSOLE, number, NOW),
            RequestKind.RESTRICT: partial(requests.stop, CONSOLE, number, NOW),
            RequestKind.OBJECT: partial(requests.stop, CONSOLE, number, NOW),
        }.get(kind, partial(office.packages.make, CONSOLE, number, None, NOW))
        with pytest.raises(Denied, match="proved"):
            act()
        assert len(office.world.events()) == before + 1, "nothing was opened"
        assert last(office)[1:] == ("denied", "unverified")
        with pytest.raises(Denied):
            requests.reply(CONSOLE, number, Outcome.GRANTED, NOW)
        requests.reply(CONSOLE, number, Outcome.IDENTITY_UNPROVED, NOW)


def test_another_person_gets_nothing_of_a_request_though_trusted_as_much(office: Office) -> None:
    number, _ = office.found(RequestKind.ACCESS)
    for act in (
        lambda: office.packages.make(REVIEWER, number, None, NOW),
        lambda: office.requests.find(REVIEWER, number, SELLERS, NOW),
        lambda: office.requests.verify(REVIEWER, number, IdentityCheck.IN_PERSON, NOW),
        lambda: office.requests.reply(REVIEWER, number, Outcome.REFUSED, NOW, Refusal.UNFOUNDED),
        lambda: office.requests.close(REVIEWER, number, NOW),
        lambda: office.requests.assign(REVIEWER, number, REVIEWER.principal, NOW),
    ):
        with pytest.raises(Denied):
            act()
        assert last(office)[1:] == ("denied", "not_authorized")
    office.requests.assign(CONSOLE, number, REVIEWER.principal, NOW)
    assert office.packages.make(REVIEWER, number, None, NOW).records
    with pytest.raises(Denied):
        office.packages.make(CONSOLE, number, None, NOW)


def test_half_an_answer_is_none(office: Office) -> None:
    """Without a grant for every category nothing is opened: an incomplete copy would look like a whole one."""
    world = office.world
    world.grants.revoke(CONSOLE, _grant(office, Action.EXPORT), NOW)
    world.grant(
        CONSOLE,
        action=Action.EXPORT,
        purpose=Purpose.SUBJECT_REQUEST,
        categories=frozenset(Category) - {Category.PHONE},
    )
    number, _ = office.found(RequestKind.ACCESS)
    with pytest.raises(Denied):
        office.packages.make(CONSOLE, number, None, NOW)
    assert last(office)[:2] == ("vault.record.revealed", "denied")


def test_an_answer_leaves_only_sealed(office: Office) -> None:
    number, _ = office.found(RequestKind.ACCESS)
    before = len(office.world.events())
    with pytest.raises(Malformed):
        office.packages.make(CONSOLE, number, "age1nobody", NOW)
    assert len(office.world.events()) == before, "nothing was opened for it"


def test_no_value_of_another_record_or_person_is_changed(office: Office) -> None:
    world = office.world
    world.put(order("902-9999999-0000001", {NAME: "Other One", BUYER_EMAIL: "o@example.net"}))
    gift = {**MINE, NAME: "Zoé Lefèvre"}
    world.put(order("902-1000002-0000002", gift))
    number, records = office.found(RequestKind.RECTIFY)
    rectify = office.requests.rectify
    every = world.vault.find(
        CONSOLE, purpose=Purpose.SUBJECT_REQUEST, now=NOW, sellers=SELLERS, email="o@example.net"
    )
    with pytest.raises(NotFound):
        rectify(CONSOLE, number, every[0].record, "buyer.email", "x@example.net", NOW)
    with pytest.raises(Denied, match="somebody else"):
        rectify(CONSOLE, number, records[1], "recipient.name", "Me", NOW)
    for slot in ("ship_from.city", "order.shipping_label", "nothing.here", "recipient.city" * 9):
        with pytest.raises((Malformed, NotFound)):
            rectify(CONSOLE, number, records[0], slot, "x", NOW)
    with pytest.raises(Malformed):
        rectify(CONSOLE, number, records[0], "recipient.city", "x" * 3000, NOW)
    with pytest.raises(NotFound):
        rectify(CONSOLE, number, RecordNumber(999), "recipient.city", "x", NOW)


def test_without_a_grant_to_rectify_nothing_is_changed_restricted_or_erased(
    office: Office,
) -> None:
    world = office.world
    world.grants.revoke(CONSOLE, _grant(office, Action.RECTIFY), NOW)
    number, (record,) = office.found(RequestKind.RECTIFY)
    with pytest.raises(Denied):
        office.requests.rectify(CONSOLE, number, record, "recipient.city", "Bonn", NOW)
    number, _ = office.found(RequestKind.RESTRICT)
    with pytest.raises(Denied):
        office.requests.stop(CONSOLE, number, NOW)
    number, _ = office.found(RequestKind.ERASE)
    with pytest.raises(Denied):
        office.requests.erase(CONSOLE, number, NOW)
    token = world.put(order(ORDER, MINE))[0]
    assert world.read(token) == "Jürgen Groß"


def test_what_is_restricted_comes_out_by_no_way(depot: Depot) -> None:
    """API by token and by order, search, paper, relay, command: one check at the door."""
    world = depot.door.world
    office = Office(world)
    office.trust()
    erp = depot.app
    depot.door.grant(erp)
    depot.door.grant(erp, Action.SEARCH)
    office.open(RequestKind.OBJECT)
    number, records = office.found(RequestKind.OBJECT, Sought(email=PLAIN[BUYER_EMAIL]))
    assert len(records) == 2
    assert office.requests.stop(CONSOLE, number, NOW) == 2
    why = {"purpose": "fulfilment", "reason": "a parcel"}
    order_id = "902-1000001-0000001"
    slip = {"order": order_id, "seller": "acme", "reason": "a parcel"}
    lines = [{"item": "1", "sku": "a", "quantity": 1}]
    asked = (
        ("/v1/reveal", {"token": depot.plain[NAME], **why}, 403),
        ("/v1/paper/labels", slip, 403),
        ("/v1/paper/slips", {**slip, "lines": lines}, 403),
    )
    for path, body, status in asked:
        answer = depot.door.post(erp, path, **body)
        assert answer.status == status, (path, answer.body)
        assert "restricted" in answer.body.decode()
        assert not any(value.encode() in answer.body for value in PLAIN.values())
        recorded = [event for event in depot.since(0) if event[0] == "vault.record.revealed"]
        assert recorded[-1][1:] == ("denied", "restricted")
    relayed = depot.post(orjson.dumps({"name": depot.plain[NAME]}))
    assert relayed.status == 403
    assert depot.carrier.got == []
    found = world.vault.find(
        erp_caller(depot),
        purpose=Purpose.FULFILMENT,
        now=NOW,
        sellers=[SellerId(1)],
        email=PLAIN[BUYER_EMAIL],
    )
    assert found == []
    with pytest.raises(Denied, match="restricted"):
        world.vault.reveal_order(
            erp_caller(depot), SellerId(1), order_id, purpose=Purpose.FULFILMENT, now=NOW
        )
    # Not even for its own subject's request to a third party.
    depot.door.grant(erp, Action.RELAY, purpose=Purpose.SUBJECT_REQUEST)
    with pytest.raises(Denied, match="restricted"):
        world.vault.reveal(
            erp_caller(depot),
            depot.plain[NAME],
            purpose=Purpose.SUBJECT_REQUEST,
            action=Action.RELAY,
            now=NOW,
        )


def erp_caller(depot: Depot):
    accounts = depot.door.accounts
    return accounts.check_client(depot.app.client_id, depot.app.client_secret, NOW)


def test_an_exception_takes_a_ground_two_people_and_an_end(office: Office) -> None:
    world = office.world
    token = world.put(order(ORDER, MINE))[0]
    number, _ = office.found(RequestKind.RESTRICT)
    with pytest.raises(Conflict, match="restricts nothing"):
        office.permits.ask(CONSOLE, number, APP.principal, Ground.LEGAL_CLAIMS, DAY, NOW)
    office.requests.stop(CONSOLE, number, NOW)
    ask = office.permits.ask
    with pytest.raises(Denied):
        ask(APP, number, APP.principal, Ground.LEGAL_CLAIMS, DAY, NOW)
    with pytest.raises(Malformed):
        ask(CONSOLE, number, APP.principal, Ground.LEGAL_CLAIMS, 31 * DAY, NOW)
    asked = ask(CONSOLE, number, APP.principal, Ground.LEGAL_CLAIMS, 2 * DAY, NOW)
    with pytest.raises(Denied, match="restricted"):
        world.read(token)
    terms = office.permits.terms(asked)
    with pytest.raises(Denied):
        office.permits.approve(CONSOLE, asked.id, terms, NOW)
    assert last(office) == ("subject.request.permitted", "denied", "self_review")
    with pytest.raises(Conflict):
        office.permits.approve(REVIEWER, asked.id, "0" * 32, NOW)
    office.permits.approve(REVIEWER, asked.id, terms, NOW)
    assert world.read(token) == "Jürgen Groß"
    world.grant(OTHER_APP)
    with pytest.raises(Denied, match="restricted"):
        world.read(token, caller=OTHER_APP)
    with pytest.raises(Denied, match="restricted"):
        world.read(token, NOW + 2 * DAY)
    office.permits.reject(REVIEWER, asked.id, NOW)
    with pytest.raises(Denied, match="restricted"):
        world.read(token)
    # Who would read it does not approve it either.
    own = ask(CONSOLE, number, REVIEWER.principal, Ground.CONSENT, DAY, NOW)
    with pytest.raises(Denied):
        office.permits.approve(REVIEWER, own.id, office.permits.terms(own), NOW)


def test_a_restriction_holds_while_any_request_of_it_does(office: Office) -> None:
    world = office.world
    token = world.put(order(ORDER, MINE))[0]
    numbers = [office.found(kind)[0] for kind in (RequestKind.RESTRICT, RequestKind.OBJECT)]
    for number in numbers:
        office.requests.stop(CONSOLE, number, NOW)
    permit = office.permits.ask(CONSOLE, numbers[0], APP.principal, Ground.CONSENT, DAY, NOW)
    office.permits.approve(REVIEWER, permit.id, office.permits.terms(permit), NOW)
    with pytest.raises(Denied, match="restricted"):
        world.read(token)
    office.requests.tell_lifting(CONSOLE, numbers[1], NOW)
    office.requests.lift(CONSOLE, numbers[1], NOW)
    assert world.read(token) == "Jürgen Groß"
    # What was told once is not told again by that: a later restriction needs its own letter.
    assert office.requests.show(numbers[0]).restricted_since == NOW


def test_what_one_request_named_does_not_open_as_anothers(office: Office) -> None:
    first, second = office.open(RequestKind.ACCESS).id, office.open(RequestKind.ACCESS).id
    table = schema.subject_request
    with office.world.database.write() as tx:
        sealed = tx.execute(sa.select(table.c.sought).where(table.c.id == first)).scalar_one()
        tx.execute(table.update().where(table.c.id == second).values(sought=sealed))
    with pytest.raises(Tampered):
        office.requests.find(CONSOLE, second, SELLERS, NOW)


def test_nothing_personal_stands_in_rows_events_or_files(office: Office) -> None:
    sought = Sought(email=EMAIL, phone="+49 151 23456789", order=ORDER, name="Jürgen Groß")
    assert "Groß" not in repr(sought)
    for kind in RequestKind:
        number, records = office.found(kind, BY_EMAIL)
        office.open(kind, sought)
        match kind:
            case RequestKind.ACCESS | RequestKind.PORTABILITY:
                office.packages.make(CONSOLE, number, None, NOW)
            case RequestKind.RECTIFY:
                office.requests.rectify(
                    CONSOLE, number, records[0], "recipient.city", "Markerstadt", NOW
                )
            case RequestKind.RESTRICT | RequestKind.OBJECT:
                office.requests.stop(CONSOLE, number, NOW)
            case RequestKind.ERASE:
                pass
        office.requests.reply(CONSOLE, number, Outcome.REFUSED, NOW, Refusal.UNFOUNDED)
    markers = [EMAIL, "Groß", "Jürgen", "23456789", "Markerstadt", "Köln"]
    said = orjson.dumps([entry.body for entry in office.world.audit.events()]).decode()
    assert not [one for one in markers if one in said]
    office.world.close()
    for path in office.world.directory.iterdir():
        content = path.read_bytes()
        found = [one for one in markers if one.encode() in content]
        assert not found, (path.name, found)


def _grant(office: Office, action: Action) -> int:
    rows = office.world.grants.all(PrincipalId(CONSOLE.principal))
    return next(row.grant.id for row in rows if row.grant.action is action)
