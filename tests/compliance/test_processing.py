"""The record of processing: made of real traffic, confirmed by the privacy owner, red when a field is missing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.compliance.test_policies import FAIL, PASS, House, house
from tests.desk.conftest import home, made_for_two
from tests.vault.conftest import order

from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import DutyId, Office, Verdict
from strongroom.compliance.processing import Processing, as_csv, as_parts
from strongroom.compliance.processing.flows import Party, drawn
from strongroom.compliance.processing.register import Traffic, gaps, missing, record_of_processing
from strongroom.compliance.processing.table import cell
from strongroom.db import schema
from strongroom.errors import Conflict, Denied
from strongroom.policy.limits import PROCESSING_CONFIRMED_EVERY
from strongroom.terms import SYSTEM, Category
from strongroom.vault import LwaCredentials
from strongroom.vault.fields import UNKNOWN, Way, seen_fields

__all__ = ["home", "house", "made_for_two"]

pytestmark = pytest.mark.clause("2.2")

OP = "ordersV0.getOrders"


class Records:
    """A house with a selling partner, whose orders come."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.seller = house.system.sellers.add(
            house.ada,
            name="acme",
            region="eu",
            marketplaces=("A1PA6795UKMFR9",),
            credentials=LwaCredentials("client-1", "secret", "Atzr|1"),
            now=house.now,
        )

    @property
    def processing(self) -> Processing:
        return self.house.system.compliance.processing

    def comes(self, slots: dict[Any, Any] | None = None, op: str = OP) -> None:
        """Let an order come through the vault."""
        self.house.system.vault.put(
            self.seller.id, [order(slots=slots)], caller=SYSTEM, op=op, now=self.house.now
        )

    def verdict(self, duty: str = "2.2-c") -> Verdict:
        return self.processing.findings(self.house.now)[DutyId(duty)].verdict

    def why(self, duty: str = "2.2-c") -> str:
        return self.processing.findings(self.house.now)[DutyId(duty)].why

    def appoint(self) -> None:
        """Make Ada the privacy owner."""
        offices, now = self.house.system.compliance.offices, self.house.now
        offices.appoint(self.house.ben, Office.PRIVACY_OWNER, Part.HOLDER, "ada", now)
        offices.accept(self.house.ada, Office.PRIVACY_OWNER, Part.HOLDER, now, "ada@example.com")

    def confirm(self) -> None:
        digest = self.processing.record(self.house.now).digest
        self.processing.confirm(digest, self.house.ada, self.house.now)


@pytest.fixture
def records(house: House) -> Records:
    return Records(house)


def test_the_record_says_what_really_came_and_is_confirmed_each_quarter(records: Records) -> None:
    house = records.house
    records.comes()
    records.appoint()
    row = next(r for r in records.processing.record(house.now).rows if r.field == "recipient.name")
    assert row.seen_in == (OP,)
    assert "fulfilment" in row.purposes
    assert "30 days after delivery" in row.disposed
    assert records.verdict() is FAIL
    assert "nobody has confirmed" in records.why()
    records.confirm()
    assert records.verdict() is PASS
    assert records.verdict("2-c") is PASS
    assert "nothing changed since" in records.why()
    house.now += PROCESSING_CONFIRMED_EVERY
    assert records.verdict() is PASS
    due = next(iter(records.processing.dues(house.now)))
    assert (due.due_at, due.office) == (house.now, Office.PRIVACY_OWNER)
    house.now += timedelta(seconds=1)
    assert records.verdict() is FAIL
    assert "more than 90 days ago" in records.why()
    offices = house.system.compliance.offices
    offices.accept(house.ada, Office.PRIVACY_OWNER, Part.HOLDER, house.now)
    records.confirm()
    assert records.verdict() is PASS


def test_a_field_that_came_and_that_nobody_classified_turns_it_red(records: Records) -> None:
    records.comes()
    records.appoint()
    records.confirm()
    records.comes({8: "Jürgen Groß", "unknown.0123456789": "?"})
    assert records.verdict() is FAIL
    assert records.verdict("2-c") is FAIL
    assert UNKNOWN in records.why()
    with pytest.raises(Conflict):
        records.confirm()
    # It was a mistake of Amazon's, and nothing of it is left: the note is what goes.
    with records.house.system.database.write() as tx:
        tx.execute(schema.field_seen.delete().where(schema.field_seen.c.field == UNKNOWN))
    assert records.verdict() is PASS


