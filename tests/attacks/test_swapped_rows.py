"""Somebody who can write to the vault's database, but has no keys, moves sealed bytes about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.vault.conftest import APP, EMAIL, LINE_1, NAME, NOW, World, order

from strongroom.crypto.envelope import new_key
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Gone, Misconfigured, NotFound, Tampered, Unavailable
from strongroom.policy.grants import NotGranted
from strongroom.policy.retention import Progress
from strongroom.terms import Action, Category, Environment, Purpose, SellerId

pytestmark = pytest.mark.clause("2.4", "2.6")

A, B = "902-1000001-0000001", "902-1000001-0000002"
TAMPERED = ("vault.record.tampered", "error", "tampered")


@pytest.fixture
def world(sqlite_world: World) -> World:
    sqlite_world.grant()
    return sqlite_world


def two_orders(world: World, second_seller: int = 1) -> tuple[str, str]:
    """Store two orders; return the tokens of their names."""
    (first,) = world.put(order(A, {NAME: "Jürgen Groß", LINE_1: "Hauptstraße 5"}))
    (second,) = world.put(order(B, {NAME: "Zoë Ångström"}), seller=second_seller)
    return first, second


def swap(world: World, table: sa.Table, key: str, *columns: str) -> None:
    """Swap columns between the first two rows of a table."""
    with world.database.write() as tx:
        one, other = tx.execute(sa.select(table).order_by(table.c[key]).limit(2)).all()
        # In three steps, because a column may be unique.
        for row, source in ((one, None), (other, one), (one, other)):
            values: dict[str, Any] = {
                name: b"moving" if source is None else getattr(source, name) for name in columns
            }
            if source is not None or "subject_ref" in columns:
                tx.execute(table.update().where(table.c[key] == getattr(row, key)).values(**values))


def refused(world: World, token: str) -> None:
    """Check that a token does not open, that the error says no value, and that it is recorded."""
    with pytest.raises(Tampered) as caught:
        world.read(token)
    assert "Groß" not in str(caught.value)
    assert "Ångström" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert world.events()[-1] == TAMPERED


def test_swapped_ciphertexts_do_not_open(world: World) -> None:
    tokens = two_orders(world)
    swap(world, schema.record, "number", "blob")
    for token in tokens:
        refused(world, token)


def test_ciphertexts_swapped_with_versions_and_keys_do_not_open(world: World) -> None:
    """Everything of a record moves to another number, as a row copied whole would."""
    tokens = two_orders(world)
    swap(world, schema.record, "number", "blob", "version")
    swap(world, schema.record_key, "record_number", "wrapped_dek", "period_id")
    for token in tokens:
        refused(world, token)


def test_swapped_wrapped_keys_do_not_open(world: World) -> None:
    tokens = two_orders(world)
    swap(world, schema.record_key, "record_number", "wrapped_dek")
    for token in tokens:
        refused(world, token)


@pytest.mark.parametrize("move", ["another day", "another selling partner"])
def test_a_record_renumbered_to_another_period_does_not_open(world: World, move: str) -> None:
    first, second = two_orders(world, 1 if move == "another day" else 2)
    if move == "another day":
        # The second order is delivered: it has a day of its own.
        world.put(order(B, {NAME: "Zoë"}, status=Progress.SHIPPED, shipped=NOW))
    with world.database.read() as tx:
        periods = set(tx.execute(sa.select(schema.record_key.c.period_id)).scalars())
    assert len(periods) == 2
    swap(world, schema.record_key, "record_number", "period_id")
    for token in (first, second):
        refused(world, token)


def test_period_keys_swapped_in_the_keystore_open_nothing(world: World) -> None:
    """The attacker writes to the keystore's database but does not have its master key."""
    tokens = two_orders(world, 2)
    table = schema.keystore_period
    with world.keys.write() as tx:
        one, other = tx.execute(sa.select(table).order_by(table.c.id)).all()
        tx.execute(table.update().where(table.c.id == one.id).values(wrapped=other.wrapped))
        tx.execute(table.update().where(table.c.id == other.id).values(wrapped=one.wrapped))
    world.reopen()
    for token in tokens:
        refused(world, token)


