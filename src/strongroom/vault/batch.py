"""Merges what one document showed into the records of one selling partner, and seals what is new.

Views of an order each show a part of it. Their values meet in one record under its lock: one slot for one datum, the
latest value wins, and nothing that a view does not show is lost by it. A record whose day has come is not stored and
gets no key [2.1]. This file decides nothing about who may read.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, cast

from strongroom.db.engine import Transaction
from strongroom.errors import Gone, Tampered
from strongroom.policy.catalogue.slots import (
    CORRECTED,
    FIRST_DYNAMIC,
    FIXED,
    LAST_DYNAMIC,
    OVERFLOW,
)
from strongroom.policy.dating import is_packed
from strongroom.policy.retention import (
    DAY,
    HANDED_OVER,
    DeliveryFacts,
    Progress,
    SightedFacts,
    believable,
    disposal_day,
    learn,
    pending_ends,
    pending_window,
    stays_gone,
)
from strongroom.policy.sighting import OLDEST, Sighting, SlotKey
from strongroom.terms import PeriodId, RecordNumber, Scalar, SellerId
from strongroom.vault import large
from strongroom.vault.box import SUBJECT_ID, RecordBox, refuse_other_subject, tags_of
from strongroom.vault.corrections import merge_around
from strongroom.vault.keystore import Keystore, PeriodKey, PeriodKind
from strongroom.vault.naming import SLOT_NAMES, with_names
from strongroom.vault.recent import Overtaken, Recognised, View
from strongroom.vault.store import Changes, RecordState, Row, Tag, delete_tags_of


def _groups() -> dict[int, frozenset[int]]:
    """Map each address's first line to every slot that is replaced when it changes."""
    members: dict[str, set[int]] = {}
    for number, spec in FIXED.items():
        if spec.group:
            members.setdefault(spec.group, set()).add(number)
    return {
        number: frozenset(members[spec.group])
        for number, spec in FIXED.items()
        if spec.group and spec.name.endswith(".address_line_1")
    }


_GROUPS: Final = _groups()
_ONLY_FIXED: Final = {int}


def day_of(
    facts: DeliveryFacts, now: int, copy_lifetime: timedelta, *, by_date: bool
) -> int | None:
    """Return the day of disposal; `by_date`: a date alone is enough, as in a document, which has no better view.

    A view of the API without a status may be one of an order that was cancelled, of which a record that is gone
    remembers nothing.
    """
    # Nothing known of the delivery means that nothing may be stored: fail toward not having it.
    dated = by_date and (facts.purchased_at or facts.shipped_at)
    unknown = facts.status is Progress.UNKNOWN and not dated
    return 0 if unknown else disposal_day(facts, now, copy_lifetime)


Keeps = Callable[[Row, Mapping[int, Scalar], datetime], bool]
"""Says whether an opened record, whose day has come between two sweeps, waits for the next one (holds.py)."""