def test_what_changed_since_it_was_confirmed_is_shown(records: Records) -> None:
    records.comes()
    records.appoint()
    records.confirm()
    records.comes({16: "a@example.com"}, op="ordersV0.getOrder")
    changed = records.processing.record(records.house.now).changed
    assert [(one.field, one.what) for one in changed] == [
        ("buyer.email", "seen in: + ordersV0.getOrder")
    ]
    assert records.verdict() is PASS
    assert "1 changes since" in records.why()


def test_only_the_privacy_owner_confirms_and_only_what_was_read(records: Records) -> None:
    house = records.house
    records.comes()
    digest = records.processing.record(house.now).digest
    for caller in (house.ada, house.ben):
        with pytest.raises(Denied):
            records.processing.confirm(digest, caller, house.now)
    assert house.home.events("processing.confirmed")[-1].outcome == "denied"
    records.appoint()
    with pytest.raises(Conflict, match="has changed"):
        records.processing.confirm("0" * 64, house.ada, house.now)
    with pytest.raises(Denied):
        records.processing.confirm(digest, house.ben, house.now)


def test_a_confirmation_that_the_log_does_not_know_counts_for_nothing(records: Records) -> None:
    records.comes()
    records.appoint()
    records.confirm()
    table = schema.processing_confirmation
    with records.house.system.database.write() as tx:
        row = dict(tx.execute(sa.select(table)).mappings().one())
        later = records.house.now + timedelta(days=80)
        tx.execute(table.insert().values(**{**row, "id": 9, "at": later, "digest": "0" * 64}))
    assert records.verdict() is FAIL
    with records.house.system.database.write() as tx:
        tx.execute(table.delete().where(table.c.id == 9))
        tx.execute(table.update().values(at=later))
    records.house.now += timedelta(days=100)
    assert records.verdict() is FAIL, "the log says when it was"


def test_a_field_is_noted_once_a_day_whoever_it_is_of(records: Records) -> None:
    house, database = records.house, records.house.system.database
    for item in ("1", "2"):
        records.comes({f"item:{item}.gift_message": "Happy birthday"})
    (seen,) = seen_fields(database)
    assert (seen.way, seen.place, seen.field) == (Way.COLLECTED, OP, "item:*.gift_message")
    with database.write() as tx:
        tx.execute(schema.field_seen.delete())
    records.comes({"item:3.gift_message": "x"})
    assert seen_fields(database) == [], "known for the day"
    house.now += timedelta(days=1)
    records.comes({"item:3.gift_message": "x"})
    (again,) = seen_fields(database)
    assert again.last_on == seen.last_on + 1


def test_no_cell_of_the_file_is_a_formula() -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1"):
        assert cell(text).startswith("'")
    assert cell("recipient.name") == "recipient.name"
    rows = record_of_processing([], {"=cmd|' /C calc'!A0": frozenset()}, Traffic())
    read = list(csv.DictReader(io.StringIO(as_csv(rows).decode())))
    assert len(read) == len(rows) > 100
    assert not any(
        value.lstrip().startswith(("=", "+", "-", "@")) for row in read for value in row.values()
    )
    given = Traffic(given={"recipient.name": frozenset({"=HYPERLINK(1) (fulfilment)"})})
    (named,) = [r for r in record_of_processing([], {}, given) if r.field == "recipient.name"]
    assert b"'=HYPERLINK" in as_csv([named])
    assert as_parts([named], "0" * 64)[1][0] == "recipient.name (name, recipient)"


def test_every_row_has_a_purpose_and_a_way_of_disposal() -> None:
    rows = record_of_processing([], {}, Traffic())
    assert all(row.purposes and row.disposed for row in rows)
    assert any("first seen" in row.disposed for row in rows)
    assert any("last of use" in row.disposed for row in rows)
    everything = Traffic(brought={row.field: frozenset({OP}) for row in rows})
    unclassified = [row.field for row in rows if row.category is Category.UNCLASSIFIED]
    found = gaps(record_of_processing([], {}, everything))
    assert found == [f"{name} has no purpose" for name in unclassified]
    assert missing(rows, Traffic(brought={UNKNOWN: frozenset({OP})})) == [UNKNOWN]


def test_the_drawing_has_a_box_for_each_and_counts_what_is_too_much() -> None:
    many = [Party("app", f"app-{n}", "1 category") for n in range(9)]
    made = drawn([Party("amazon", "ordersV0", "3 fields")], many, [Party("store", "Backups", "x")])
    names = [box.name for box in made.boxes]
    assert names.count("Gateway") == names.count("Vault") == 1
    assert "4 more" in names
    assert len(made.rows) == 1 + 1 + 9 + 1
    assert all(0 <= box.x < made.width and 0 <= box.y < made.height for box in made.boxes)
    idle = drawn([], [], [])
    assert {"Nothing yet", "Nobody"} <= {box.name for box in idle.boxes}