def test_a_period_key_of_the_attackers_own_is_not_taken(world: World) -> None:
    (token, _other) = two_orders(world)
    with world.keys.write() as tx:
        tx.execute(schema.keystore_period.update().values(wrapped=b"\x01" + new_key() + bytes(28)))
    world.reopen()
    refused(world, token)


def test_a_period_that_is_given_another_day_does_not_open(world: World) -> None:
    """Its date would postpone its end; the key is bound to the day it was made for."""
    (token, _other) = two_orders(world)
    with world.keys.write() as tx:
        tx.execute(schema.keystore_period.update().values(day=schema.keystore_period.c.day + 100))
    world.reopen()
    refused(world, token)


def test_a_record_moved_to_another_selling_partner_does_not_open(world: World) -> None:
    """The grant of the other selling partner's app would cover it."""
    (token, _other) = two_orders(world)
    for table in (schema.record, schema.record_key):
        with world.database.write() as tx:
            tx.execute(table.update().values(seller_id=2))
    refused(world, token)


def test_an_edited_due_date_opens_nothing_that_its_key_does_not(world: World) -> None:
    """The date in the row is a copy: on the key's own day nothing opens, swept or not."""
    (token,) = world.put(order(status=Progress.SHIPPED, shipped=NOW))
    with world.database.write() as tx:
        tx.execute(schema.record_key.update().values(due_at=2**40))
    later = NOW + timedelta(days=31)
    world.grant(now=later)
    with pytest.raises(Gone):
        world.read(token, later)
    assert world.events()[-1] == ("vault.record.revealed", "failure", "past_due")


def test_orders_that_change_places_do_not_show_each_others_values(world: World) -> None:
    """The keyed references that lead from an order's id to its record are swapped."""
    two_orders(world)
    swap(world, schema.record, "number", "subject_ref")
    for id_ in (A, B):
        with pytest.raises(Tampered):
            world.vault.reveal_order(APP, SellerId(1), id_, purpose=Purpose.FULFILMENT, now=NOW)
        assert world.events()[-1] == TAMPERED
        with pytest.raises(Tampered):
            world.vault.find(
                APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SellerId(1)], order=id_
            )


def test_orders_that_change_places_do_not_take_up_each_others_values(world: World) -> None:
    first, second = two_orders(world)
    swap(world, schema.record, "number", "subject_ref")
    with pytest.raises(Tampered):
        world.put(order(A, {NAME: "Jürgen Groß", EMAIL: "juergen@example.com"}))
    assert (world.read(first), world.read(second)) == ("Jürgen Groß", "Zoë Ångström")


def test_a_planted_search_tag_finds_nothing(world: World) -> None:
    """A tag that is moved to another record is held against that record's own values."""
    world.grant(action=Action.SEARCH)
    world.put(order(A, {NAME: "Jürgen", EMAIL: "juergen@example.com"}))
    world.put(order(B, {NAME: "Zoë", EMAIL: "zoe@example.com"}))
    tags = schema.search_tag
    with world.database.write() as tx:
        one, other = tx.execute(sa.select(tags).order_by(tags.c.record_number)).all()
        for row, target in ((one, other), (other, one)):
            tx.execute(
                tags.update()
                .where(tags.c.tag == row.tag)
                .values(record_number=target.record_number)
            )
    found = world.vault.find(
        APP,
        purpose=Purpose.FULFILMENT,
        now=NOW,
        sellers=[SellerId(1)],
        email="juergen@example.com",
    )
    assert found == []


# -- older bytes -----------------------------------------------------------------------------------


def saved(world: World, *tables: sa.Table) -> list[tuple[sa.Table, dict[str, Any]]]:
    """Return the first row of each table, to be put back later."""
    with world.database.read() as tx:
        return [(table, dict(tx.execute(sa.select(table)).mappings().one())) for table in tables]


