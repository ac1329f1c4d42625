"""What the inventory tells of the duties it serves, and what is to be done about it [1.1, 2.3]."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.assurance.assets import store
from strongroom.assurance.assets.campaigns import MONTHS, Campaigns
from strongroom.assurance.assets.inventory import Inventory
from strongroom.assurance.assets.kinds import END_USER, PHYSICAL, Kind
from strongroom.assurance.assets.posture import CHECKS, MALWARE, Check, State
from strongroom.compliance.cadence import day_end
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.people import People
from strongroom.db.engine import Database
from strongroom.policy.laws import months_later
from strongroom.terms import PrincipalId

MALWARE_DUTY: Final = DutyId("1.1-c")
LISTED_DUTY: Final = DutyId("2.3-a")
QUARTER_DUTY: Final = DutyId("2.3-b")
DEVICES_DUTY: Final = DutyId("2.3-c")
PATH: Final = "/assets"
MINE: Final = "/assets/mine"
_SHOWN: Final = 5
_TOLD: Final = (State.PASS, State.FAIL, State.UNKNOWN)
_ASKED: Final[Mapping[DutyId, tuple[tuple[Check, ...], frozenset[Kind]]]] = {
    DEVICES_DUTY: (tuple(Check), PHYSICAL),
    MALWARE_DUTY: (MALWARE, END_USER),
}
_STATEMENT_SOON: Final = timedelta(days=14)


class AssetDuties:
    """The part of the inventory in keeping duties."""

    def __init__(
        self,
        database: Database,
        people: People,
        inventory: Inventory,
        campaigns: Campaigns,
    ) -> None:
        self._database = database
        self._people = people
        self._inventory = inventory
        self._campaigns = campaigns

    def findings(self, now: datetime) -> dict[DutyId, Finding]:
        """Return what is seen of the inventory and of the devices in it."""
        found = {LISTED_DUTY: self._listed(now), QUARTER_DUTY: self._quarter(now)}
        current = self._inventory.current
        with self._database.read() as tx:
            tallies = store.tallies(tx, list(_ASKED.values()), now, current=current)
            for (duty, (checks, kinds)), tally in zip(_ASKED.items(), tallies, strict=True):
                worst = State.FAIL if tally[State.FAIL] else State.UNKNOWN
                named: list[int] = []
                if tally[worst]:
                    named = store.first_of(
                        tx, worst, checks, now, current=current, kinds=kinds, most=_SHOWN
                    )
                found[duty] = _devices_stand(duty, checks, tally, named)
        return found

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return the campaign that is open, what nobody vouched for, and which statements end.

        When the next campaign begins is recurring work, and told there.
        """
        office = Office.IT_ADMIN
        running = self._campaigns.open()
        if running is None and self._campaigns.last_signed() is None:
            what, path = "Take and sign the first inventory", f"{PATH}/campaigns"
            yield Due(what, path, day_end(now), office=office, duty=QUARTER_DUTY)
        if running is not None:
            due = max(self._campaigns.due_at(now), running.started_at + timedelta(days=14))
            what, path = "Finish and sign the inventory", f"{PATH}/campaigns/{running.id}"
            yield Due(
                what, path, due, office=office, duty=QUARTER_DUTY, began_at=running.started_at
            )
        open_ = self._inventory.counts(now)["open"] + len(self._inventory.waiting(now))
        if open_:
            what = f"Confirm or retire {open_:,} asset" + ("" if open_ == 1 else "s")
            yield Due(what, f"{PATH}?show=open", day_end(now), office=office, duty=LISTED_DUTY)
        active = self._people.active(now)
        for id_, owner, ends in self._ending(now):
            what = f"State again how asset {id_} stands"
            if owner in active:
                yield Due(what, MINE, ends, person=owner, duty=DEVICES_DUTY)
            else:
                yield Due(what, f"{PATH}/{id_}", ends, office=office, duty=DEVICES_DUTY)

    # -- private ---------------------------------------------------------------------------------

    def _listed(self, now: datetime) -> Finding:
        counts, waiting = self._inventory.counts(now), self._inventory.waiting(now)
        held = f"{counts['pii']} with access to personal data, {counts['retired']} retired"
        proof = (f"inventory: {counts['active']} assets, {held}",)
        if waiting:
            first = ", ".join(one.key for one in waiting[:_SHOWN])
            return Finding(
                Verdict.FAIL,
                f"{_things(len(waiting))} with access to personal data not listed: {first}",
                proof,
                "the house adds them within the hour; confirm or retire each",
            )
        if counts["open"]:
            why = f"{_things(counts['open'])} in the inventory neither confirmed nor retired"
            return Finding(Verdict.FAIL, why, proof, "confirm or retire each on the page of assets")
        if counts["no_owner"]:
            why = f"{_things(counts['no_owner'])} without an owner who is there"
            return Finding(Verdict.FAIL, why, proof, "give each an owner on the page of assets")
        if not counts["active"]:
            return Finding(
                Verdict.UNKNOWN,
                "nothing is listed yet",
                proof,
                "the house lists itself within the hour; import or add the rest",
            )
        why = "all that opened values in the last 90 days is listed, confirmed and has an owner"
        return Finding(Verdict.PASS, why, proof)

    def _quarter(self, now: datetime) -> Finding:
        remedy = "take the inventory of this quarter and have the IT administrator sign it"
        newest = next((c for c in self._campaigns.listed() if c.closed_at is not None), None)
        if newest is not None and not newest.sound:
            why = f"campaign {newest.id} is not what the log says was signed"
            return Finding(Verdict.FAIL, why, (), "look at the log, then take the inventory anew")
        if newest is None or newest.closed_at is None:
            return Finding(Verdict.FAIL, "no inventory was signed yet", (), remedy)
        proof = (f"campaign {newest.id}, SHA-256 {newest.digest}",)
        day = f"{newest.closed_at:%Y-%m-%d}"
        if now >= months_later(newest.closed_at, MONTHS):
            why = f"the last inventory was signed on {day}, more than a quarter ago"
            return Finding(Verdict.FAIL, why, proof, remedy)
        why = f"the inventory was signed on {day}"
        return Finding(Verdict.PASS, why, proof, seen_at=newest.closed_at)

    def _ending(self, now: datetime) -> list[tuple[int, PrincipalId | None, datetime]]:
        stated, assets = store.postures, store.assets
        query = (
            sa.select(stated.c.asset_id, assets.c.owner_id, stated.c.expires_at)
            .join(assets, assets.c.id == stated.c.asset_id)
            .where(
                stated.c.source == "statement",
                stated.c.expires_at <= now + _STATEMENT_SOON,
                assets.c.retired_at.is_(None),
            )
            .order_by(stated.c.expires_at)
            .limit(_SHOWN)
        )
        with self._database.read() as tx:
            return [(row.asset_id, row.owner_id, row.expires_at) for row in tx.execute(query)]


