"""The inventory of software and devices with access to personal data: who answers for each, what became of it [2.3].

What opened values here is added by itself and stays open until a person confirms or retires it. A retired thing that is
seen again is open again. Nothing is ever deleted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from strongroom.assurance.assets import store
from strongroom.assurance.assets.asset import (
    Asset,
    Bom,
    Words,
    checked,
    checked_digest,
    facts,
)
from strongroom.assurance.assets.kinds import (
    LONGEST_NAME,
    PHYSICAL,
    Disposal,
    Kind,
    Source,
)
from strongroom.assurance.assets.posture import (
    STATED_FOR,
    Cell,
    Check,
    Report,
    State,
    applies,
    judged,
)
from strongroom.assurance.assets.sbom import read_bom
from strongroom.assurance.assets.seen import Seen
from strongroom.assurance.assets.store import Filter
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import SYSTEM, Caller, PrincipalId

MOST_CONFIRMED: Final = 1000
"""Assets confirmed at once."""

_CONTENT: Final = "asset_bom.content"
_assets: Final = store.assets


class Inventory:
    """The inventory of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        people: People,
        *,
        look: Callable[[datetime], Sequence[Seen]],
        current: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._people = people
        self._look = look
        self.current = current
        """The profile of the later revisions is in force."""

    # -- reading ---------------------------------------------------------------------------------

    def show(self, id_: int) -> Asset:
        """Return one asset. Raises: NotFound."""
        with self._database.read() as tx:
            return store.one(tx, self._writings, id_)

    def page(  # noqa: PLR0913 - the filters of one list
        self,
        which: Filter,
        now: datetime,
        *,
        kind: Kind | None = None,
        source: Source | None = None,
        owner: PrincipalId | None = None,
        pii: bool | None = None,
        text: str = "",
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[Asset]:
        """Return up to so many assets; `text` is a whole name or serial number."""
        where = store.shown(which, self._people.active(now))
        if kind is not None:
            where.append(_assets.c.kind == kind.value)
        if source is not None:
            where.append(_assets.c.source == source.value)
        if owner is not None:
            where.append(_assets.c.owner_id == owner)
        if pii is not None:
            where.append(_assets.c.pii.is_(sa.true() if pii else sa.false()))
        if text:
            where.append(
                (_assets.c.name_tag == self.name_tag(text))
                | (_assets.c.key == self.key_of(text, text))
            )
        with self._database.read() as tx:
            return store.page(tx, self._writings, where, before=before, after=after, limit=limit)

    def counts(self, now: datetime) -> Mapping[str, int]:
        """Return how many assets there are: `active`, and of them `open`, `no_owner` and `pii`; `retired`."""
        people = self._people.active(now)
        with self._database.read() as tx:
            return store.counts(tx, people)

    def devices_of(
        self, person: PrincipalId, now: datetime
    ) -> list[tuple[Asset, dict[Check, Cell]]]:
        """Return the things a person answers for that handle personal data, with how they stand."""
        with self._database.read() as tx:
            where = [*store.in_scope(), _assets.c.owner_id == person]
            found = store.page(
                tx, self._writings, where, before=None, after=None, limit=MOST_CONFIRMED
            )
            reports = store.reports(tx, [one.id for one in found])
        return [(one, self._judged(one, reports, now)) for one in found]

    def waiting(self, now: datetime) -> list[Seen]:
        """Return what is seen and has no place in the inventory yet, or was retired before."""
        return [seen for seen, _known in self._unlisted(now)]

    def matrix(
        self,
        now: datetime,
        *,
        state: State | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[tuple[Asset, dict[Check, Cell]]]:
        """Return devices that handle personal data, each with how it stands."""
        where = list(store.in_scope())
        if state is not None:
            where.append(store.standing(state, now, current=self.current))
        with self._database.read() as tx:
            found = store.page(tx, self._writings, where, before=before, after=after, limit=limit)
            reports = store.reports(tx, [one.id for one in found])
        return [(one, self._judged(one, reports, now)) for one in found]

    def tally(self, now: datetime) -> dict[State, int]:
        """Return how many devices fail, are unknown and pass in everything that is looked at."""
        with self._database.read() as tx:
            asked = [(tuple(Check), PHYSICAL)]
            return store.tallies(tx, asked, now, current=self.current)[0]

    def scannable(self, limit: int = 500) -> list[tuple[int, datetime]]:
        """Return computers and servers that handle personal data, by number, with since when they are here [2.7]."""
        kinds = [Kind.COMPUTER.value, Kind.SERVER.value]
        query = sa.select(_assets.c.id, _assets.c.added_at).where(
            *store.in_scope(), _assets.c.kind.in_(kinds)
        )
        with self._database.read() as tx:
            found = tx.execute(query.order_by(_assets.c.id).limit(limit)).all()
        return [(row.id, row.added_at) for row in found]

    def posture(self, asset: Asset, now: datetime) -> dict[Check, Cell]:
        """Return how one asset stands."""
        with self._database.read() as tx:
            return self._judged(asset, store.reports(tx, [asset.id]), now)

    def reports(self, asset: int) -> dict[str, Report]:
        """Return what a feed reported and what was stated of an asset, by `feed` and `statement`."""
        with self._database.read() as tx:
            return {by: one for (_id, by), one in store.reports(tx, [asset]).items()}

    def bom(self, asset: int) -> Bom | None:
        """Return what is known of an asset's parts; None where no bill of materials is attached."""
        with self._database.read() as tx:
            return store.bom(tx, asset)

    def bom_content(self, asset: int) -> bytes:
        """Return the bill of materials as it was attached. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(
                sa.select(store.boms.c.content).where(store.boms.c.asset_id == asset)
            ).first()
        if row is None:
            raise NotFound(f"asset {asset} has no bill of materials")
        return self._writings.open_bytes(_CONTENT, asset, bytes(row.content))

    # -- keys ------------------------------------------------------------------------------------

    def key_of(self, serial: str, name: str) -> str:
        """Return by what an asset is known again: its serial number, or its name where it has none."""
        kind, value = ("serial", serial) if serial else ("name", name)
        return f"{kind}:{self._audit.pseudonym(f'asset-{kind}', value.strip().lower())}"

    def name_tag(self, name: str) -> str:
        """Return the keyed hash by which a name is found."""
        return self._audit.pseudonym("asset-name", name.strip().lower())

    # -- changing --------------------------------------------------------------------------------

    def add(
        self,
        caller: Caller,
        kind: Kind,
        words: Words,
        now: datetime,
        *,
        owner: str = "",
        pii: bool = True,
    ) -> int:
        """Declare an asset on one's own name, which confirms it; return its number.

        Raises:
            Denied: the caller may not oversee, or the owner is no active person.
            NotFound: there is no person of the owner's name.
            Conflict: an asset of this serial number, or of this name without one, is there.
            Malformed: a text is missing, too long or no plain line.

        """
        self._people.refuse_strangers(caller, now)
        words = checked(words)
        owner_id = self._people.named(owner, now) if owner else None
        key = self.key_of(words.serial, words.name)
        with self._database.write() as tx:
            if store.by_keys(tx, self._writings, [key]):
                raise Conflict("an asset of this serial number or name is in the inventory")
            id_ = self.insert(
                tx, key, kind, Source.DECLARED, words, now, owner=owner_id, pii=pii, seen_at=None
            )
            self._confirm(tx, id_, caller, now)
            self._record(tx, EventType.ASSET_ADDED, caller, now, id_, op=Source.DECLARED.value)
        return id_

    def change(
        self,
        caller: Caller,
        id_: int,
        kind: Kind,
        words: Words,
        now: datetime,
        *,
        owner: str = "",
        pii: bool = True,
    ) -> None:
        """Write an asset anew. Raises: as `add`; Conflict: it is retired."""
        self._people.refuse_strangers(caller, now)
        words = checked(words)
        owner_id = self._people.named(owner, now) if owner else None
        with self._database.write() as tx:
            before = self._active(tx, id_)
            key = before.key
            if key.startswith(("serial:", "name:")):
                key = self.key_of(words.serial, words.name)
            other = store.by_keys(tx, self._writings, [key]).get(key)
            if other is not None and other.id != id_:
                raise Conflict("another asset has this serial number or name")
            values = {
                "key": key,
                "name_tag": self.name_tag(words.name),
                "kind": kind.value,
                "words": store.sealed(self._writings, key, words),
                "owner_id": owner_id,
                "pii": pii,
                "changed_at": now,
            }
            tx.execute(_assets.update().where(_assets.c.id == id_).values(**values))
            after = replace(before, kind=kind, words=words, owner=owner_id, pii=pii)
            self._record(tx, EventType.ASSET_CHANGED, caller, now, id_, content=facts(after))

    def confirm(self, caller: Caller, ids: Iterable[int], now: datetime, *, owner: str = "") -> int:
        """Say on one's own name that these are ours and as they are listed; `owner` is for those without one.

        Raises:
            Denied, NotFound: as `add`.
            Conflict: one is retired, or would have no owner who is there.
            Malformed: there are none, or too many.

        """
        self._people.refuse_strangers(caller, now)
        wanted = sorted(set(ids))
        if not 0 < len(wanted) <= MOST_CONFIRMED:
            raise Malformed(f"choose between 1 and {MOST_CONFIRMED} assets to confirm")
        owner_id = self._people.named(owner, now) if owner else None
        active = self._people.active(now)
        with self._database.write() as tx:
            for id_ in wanted:
                asset = self._active(tx, id_)
                held = asset.owner if asset.owner in active else owner_id
                if held is None:
                    raise Conflict(
                        f"asset {id_} has no owner who is there", hint="say who answers for it"
                    )
                if held != asset.owner:
                    tx.execute(
                        _assets.update()
                        .where(_assets.c.id == id_)
                        .values(owner_id=held, changed_at=now)
                    )
                self._confirm(tx, id_, caller, now)
                self._record(tx, EventType.ASSET_CONFIRMED, caller, now, id_)
        return len(wanted)

    def retire(
        self, caller: Caller, id_: int, disposal: Disposal, now: datetime, *, digest: str = ""
    ) -> None:
        """Take an asset out of use and say how what was on it was destroyed; `digest` is the SHA-256 of what proves it.

        Raises:
            Denied: the caller may not oversee.
            Conflict: it is retired, or it handled personal data and nothing of it was destroyed.
            Malformed: the digest is none.

        """
        self._people.refuse_strangers(caller, now)
        digest = checked_digest(digest)
        with self._database.write() as tx:
            asset = self._active(tx, id_)
            if asset.pii and asset.kind in PHYSICAL and disposal is Disposal.NONE_HELD:
                raise Conflict(
                    f"asset {id_} handles personal data by the inventory",
                    hint="say how the data on it was destroyed, or change the asset first",
                )
            values = {
                "retired_at": now,
                "retired_by": caller.principal,
                "disposal": disposal.value,
                "disposal_digest": digest or None,
            }
            tx.execute(_assets.update().where(_assets.c.id == id_).values(**values))
            changes = (Change(Field.CONTENT, after=digest),) if digest else ()
            self._record(
                tx,
                EventType.ASSET_RETIRED,
                caller,
                now,
                id_,
                op=disposal.value,
                changes=changes,
            )

    def state(
        self,
        caller: Caller,
        id_: int,
        flags: Mapping[Check, bool],
        ages: Mapping[Check, datetime],
        now: datetime,
        *,
        digest: str,
    ) -> None:
        """State how a device without a feed stands, until it ends by itself; `digest` is the SHA-256 of a picture.

        Raises:
            Denied: the caller neither answers for the asset nor oversees.
            Conflict: nothing is looked at of such an asset, or it is retired.
            Malformed: nothing is stated, an instant is yet to come, or there is no evidence.

        """
        with self._database.read() as tx:
            asset = store.one(tx, self._writings, id_)
        if asset.owner != caller.principal or caller.principal not in self._people.active(now):
            self._people.refuse_strangers(caller, now)
        wanted = applies(asset.kind, current=True)
        if not wanted or asset.retired_at is not None:
            raise Conflict(f"nothing is stated of asset {id_}")
        if not digest:
            raise Malformed("a statement needs evidence: a picture by its SHA-256")
        digest = checked_digest(digest)
        said = {check: told for check, told in flags.items() if check in wanted}
        dated = {check: at for check, at in ages.items() if check in wanted}
        if not said and not dated:
            raise Malformed("say at least one thing about the device")
        if any(at > now for at in dated.values()):
            raise Malformed("a day is yet to come")
        report = Report(now, said, dated, now + STATED_FOR)
        with self._database.write() as tx:
            self._active(tx, id_)
            store.put_report(tx, id_, report, by=caller.principal, digest=digest)
            event = Event(
                EventType.ASSET_STATED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.ASSET,
                obj_ref=str(id_),
                n=len(said) + len(dated),
                changes=(Change(Field.CONTENT, after=digest),),
            )
            self._audit.append(tx, event, now=now)

    def attach(self, caller: Caller, id_: int, content: bytes, now: datetime) -> Bom:
        """Attach a bill of materials (CycloneDX JSON) to a software asset, in place of the one before.

        Raises:
            Denied: the caller may not oversee.
            Malformed: it is no CycloneDX JSON, or too large.
            Conflict: it is no program or server, or it is retired.

        """
        self._people.refuse_strangers(caller, now)
        found = read_bom(content)
        with self._database.write() as tx:
            asset = self._active(tx, id_)
            if asset.kind in {Kind.PRINTER, Kind.MEDIUM, Kind.OTHER}:
                raise Conflict(f"asset {id_} is nothing that runs programs")
            digest = sha256(content).hexdigest()
            tx.execute(store.boms.delete().where(store.boms.c.asset_id == id_))
            tx.execute(
                store.boms.insert().values(
                    asset_id=id_,
                    at=now,
                    by_id=caller.principal,
                    format=found.format,
                    components=len(found.components),
                    sha256=digest,
                    content=self._writings.seal_bytes(_CONTENT, id_, content),
                )
            )
            event = Event(
                EventType.ASSET_BOM_ATTACHED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.ASSET,
                obj_ref=str(id_),
                n=len(found.components),
                changes=(Change(Field.CONTENT, after=digest),),
            )
            self._audit.append(tx, event, now=now)
        return Bom(now, caller.principal, found.format, len(found.components), digest)

    def discover(self, now: datetime) -> int:
        """Add what is seen and not listed, as open; return how many came. What is listed is marked as seen."""
        seen = {one.key: one for one in self._look(now)}
        came = 0
        with self._database.write() as tx:
            known = store.by_keys(tx, self._writings, seen)
            for key, one in seen.items():
                asset = known.get(key)
                if asset is None:
                    id_ = self.insert(
                        tx,
                        key,
                        one.kind,
                        Source.SEEN,
                        Words(one.name[:LONGEST_NAME]),
                        now,
                        owner=one.owner,
                        pii=True,
                        seen_at=one.at,
                    )
                    self._record(tx, EventType.ASSET_ADDED, SYSTEM, now, id_, op="seen")
                    came += 1
                    continue
                values: dict[str, object] = {"seen_at": one.at}
                if _is_back(asset, one):
                    values |= {"retired_at": None, "confirmed_at": None, "confirmed_by": None}
                    self._record(tx, EventType.ASSET_ADDED, SYSTEM, now, asset.id, op="seen_again")
                    came += 1
                elif asset.seen_at is not None and asset.seen_at >= one.at:
                    continue
                tx.execute(_assets.update().where(_assets.c.id == asset.id).values(**values))
        return came

    def export(self, caller: Caller, now: datetime) -> list[Asset]:
        """Return every asset, retired ones too, to leave as a file; that is recorded. Raises: Denied."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            rows = tx.execute(sa.select(_assets).order_by(_assets.c.id)).all()
            found = [store.read(row, self._writings) for row in rows]
            event = Event(EventType.ASSET_EXPORTED, Outcome.SUCCESS, caller, op="csv", n=len(found))
            self._audit.append(tx, event, now=now)
        return found

    def insert(  # noqa: PLR0913 - all that an asset says
        self,
        tx: Transaction,
        key: str,
        kind: Kind,
        source: Source,
        words: Words,
        now: datetime,
        *,
        owner: PrincipalId | None,
        pii: bool,
        seen_at: datetime | None,
    ) -> int:
        """Add a row and return its number; for this room."""
        values = self.row(key, kind, source, words, now, owner=owner, pii=pii, seen_at=seen_at)
        insert = _assets.insert().values(**values).returning(_assets.c.id)
        id_: int = tx.execute(insert).scalar_one()
        return id_

    def row(  # noqa: PLR0913 - as above
        self,
        key: str,
        kind: Kind,
        source: Source,
        words: Words,
        now: datetime,
        *,
        owner: PrincipalId | None,
        pii: bool,
        seen_at: datetime | None,
        feed: str | None = None,
    ) -> dict[str, object]:
        """Return the values of a new row; for this room."""
        return {
            "key": key,
            "name_tag": self.name_tag(words.name),
            "kind": kind.value,
            "source": source.value,
            "feed": feed,
            "words": store.sealed(self._writings, key, words),
            "owner_id": owner,
            "pii": pii,
            "added_at": now,
            "changed_at": now,
            "seen_at": seen_at,
        }

    # -- private ---------------------------------------------------------------------------------

    def _unlisted(self, now: datetime) -> list[tuple[Seen, Asset | None]]:
        seen = {one.key: one for one in self._look(now)}
        with self._database.read() as tx:
            known = store.by_keys(tx, self._writings, seen)
        found = []
        for key, one in seen.items():
            asset = known.get(key)
            if asset is None or _is_back(asset, one):
                found.append((one, asset))
        return found

    def _judged(
        self, asset: Asset, reports: Mapping[tuple[int, str], Report], now: datetime
    ) -> dict[Check, Cell]:
        return judged(
            asset.kind,
            reports.get((asset.id, "feed")),
            reports.get((asset.id, "statement")),
            now,
            owned=asset.owner is not None,
            current=self.current,
        )

    def _active(self, tx: Transaction, id_: int) -> Asset:
        asset = store.one(tx, self._writings, id_, locked=True)
        if asset.retired_at is not None:
            raise Conflict(f"asset {id_} is retired")
        return asset

    def _confirm(self, tx: Transaction, id_: int, caller: Caller, now: datetime) -> None:
        values = {"confirmed_at": now, "confirmed_by": caller.principal}
        tx.execute(_assets.update().where(_assets.c.id == id_).values(**values))

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        now: datetime,
        id_: int,
        *,
        op: str | None = None,
        content: str = "",
        changes: tuple[Change, ...] = (),
    ) -> None:
        if content:
            # Keyed: what an asset says may name somebody.
            after = self._audit.pseudonym("asset", content)
            changes = (*changes, Change(Field.TERMS, after=after))
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.ASSET,
            obj_ref=str(id_),
            changes=changes,
        )
        self._audit.append(tx, event, now=now)


def _is_back(asset: Asset, seen: Seen) -> bool:
    return asset.retired_at is not None and seen.at > asset.retired_at
