"""The door: what goes in comes out only to whom a grant lets, always with its event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from strongroom.errors import Denied, Gone, Malformed, NotFound, Unavailable
from strongroom.policy.retention import Progress
from strongroom.terms import Action, Category, Purpose, SellerId
from strongroom.vault import Overtaken, store
from tests.vault.conftest import (
    APP,
    CITY,
    EMAIL,
    LINE_1,
    LINE_2,
    NAME,
    NOW,
    OTHER_APP,
    PHONE,
    World,
    order,
)

SELLER = SellerId(1)
TWO_YEARS_AGO = NOW - timedelta(days=730)


def test_a_value_comes_back_to_whom_a_grant_lets(world: World) -> None:
    (token,) = world.put(order())
    world.grant()

    revealed = world.vault.reveal(APP, token, purpose=Purpose.FULFILMENT, now=NOW)

    assert revealed.value.unwrap() == "Jürgen Groß"
    assert revealed.slot == "recipient.name"
    assert revealed.category is Category.NAME
    assert "Groß" not in repr(revealed)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ({}, "no_grant"),
        ({"purpose": Purpose.TAX}, "wrong_purpose"),
        ({"action": Action.SEARCH}, "wrong_action"),
        ({"categories": frozenset({Category.PHONE})}, "wrong_category"),
        ({"sellers": frozenset({SellerId(2)})}, "wrong_seller"),
        ({"days": 1, "now": NOW - timedelta(days=2)}, "grant_expired"),
    ],
)
def test_without_a_fitting_grant_nothing_is_revealed(
    world: World, grant: dict[str, object], reason: str
) -> None:
    (token,) = world.put(order())
    if grant:
        world.grant(**grant)  # type: ignore[arg-type]

    with pytest.raises(Denied, match=reason):
        world.read(token)

    assert world.events()[-1] == ("vault.record.revealed", "denied", reason)


@pytest.mark.clause("1.3", "2.1")
def test_a_value_is_read_only_for_what_it_serves(world: World) -> None:
    clerk = 2
    (token,) = world.put(order(slots={clerk: "Rolf Berg", NAME: "Zo Marsh", PHONE: "+49 151 1"}))
    world.grant(purpose=Purpose.TAX)
    ask = partial(world.vault.reveal, APP, purpose=Purpose.TAX, now=NOW)
    tokens = world.vault._mint.record(world.vault._mint.parse(token).number)
    assert ask(tokens.token(NAME)).value.unwrap() == "Zo Marsh"
    for slot in (clerk, PHONE):
        with pytest.raises(Denied, match="wrong_purpose"):
            ask(tokens.token(slot))
        assert world.events()[-1] == ("vault.record.revealed", "denied", "wrong_purpose")
    told = world.vault.reveal_order(
        APP, SellerId(1), "902-1000001-0000001", purpose=Purpose.TAX, now=NOW
    )
    assert [
        one.value.unwrap() for one in told if one.slot.startswith(("order.", "recipient."))
    ] == ["Zo Marsh"]


@pytest.mark.clause("2.1", "2.4")
def test_new_orders_of_one_document_are_each_sealed_for_their_own_day(world: World) -> None:
    """Between others that are new, one is shown twice and one is past its day."""
    world.grant()
    days = [NOW - timedelta(days=age) for age in (1, 1, 60, 5, 1)]
    ids = [f"902-1000001-000000{place}" for place in (1, 2, 3, 4, 1)]
    shown = [
        order(id_, {NAME: f"Person {id_}"}, status=Progress.SHIPPED, purchased=day, shipped=day)
        for id_, day in zip(ids, days, strict=True)
    ]
    shown[4].slots = {NAME: "Another name", CITY: "Köln"}

    placed = world.vault.put(SELLER, shown, caller=APP, op="test", now=NOW)

    assert [one.gone for one in placed] == [False, False, True, False, False]
    assert placed[0].token(NAME) == placed[4].token(NAME)
    read = [world.read(placed[place].token(NAME)) for place in (0, 1, 3)]
    assert read == ["Another name", f"Person {ids[1]}", f"Person {ids[3]}"]
    assert world.read(placed[4].token(CITY)) == "Köln"
    with world.database.read() as tx:
        rows = store.by_numbers(tx, sorted({one.number for one in placed}))
    periods = {row.number: row.period for row in rows}
    assert periods[placed[0].number] == periods[placed[1].number]
    assert len({periods[placed[place].number] for place in (0, 2, 3)}) == 3
    with pytest.raises(Gone):
        world.read(placed[2].token(NAME))


@pytest.mark.clause("2.6")
def test_a_reveal_is_recorded_before_it_is_answered(world: World) -> None:
    (token,) = world.put(order())
    world.grant()
    before = len(world.events())

    world.read(token)

    assert world.events()[before:] == [("vault.record.revealed", "success", None)]


@pytest.mark.clause("1.3")
def test_a_token_of_another_selling_partner_is_refused_before_it_is_opened(world: World) -> None:
    world.grant()
    (token,) = world.put(order(), seller=2)

    with pytest.raises(Denied, match="wrong_seller"):
        world.vault.reveal(APP, token, purpose=Purpose.FULFILMENT, seller=SELLER, now=NOW)

    assert world.events()[-1] == ("vault.record.revealed", "denied", "wrong_seller")


def test_views_meet_in_one_record_and_the_latest_value_wins(world: World) -> None:
    world.grant()
    (name,) = world.put(order(slots={NAME: "Old Name"}))
    (email,) = world.put(order(slots={EMAIL: "a@example.com"}, status=Progress.UNKNOWN))
    (again,) = world.put(order(slots={NAME: "New Name"}))

    assert name == again
    assert world.read(name) == "New Name"
    assert world.read(email) == "a@example.com"


def test_an_older_view_fills_gaps_but_never_overwrites(world: World) -> None:
    world.grant()
    (name,) = world.put(order(slots={NAME: "New"}, updated=NOW))
    (city,) = world.put(order(slots={CITY: "Bonn", NAME: "Old"}, updated=NOW - timedelta(hours=1)))

    assert world.read(name) == "New"
    assert world.read(city) == "Bonn"


def test_an_undated_view_asked_for_before_a_change_is_not_taken_for_the_latest(
    world: World,
) -> None:
    world.grant()
    earlier, later = NOW, NOW + timedelta(seconds=2)
    (token,) = world.put(order(slots={NAME: "Old"}))
    world.put(order(slots={NAME: "New"}), now=later)
    late = order(slots={NAME: "Old"}, status=Progress.UNKNOWN)

    with pytest.raises(Overtaken):
        world.vault.put(SELLER, [late], caller=APP, op="x", now=later, asked_at=earlier)
    assert world.read(token) == "New"

    same = order(slots={NAME: "New", CITY: "Bonn"}, status=Progress.UNKNOWN)
    world.vault.put(SELLER, [same], caller=APP, op="x", now=later, asked_at=earlier)
    world.vault.put(SELLER, [late], caller=APP, op="x", now=later, asked_at=later)
    assert world.read(token) == "Old"


def test_another_address_leaves_no_line_of_the_old_one_behind(world: World) -> None:
    world.grant()
    world.put(order(slots={LINE_2: "c/o Meyer", LINE_1: "Weg 1", PHONE: "+4915123456789"}))
    (line_1,) = world.put(order(slots={LINE_1: "Allee 9"}))

    shown = world.vault.reveal_order(
        APP, SELLER, "902-1000001-0000001", purpose=Purpose.FULFILMENT, now=NOW
    )

    assert {value.slot: value.value.unwrap() for value in shown} == {
        "recipient.address_line_1": "Allee 9",
        "recipient.phone": "+4915123456789",
    }
    assert world.read(line_1) == "Allee 9"


def test_slots_with_ids_of_their_own_keep_their_tokens(world: World) -> None:
    world.grant()
    first = world.put(order(slots={"item:11.gift_message": "Alles Gute"}))
    world.put(order(slots={"item:12.gift_message": "Bis bald", NAME: "X"}))
    second = world.put(order(slots={"item:11.gift_message": "Alles Liebe"}))

    assert first == second
    assert world.read(first[0]) == "Alles Liebe"


@pytest.mark.clause("2.4")
def test_ids_of_items_stand_sealed_and_come_back_with_the_value(
    make_world: Callable[[str], World],
) -> None:
    """Beside the sealed record they are keyed hashes, also when the record is gone."""
    world = make_world("home")
    world.grant(days=90)
    (first,) = world.put(order(slots={"item:84265967429450.gift_message": "Hi", NAME: "A"}))
    world.put(order(slots={"item:99999999999999.gift_message": "Ho"}))
    world.put(order(slots={"item:84265967429450.gift_message": "Hey"}))

    shown = world.vault.reveal_order(
        APP, SELLER, "902-1000001-0000001", purpose=Purpose.FULFILMENT, now=NOW
    )

    assert {value.slot: value.value.unwrap() for value in shown} == {
        "recipient.name": "A",
        "item:84265967429450.gift_message": "Hey",
        "item:99999999999999.gift_message": "Ho",
    }
    assert (
        world.vault.reveal(APP, first, purpose=Purpose.FULFILMENT, now=NOW).slot
        == "item:84265967429450.gift_message"
    )
    content = b"".join(path.read_bytes() for path in world.directory.iterdir())
    assert b"84265967429450" not in content


def test_numbers_come_back_as_numbers(world: World) -> None:
    world.grant()
    (token,) = world.put(order(slots={33: 52.520008}))

    assert world.read(token) == 52.520008


def test_what_did_not_change_is_not_written_again(world: World) -> None:
    world.put(order())
    before = _row(world)
    world.put(order())

    assert _row(world) == before


def test_a_merge_that_was_undone_is_not_taken_for_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.grant()
    (token,) = world.put(order(slots={NAME: "First"}))
    world.put(order(slots={NAME: "First"}))
    with monkeypatch.context() as patched:
        patched.setattr(world.audit, "append", _disk_full)
        with pytest.raises(Unavailable):
            world.put(order(slots={NAME: "Second"}))
    assert world.read(token) == "First"

    world.put(order(slots={NAME: "Third"}))
    world.put(order(slots={NAME: "Second"}))

    assert world.read(token) == "Second"


@pytest.mark.clause("2.1")
def test_an_order_past_its_day_stores_nothing_and_makes_no_key(world: World) -> None:
    old = order(status=Progress.SHIPPED, purchased=TWO_YEARS_AGO)
    keys = world.keystore.periods()
    first = world.put(old)
    second = world.put(old)
    world.grant()

    assert first == second
    assert _row(world).blob is None
    assert world.keystore.periods() == keys
    with pytest.raises(Gone):
        world.read(first[0])
    assert world.events()[-1] == ("vault.record.revealed", "failure", "past_due")


@pytest.mark.clause("2.1")
def test_a_view_without_dates_of_an_unknown_order_stores_nothing(world: World) -> None:
    sighting = order(status=Progress.UNKNOWN)

    assert world.vault.unknown(SELLER, [sighting]) == [sighting]
    world.put(sighting)

    assert _row(world).blob is None


@pytest.mark.clause("2.1")
def test_reveal_itself_checks_the_due_instant(world: World) -> None:
    world.grant(days=60)
    (token,) = world.put(order(status=Progress.SHIPPED, purchased=NOW))
    day = NOW.replace(hour=0) + timedelta(days=29)

    assert world.read(token, now=day - timedelta(seconds=1)) == "Jürgen Groß"
    with pytest.raises(Gone):
        world.read(token, now=day)


@pytest.mark.clause("2.1")
def test_a_cancelled_order_goes_at_once(world: World) -> None:
    world.grant()
    (token,) = world.put(order())
    world.put(order(status=Progress.CANCELLED))

    with pytest.raises(Gone):
        world.read(token)
    assert _row(world).blob is None


def test_an_order_is_revealed_whole_but_only_in_the_granted_categories(world: World) -> None:
    world.put(order())
    world.grant(categories=frozenset({Category.ADDRESS}))

    shown = world.vault.reveal_order(
        APP, SELLER, "902-1000001-0000001", purpose=Purpose.FULFILMENT, now=NOW
    )

    assert [value.slot for value in shown] == ["recipient.address_line_1", "recipient.city"]
    with pytest.raises(Denied):
        world.vault.reveal_order(
            APP,
            SELLER,
            "902-1000001-0000001",
            purpose=Purpose.FULFILMENT,
            categories=frozenset({Category.NAME}),
            now=NOW,
        )


def test_an_order_is_found_by_id_email_and_phone(world: World) -> None:
    world.put(
        order("902-1", {EMAIL: "Buyer.One@Example.com", PHONE: "+49 151 2345678-9"}),
        order("902-2", {EMAIL: "other@example.com"}),
    )
    world.grant(action=Action.SEARCH)

    def find(**what: str) -> list[str | None]:
        found = world.vault.find(APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], **what)
        return [record.order for record in found]

    assert find(email="buyer.one@example.COM") == ["902-1"]
    assert find(phone="0151 23456789") == ["902-1"]
    assert find(order="902-2") == ["902-2"]
    assert find(email="nobody@example.com") == []


def test_what_a_search_gives_are_tokens(world: World) -> None:
    world.put(order(slots={EMAIL: "a@example.com", NAME: "Ada"}))
    world.grant(action=Action.SEARCH)
    world.grant()

    (found,) = world.vault.find(
        APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], email="a@example.com"
    )

    assert found.tokens.keys() == {"buyer.email", "recipient.name"}
    assert world.read(found.tokens["recipient.name"]) == "Ada"


def test_a_changed_email_is_found_and_the_old_one_is_not(world: World) -> None:
    world.grant(action=Action.SEARCH)
    world.put(order(slots={EMAIL: "old@example.com"}))
    world.put(order(slots={EMAIL: "new@example.com"}))

    def count(email: str) -> int:
        found = world.vault.find(
            APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], email=email
        )
        return len(found)

    assert (count("old@example.com"), count("new@example.com")) == (0, 1)


@pytest.mark.clause("2.6")
def test_a_search_names_in_its_events_every_record_it_gives(world: World) -> None:
    for seller in (1, 2):
        world.put(
            *(order(f"902-{seller}-{n}", {EMAIL: "same@example.com"}) for n in range(70)),
            seller=seller,
        )
        world.grant(action=Action.SEARCH, sellers=frozenset({SellerId(seller)}))

    found = world.vault.find(
        APP,
        purpose=Purpose.FULFILMENT,
        now=NOW,
        sellers=[SellerId(2), SellerId(1)],
        email="same@example.com",
    )

    bodies = [e.body for e in world.audit.events() if e.body["type"] == "vault.record.searched"]
    named = {number for body in bodies for number in body["records"]}
    assert len(found) == 100
    assert {record.record for record in found} == named
    assert [(body["n"], len(body["records"])) for body in bodies] == [(70, 70), (30, 30)]


@pytest.mark.clause("1.3")
def test_a_search_needs_its_own_grant(world: World) -> None:
    world.put(order(slots={EMAIL: "a@example.com"}))
    world.grant()

    with pytest.raises(Denied):
        world.vault.find(
            APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], email="a@example.com"
        )
    assert world.events()[-1] == ("vault.record.searched", "denied", "wrong_action")


def test_a_search_for_two_things_at_once_is_malformed(world: World) -> None:
    with pytest.raises(Malformed):
        world.vault.find(
            APP, purpose=Purpose.TAX, now=NOW, sellers=[SELLER], email="a@b.c", order="902-1"
        )


def test_one_principals_grant_is_not_anothers(world: World) -> None:
    (token,) = world.put(order())
    world.grant(OTHER_APP)

    with pytest.raises(Denied):
        world.read(token)


def test_a_token_of_a_record_that_never_was_is_not_found(world: World) -> None:
    world.grant()
    token = world.vault._mint.record(2**39).token(NAME)  # type: ignore[arg-type]

    with pytest.raises(NotFound):
        world.read(token)
    assert world.events()[-1] == ("vault.record.revealed", "failure", "unknown_token")


def test_concurrent_views_of_the_same_orders_lose_nothing(world: World) -> None:
    world.grant()
    ids = [f"902-{n}" for n in range(20)]
    slots: list[dict[int | str, str | int | float | bool]] = [
        {NAME: "N"},
        {EMAIL: "e@example.com"},
        {PHONE: "+4915112345"},
        {CITY: "C"},
    ]
    tokens: dict[int, list[str]] = {}

    def pull(number: int) -> None:
        tokens[number] = world.put(*(order(id_, dict(slots[number])) for id_ in ids))

    threads = [threading.Thread(target=pull, args=(number,)) for number in range(len(slots))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, view in enumerate(slots):
        wanted = next(iter(view.values()))
        assert [world.read(token) for token in tokens[number]] == [wanted] * len(ids)


def test_every_token_resolves_after_a_restart(world: World) -> None:
    world.grant()
    tokens = world.put(*(order(f"902-{n}", {NAME: f"N{n}"}) for n in range(5)))
    world.reopen()
    more = world.put(*(order(f"902-{n}", {NAME: f"N{n}"}) for n in range(5, 10)))

    assert [world.read(token) for token in tokens + more] == [f"N{n}" for n in range(10)]
    assert world.audit.verify().ok


def test_more_slots_than_a_record_has_do_not_break_it(world: World) -> None:
    world.grant()
    many: dict[int | str, str | int | float | bool] = {
        f"item:{n}.gift_message": f"m{n}" for n in range(1000)
    }
    (placed,) = world.vault.put(SELLER, [order(slots=many)], caller=APP, op="x", now=NOW)

    assert world.read(placed.token("item:0.gift_message")) == "m0"
    with pytest.raises(NotFound):
        world.read(placed.token("item:999.gift_message"))


@pytest.mark.clause("2.4")
def test_no_value_stands_in_any_file(make_world: Callable[[str], World]) -> None:
    world = make_world("home")
    marker = "Zq7marker8XyzW"
    world.put(
        order(slots={NAME: marker, EMAIL: f"{marker}@example.com", "item:1.gift_message": marker})
    )

    content = b"".join(path.read_bytes() for path in world.directory.iterdir())

    assert marker.encode() not in content
    assert marker.lower().encode() not in content


def _disk_full(*_args: object, **_options: object) -> None:
    raise Unavailable("disk full")


def _row(world: World) -> store.Row:
    with world.database.read() as tx:
        ref = world.vault._ref(SELLER, "order", "902-1000001-0000001")
        return store.by_subject(tx, SELLER, [ref])[ref]