def test_an_older_blob_does_not_open_as_the_present_version(world: World) -> None:
    (token,) = world.put(order(A, {NAME: "Old Name"}))
    ((_, before),) = saved(world, schema.record)
    world.put(order(A, {NAME: "New Name"}))
    with world.database.write() as tx:
        tx.execute(schema.record.update().values(blob=before["blob"]))
    refused(world, token)


def test_a_row_set_back_with_its_version_is_a_stated_limit(world: World) -> None:
    """Sealed bytes that were true once still open in their place: docs/threat-model.md says so."""
    (token,) = world.put(order(A, {NAME: "Old Name"}))
    before = saved(world, schema.record, schema.record_key)
    world.put(order(A, {NAME: "New Name"}))
    with world.database.write() as tx:
        for table, row in before:
            tx.execute(table.update().values(**row))
    assert world.read(token) == "Old Name"
    # It is recorded like every other reveal, and the log still tells that the record was changed.
    assert world.events()[-1] == ("vault.record.revealed", "success", None)
    assert world.audit.verify().ok


def test_a_row_set_back_after_its_day_stays_closed(world: World) -> None:
    """What limits a rollback: the key of the day is gone from the keystore."""
    (token,) = world.put(order(A, status=Progress.SHIPPED, shipped=NOW))
    before = saved(world, schema.record, schema.record_key)
    later = NOW + timedelta(days=40)
    world.vault.sweep(later)
    with world.database.write() as tx:
        tx.execute(schema.record_key.delete())
        for table, row in before:
            if table is schema.record:
                tx.execute(table.update().values(**row))
            else:
                tx.execute(table.insert().values(**{**row, "due_at": None}))
    world.grant(now=later)
    with pytest.raises(Gone):
        world.read(token, later)


# -- one spoilt row --------------------------------------------------------------------------------


@pytest.mark.clause("2.1")
def test_a_spoilt_record_does_not_keep_the_others_past_their_day(world: World) -> None:
    """A single flipped bit must not stop the calendar: the pending key still dies within its week."""
    tokens = two_orders(world)
    with world.database.write() as tx:
        row = tx.execute(sa.select(schema.record).order_by(schema.record.c.number)).first()
        assert row is not None
        spoilt = row.blob[:-1] + bytes([row.blob[-1] ^ 1])
        tx.execute(
            schema.record.update().where(schema.record.c.number == row.number).values(blob=spoilt)
        )
    later = NOW + timedelta(days=8)
    old = [period.id for period in world.keystore.periods(live=True)]
    world.vault.sweep(later)
    assert not {period.id for period in world.keystore.periods(live=True)} & set(old)
    assert TAMPERED in world.events()
    with pytest.raises(Gone):
        world.read(tokens[0], later)
    assert world.read(tokens[1], later) == "Zoë Ångström"


# -- between the two worlds ------------------------------------------------------------------------


@pytest.mark.clause("2.5")
def test_rows_of_a_home_for_tests_do_not_open_in_production(
    make_world: Callable[[str], World], tmp_path: Path
) -> None:
    """Even under the same root key, and with all its keys, a test home's rows stay closed."""
    test = make_world("test")
    test.put(order())
    test.close()
    production = World(tmp_path, test.vault_url, test.keystore_url, Environment.PRODUCTION)
    with pytest.raises(Misconfigured, match="does not open this keystore"):
        production.open()
    production.close()


@pytest.mark.clause("2.5")
def test_a_copied_blob_and_key_do_not_open_in_the_other_world(
    make_world: Callable[[str], World], tmp_path: Path
) -> None:
    """Record and wrapped key are put into production, where number, seller and period are the same."""
    test = make_world("test")
    (_token,) = test.put(order())
    ((_, record), (_, key)) = saved(test, schema.record, schema.record_key)
    made = make_production(tmp_path / "production")
    made.grant()
    (token,) = made.put(order())
    ((_, ours), _) = saved(made, schema.record, schema.record_key)
    assert ours["number"] == record["number"]
    with made.database.write() as tx:
        tx.execute(schema.record.update().values(blob=record["blob"], version=record["version"]))
        tx.execute(schema.record_key.update().values(wrapped_dek=key["wrapped_dek"]))
    refused(made, token)
    made.close()