class Batch:
    """One document's merge, in one transaction. Use once: `place` each sighting, then write `changes`."""

    def __init__(
        self,
        seller: SellerId,
        box: RecordBox,
        keystore: Keystore,
        copy_lifetime: timedelta,
        now: datetime,
        recognised: Recognised | None = None,
        keeps: Keeps | None = None,
        *,
        withheld: bool = False,
    ) -> None:
        self._withheld = withheld
        self.changes = Changes()
        self.touched: list[RecordNumber] = []
        self.trimmed: list[RecordNumber] = []
        """Records of which a part went whose purpose is done."""
        self.made_periods: list[PeriodKey] = []
        self._seller = seller
        self._box = box
        self._keystore = keystore
        self._copy_lifetime = copy_lifetime
        self._now = now
        self._recognised = recognised
        self._keeps = keeps
        self._views: list[tuple[Row, View]] = []
        self._seconds = int(now.timestamp())
        self._periods: dict[int | None, PeriodKey] = {}
        self._last_seen: tuple[SightedFacts, bool] | None = None
        self._last_learnt: tuple[DeliveryFacts, int | None] = DeliveryFacts(), None
        self._unsealed: dict[PeriodId, tuple[PeriodKey, list[tuple[Row, dict[int, Scalar]]]]] = {}

    def write(self, tx: Transaction) -> None:
        """Write all that was placed, in the caller's transaction."""
        self._seal_all()
        self.changes.write(tx)

    def committed(self) -> None:
        """Remember the views that are now part of their records; call it once the transaction is durable."""
        if self._recognised is not None:
            for row, view in self._views:
                self._recognised.add(row, view, self._seconds // DAY)

    def create(
        self, number: RecordNumber, ref: bytes, sighting: Sighting
    ) -> tuple[Row, dict[str, int]]:
        """Make a new record of a sighting; one past its day becomes a number and nothing else.

        New records are sealed together, before anything opens one of them and before they are written.
        """
        seen = sighting.facts = believable(sighting.facts, self._seconds)
        by_date = sighting.as_of > 0
        if (seen, by_date) != self._last_seen:
            # Rows of a report and orders of a page share their facts more often than not.
            facts = learn(DeliveryFacts(), seen, self._seconds)
            self._last_seen = seen, by_date
            self._last_learnt = facts, self._day(facts, by_date=by_date)
        facts, day = self._last_learnt
        due = None if day is None else day * DAY
        row = Row(
            number,
            self._seller,
            ref,
            RecordState.LIVE,
            0,
            [],
            None,
            seen.updated_at,
            None,
            None,
            due,
            [],
            facts,
        )
        slots, names = self._numbered(row, sighting.slots)
        slots = _still_of_use(row, slots)
        changes = self.changes
        changes.new.append(row)
        if due is not None and due <= self._seconds:
            row.state, row.due_at = RecordState.GONE, None
            return row, names
        if slots:
            self._seal_new(row, sighting.subject, slots, names, day)
        changes.new_keys[number] = row
        self.touched.append(number)
        return row, names

    def merge(self, row: Row, sighting: Sighting, *, late: bool = False) -> dict[str, int]:
        """Merge a sighting into a stored record; `late`: the record changed after the sighting was asked for.

        Raises:
            Overtaken: it is late, has no date to tell by, and would change a value.

        """
        sighting.facts = believable(sighting.facts, self._seconds)
        self._seal_all()
        view = None if self._recognised is None else self._recognised.view(sighting)
        if view is not None and self._is_known(row, view):
            return self._numbered(row, sighting.slots)[1]
        stale = _is_older(sighting, row)
        known = len(row.names)
        slots, names = self._numbered(row, sighting.slots)
        renamed = len(row.names) != known
        # What is gone may have been cancelled or destroyed on its day: no document knows, it may be from before.
        from_document = sighting.as_of > 0
        if row.state == RecordState.ERASED or (
            row.state == RecordState.GONE and (from_document or stays_gone(sighting.facts))
        ):
            return self._renamed(row, names, changed=renamed)
        facts = learn(
            row.facts, sighting.facts, self._seconds, stale=stale, reopens=not from_document
        )
        day = self._day(facts, by_date=from_document or row.state == RecordState.LIVE)
        if day is not None and day * DAY <= self._seconds:
            if (
                row.state == RecordState.LIVE
                and self._withheld
                and facts.status is not Progress.CANCELLED
            ):
                # By a clock that nobody believes: the door refuses it, and nothing is destroyed by a look.
                return self._renamed(row, names, changed=renamed)
            if row.state == RecordState.LIVE:
                row.source_updated = max(row.source_updated, sighting.facts.updated_at)
                self.dispose(row, day, facts)
                return names
            return self._renamed(row, names, changed=renamed)
        if late and not sighting.facts.updated_at and row.blob is not None:
            self._refuse_overtaken(row, slots)
        self._merge_live(row, sighting, slots, names, facts, day, stale=stale, renamed=renamed)
        if view is not None and row.blob is not None and not stale:
            self._views.append((row, view))
        return names

    def dispose(self, row: Row, day: int, facts: DeliveryFacts | None = None) -> None:
        """Empty a record whose day has come; keys that could still open an old copy are to be replaced.

        `facts` are what is known by now. Where a law needs some of it, it is locked instead, open to nobody: the next
        sweep sets that aside, and destroys the rest with the key of the day that has come.
        """
        if row.blob is not None:
            slots = self._box.open(row, self._box.dek(row))
            before, row.facts = row.facts, facts or row.facts
            if self._keeps is not None and self._keeps(row, slots, self._now):
                self.rekey(row, self.period_for(day), day)
                self.touched.append(row.number)
                return
            row.facts = before
            self._drop_tags(row, slots)
        self._leave_period(row, day)
        self.bury(row)

    def erase(self, tx: Transaction, row: Row, *, final: bool, tags: bool = True) -> None:
        """Empty a record for good: it is never stored again. `final`: every key that ever wrapped it is to be replaced.

        `tags` False leaves its search tags to the end of those keys.
        """
        if tags:
            self._erase_tags(tx, row)
        if final:
            self._leave_period(row, self._seconds // DAY)
        self.bury(row)
        row.state, row.names = RecordState.ERASED, []

    def _erase_tags(self, tx: Transaction, row: Row) -> None:
        if row.blob is None:
            return
        try:
            self._drop_tags(row, self._box.open(row, self._box.dek(row)))
        except (Gone, Tampered):
            # It does not say what it is found by: by its number, then.
            for period in (*row.past, row.period):
                if period is not None:
                    delete_tags_of(tx, period, row.number)

    def bury(self, row: Row) -> None:
        """Empty a record without opening it; tags that stay behind go with their period."""
        row.state, row.blob, row.period, row.wrapped, row.due_at = (
            RecordState.GONE,
            None,
            None,
            None,
            None,
        )
        self.changes.bury(row)
        self.touched.append(row.number)

    def rekey(self, row: Row, period: PeriodKey, day: int | None) -> None:
        """Move a record under another period's key, its search tags with it; no value leaves."""
        dek = self._box.dek(row)
        slots = self._box.open(row, dek)
        self._drop_tags(row, slots)
        self._leave_period(row, day)
        self._box.wrap(row, dek, period)
        row.due_at = None if day is None else day * DAY
        self.changes.tag(tags_of(row, period, slots))
        self.changes.keys.append(row)

    def change(self, row: Row, changed: Callable[[dict[int, Scalar]], dict[int, Scalar]]) -> None:
        """Seal what `changed` makes of a record's values, which has none that are long, where the record is."""
        dek = self._box.dek(row)
        old = self._box.open(row, dek)
        new = changed(dict(old))
        self.changes.untag(self._tags_now(row, old) - self._tags_now(row, new))
        self.changes.tag(self._tags_now(row, new) - self._tags_now(row, old))
        for number, value in old.items():
            if new.get(number) != value and large.is_reference(value):
                self.changes.drop(row.number, number)
        self._box.seal(row, dek, new)
        self.changes.records.append(row)
        self.touched.append(row.number)

    def period_for(self, day: int | None) -> PeriodKey:
        """Return the period key of a day of disposal, or the current pending one."""
        period = self._periods.get(day)
        if period is None:
            kind = PeriodKind.PENDING if day is None else PeriodKind.DAY
            place = pending_window(self._seconds) if day is None else day
            period, made = self._keystore.period(self._seller, kind, place, self._now)
            self._periods[day] = period
            if made:
                self.made_periods.append(period)
        return period

    # -- private ---------------------------------------------------------------------------------------------------

    def _is_known(self, row: Row, view: View) -> bool:
        """Say whether merging a view would change nothing; a replaced period key takes the record away."""
        if self._recognised is None or row.state != RecordState.LIVE or row.blob is None:
            return False
        day = None if row.due_at is None else row.due_at // DAY
        return (
            self._recognised.has(row, view, self._seconds // DAY)
            and self.period_for(day).id == row.period
        )

    def _day(self, facts: DeliveryFacts, *, by_date: bool) -> int | None:
        return day_of(facts, self._seconds, self._copy_lifetime, by_date=by_date)

    def _merge_live(
        self,
        row: Row,
        sighting: Sighting,
        slots: Mapping[int, Scalar],
        names: Mapping[str, int],
        facts: DeliveryFacts,
        day: int | None,
        *,
        stale: bool,
        renamed: bool,
    ) -> None:
        newborn = row.state == RecordState.GONE
        facts_changed = facts != row.facts
        row.facts, row.state = facts, RecordState.LIVE
        slots = _still_of_use(row, slots)
        updated = max(row.source_updated, sighting.facts.updated_at)
        record_changed = renamed or newborn or updated != row.source_updated
        row.source_updated = updated
        key_changed = facts_changed
        if row.blob is None:
            row.due_at = None if day is None else day * DAY
            if slots:
                self._seal_new(row, sighting.subject, slots, names, day)
                self._seal_all()
                record_changed = key_changed = True
        else:
            sealed, moved = self._update(row, sighting.subject, slots, names, day, stale=stale)
            record_changed = record_changed or sealed
            key_changed = key_changed or moved
        if record_changed:
            self.changes.records.append(row)
        if newborn:
            self.changes.new_keys[row.number] = row
        elif key_changed:
            self.changes.keys.append(row)
        if record_changed or key_changed:
            self.touched.append(row.number)

    def _refuse_overtaken(self, row: Row, slots: Mapping[int, Scalar]) -> None:
        now = self._box.open(row, self._box.dek(row))
        slots, _beside = large.split(slots)
        if any(number in now and now[number] != value for number, value in slots.items()):
            raise Overtaken(f"record {row.number} changed after Amazon was asked")

    def _update(
        self,
        row: Row,
        subject_id: str,
        slots: Mapping[int, Scalar],
        names: Mapping[str, int],
        day: int | None,
        *,
        stale: bool,
    ) -> tuple[bool, bool]:
        """Merge values into a sealed record and move it where it belongs; return (resealed, moved)."""
        period = self.period_for(day)
        moved = period.id != row.period
        dek = self._box.dek(row)
        old = self._box.open(row, dek)
        refuse_other_subject(row, old, subject_id)
        merged = self._merged(row, old, slots, names, stale=stale)
        beside: dict[int, str] = {}
        if merged != old:
            # What lies beside the record is there as a reference: that may be the whole difference.
            slots, beside = large.split(slots)
            if beside:
                merged = self._merged(row, old, slots, names, stale=stale)
        changed = merged != old
        trimmed = changed and not old.keys().isdisjoint(_packed(row))
        if moved or changed:
            self._retag(row, old, merged, period)
        if moved:
            self._leave_period(row, day)
            self._box.wrap(row, dek, period)
            row.due_at = None if day is None else day * DAY
        if trimmed and not beside and not any(map(large.is_reference, merged.values())):
            # Under a fresh DEK: the old one goes on opening the part in copies, which end with their period.
            self._box.seal_new(period, [(row, merged)])
        elif changed:
            self._box.seal(row, dek, merged)
        if changed:
            new = {n: v for n, v in beside.items() if merged.get(n) != old.get(n)}
            for n, v in old.items():
                if merged.get(n) != v and large.is_reference(v):
                    self.changes.drop(row.number, n)
            self.changes.keep(self._box.seal_values(row, dek, new))
        if trimmed:
            self.trimmed.append(row.number)
        return changed, moved or trimmed

    def _merged(
        self,
        row: Row,
        old: dict[int, Scalar],
        slots: Mapping[int, Scalar],
        names: Mapping[str, int],
        *,
        stale: bool,
    ) -> dict[int, Scalar]:
        if stale:
            merged = {**slots, **old}
        else:
            merged = merge_around(old, slots, _latest) if CORRECTED in old else _latest(old, slots)
        for done in _packed(row):
            merged.pop(done, None)
        if names:
            merged[SLOT_NAMES] = with_names(row, old, names)
        return merged

    def _seal_new(
        self,
        row: Row,
        subject_id: str,
        slots: Mapping[int, Scalar],
        names: Mapping[str, int],
        day: int | None,
    ) -> None:
        period = self.period_for(day)
        complete = {SUBJECT_ID: subject_id, **slots}
        if names:
            complete[SLOT_NAMES] = with_names(row, {}, names)
        waiting = self._unsealed.get(period.id)
        if waiting is None:
            waiting = self._unsealed[period.id] = period, []
        waiting[1].append((row, complete))

    def _seal_all(self) -> None:
        """Seal the new records that wait for it."""
        while self._unsealed:
            _id, (period, new) = self._unsealed.popitem()
            self.changes.keep(self._box.seal_new(period, new))
            for row, slots in new:
                tags = tags_of(row, period, slots)
                if tags:
                    self.changes.tag(tags)

    def _numbered(
        self, row: Row, slots: Mapping[SlotKey, Scalar]
    ) -> tuple[Mapping[int, Scalar], dict[str, int]]:
        """Return the values by slot number, and the numbers of the dynamic names, adding new names to the row."""
        names: dict[str, int] = {}
        if {*map(type, slots)} <= _ONLY_FIXED:
            return cast("Mapping[int, Scalar]", slots), names
        fixed = {key: value for key, value in slots.items() if isinstance(key, int)}
        known = {name: FIRST_DYNAMIC + index for index, name in enumerate(row.names)}
        for key, value in slots.items():
            if isinstance(key, int):
                continue
            outside = self._box.outside_name(key)
            number = known.get(outside)
            if number is None:
                number = FIRST_DYNAMIC + len(row.names)
                if number > LAST_DYNAMIC:
                    names[key] = OVERFLOW
                    continue
                row.names.append(outside)
                known[outside] = number
            names[key] = number
            fixed[number] = value
        return fixed, names

    def _renamed(self, row: Row, names: dict[str, int], *, changed: bool) -> dict[str, int]:
        if changed:
            self.changes.records.append(row)
        return names

    def _retag(
        self, row: Row, old: Mapping[int, Scalar], new: Mapping[int, Scalar], period: PeriodKey
    ) -> None:
        before = self._tags_now(row, old)
        after = tags_of(row, period, new)
        self.changes.untag(before - after)
        self.changes.tag(after - before)

    def _drop_tags(self, row: Row, slots: Mapping[int, Scalar]) -> None:
        self.changes.untag(self._tags_now(row, slots))

    def _tags_now(self, row: Row, slots: Mapping[int, Scalar]) -> AbstractSet[Tag]:
        period = self._keystore.find_period(row.period) if row.period is not None else None
        return frozenset() if period is None else tags_of(row, period, slots)

    def _leave_period(self, row: Row, day: int | None) -> None:
        """Remember the period that a record leaves, and ask for new keys where one would outlive the record's day."""
        wrapped_by = [*row.past, *([] if row.period is None else [row.period])]
        alive = [
            period for id_ in wrapped_by if (period := self._keystore.find_period(id_)) is not None
        ]
        row.past = _unique(period.id for period in alive)
        if day is None:
            return
        for period in alive:
            dies = period.day * DAY if period.kind is PeriodKind.DAY else pending_ends(period.day)
            if dies > day * DAY:
                wanted = self.changes.replace_by.get(period.id)
                self.changes.replace_by[period.id] = (
                    day * DAY if wanted is None else min(wanted, day * DAY)
                )


def _packed(row: Row) -> set[int]:
    """Return the slots of what goes into the parcel, once it was handed over: their purpose is done [2.1]."""
    if not row.names or row.facts.status not in HANDED_OVER:
        return set()
    return {FIRST_DYNAMIC + place for place, name in enumerate(row.names) if is_packed(name)}


def _still_of_use(row: Row, slots: Mapping[int, Scalar]) -> Mapping[int, Scalar]:
    """Return the values without those whose purpose is done."""
    done = _packed(row)
    return {n: v for n, v in slots.items() if n not in done} if done else slots


def _is_older(sighting: Sighting, row: Row) -> bool:
    """Say whether Amazon has updated the order after what this sighting shows of it."""
    told = (sighting.facts.updated_at, sighting.as_of)
    return sighting.as_of == OLDEST or any(0 < at < row.source_updated for at in told)


def _latest(old: dict[int, Scalar], new: Mapping[int, Scalar]) -> dict[int, Scalar]:
    """Merge values; a changed first line means another address, of which the old one's other lines are no part."""
    for first_line, members in _GROUPS.items():
        if first_line in new and first_line in old and new[first_line] != old[first_line]:
            old = {number: value for number, value in old.items() if number not in members}
    return {**old, **new}


def _unique(ids: Iterable[PeriodId]) -> list[PeriodId]:
    return list(dict.fromkeys(ids))