def _devices_stand(
    duty: DutyId, checks: tuple[Check, ...], tally: Mapping[State, int], named: list[int]
) -> Finding:
    """Return how the devices stand: one that fails fails all, one that nobody knows leaves it unknown."""
    total = sum(tally.values())
    how = ", ".join(f"{tally[state]} {state.value}" for state in _TOLD)
    proof = (f"matrix of {total} devices: {how}",)
    some = ", ".join(str(id_) for id_ in named)
    matrix = "look at the matrix of devices"
    if not total:
        what = "device of people" if duty == MALWARE_DUTY else "device"
        return Finding(
            Verdict.UNKNOWN,
            f"the inventory has no {what} that handles personal data",
            proof,
            "import the devices, or add each by hand",
        )
    if tally[State.FAIL]:
        why = f"{_devices(tally[State.FAIL])} not as the policy wants: {some}"
        return Finding(Verdict.FAIL, why, proof, f"{matrix}, and mend what it names")
    if tally[State.UNKNOWN]:
        why = f"{_devices(tally[State.UNKNOWN])} unknown, since nothing was reported lately: {some}"
        remedy = f"{matrix}; import a new report, or state how the device stands"
        return Finding(Verdict.UNKNOWN, why, proof, remedy)
    names = ", ".join(CHECKS[check].lower() for check in checks if check is not Check.GUARDED)
    return Finding(Verdict.PASS, f"every device shows: {names}", proof)


def _things(number: int) -> str:
    return f"{number:,} asset" + (" is" if number == 1 else "s are")


def _devices(number: int) -> str:
    return f"{number:,} device" + (" is" if number == 1 else "s are")