def make_production(directory: Path) -> World:
    """Make a world of production, with its tables."""
    directory.mkdir()
    made = World(
        directory,
        f"sqlite:///{directory / 'vault.db'}",
        f"sqlite:///{directory / 'keys.db'}",
        Environment.PRODUCTION,
    )
    for url, metadata in ((made.vault_url, schema.vault), (made.keystore_url, schema.keystore)):
        database = Database(url)
        with database.write() as tx:
            metadata.create_all(tx)
        database.close()
    made.open()
    made.populate()
    return made


@pytest.mark.clause("2.1")
def test_a_reader_that_holds_the_keystore_open_does_not_hide_that_keys_were_destroyed(
    world: World,
) -> None:
    """Old pages cannot be cut while it reads; what was destroyed is recorded nevertheless."""
    world.put(order(A, status=Progress.SHIPPED, shipped=NOW))
    later = NOW + timedelta(days=40)
    with world.keys.read() as reading:
        reading.execute(sa.select(schema.keystore_period)).all()
        with pytest.raises(Unavailable):
            world.vault.sweep(later)
    destroyed = ("key.period.destroyed", "success", None)
    assert world.events().count(destroyed) == 1
    world.vault.sweep(later)
    assert world.events().count(destroyed) == 1


LABEL, GIFT, SECOND = "shipment:s1.label", "item:1.gift_message", "item:2.gift_message"


def rename(world: World, old: str, new: str) -> None:
    """Change the names that stand beside every record."""
    with world.database.write() as tx:
        names = schema.record.c.slot_names
        tx.execute(schema.record.update().values(slot_names=sa.func.replace(names, old, new)))


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("long", [1, 20_000])
def test_a_slot_under_another_name_does_not_open(sqlite_world: World, long: int) -> None:
    """A label is renamed to a gift message beside the record: a grant for free text would read it."""
    world = sqlite_world
    world.grant(categories=frozenset({Category.FREE_TEXT}))
    (placed,) = world.vault.put(
        SellerId(1),
        [order(A, {LABEL: "Groß " * long, GIFT: "Hi"})],
        caller=APP,
        op="test",
        now=NOW,
    )
    label, gift = placed.token(LABEL), placed.token(GIFT)
    with pytest.raises(NotGranted):
        world.read(label)
    assert world.read(gift) == "Hi"
    rename(world, "shipment:", "item:")
    rename(world, ".label", ".gift_message")
    refused(world, label)
    with pytest.raises(Tampered):
        world.vault.reveal_order(APP, SellerId(1), A, purpose=Purpose.FULFILMENT, now=NOW)
    assert world.events()[-1] == TAMPERED
    with pytest.raises(Tampered):
        world.vault.describe(APP, placed.number, now=NOW)
    assert world.events()[-1] == TAMPERED


def test_a_slot_without_its_name_inside_or_beside_does_not_open(world: World) -> None:
    (token,) = world.put(order(A, {GIFT: "Groß"}))
    assert world.read(token) == "Groß"
    with world.database.write() as tx:
        tx.execute(schema.record.update().values(slot_names=""))
    with pytest.raises(NotFound):
        world.read(token)
    with pytest.raises(Tampered):
        world.vault.reveal_order(APP, SellerId(1), A, purpose=Purpose.FULFILMENT, now=NOW)


def test_swapped_names_seal_no_value_under_another_name(world: World) -> None:
    """The next view would write its name over the sealed one; one that is behind would not even change the value."""
    world.put(order(A, {GIFT: "Groß", SECOND: "Ångström"}))
    with world.database.write() as tx:
        names = tx.execute(sa.select(schema.record.c.slot_names)).scalar_one()
        swapped = " ".join(reversed(names.split(" ")))
        assert swapped != names
        tx.execute(schema.record.update().values(slot_names=swapped))
    world.reopen()
    with pytest.raises(Tampered):
        world.put(order(A, {GIFT: "Groß"}))
