"""One notice of Amazon's as its facts tell it: how far it is, what is late, what a certificate lacks [1.7]."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.deletion.facts import Fact
from strongroom.deletion.stores import Store, stores
from strongroom.policy.deletion import Asked, Clocks, Scope, Verdict, lacks
from strongroom.terms import PrincipalId, PrincipalKind

_TERMS_DIGITS: Final = 16
_STEPS: Final = ("parties", "package", "erase", "keys", "files")


@dataclass(frozen=True, slots=True)
class Who:
    """A principal as parties need it; `owner` is who answers for an app."""

    name: str
    kind: PrincipalKind
    owner: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Party:
    """Who received the data, and who confirmed that it is gone there."""

    name: str
    about: str
    records: int
    confirmed_by: PrincipalId | None
    confirmed_at: datetime | None
    words: str | None
    event: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, as the log has it. `terms` name the plan: an approval is of exactly that."""

    id: int
    asked: Asked
    reference: str
    scope: Scope
    received_at: datetime
    clocks: Clocks
    facts: Mapping[tuple[str, str], Fact]
    parties: tuple[Party, ...]

    @property
    def plan(self) -> Mapping[str, Any] | None:
        """What was planned last."""
        found = self.facts.get(("planned", ""))
        return None if found is None else found.content

    @property
    def terms(self) -> str | None:
        """The name of the plan, as it is shown."""
        found = self.facts.get(("planned", ""))
        return None if found is None else found.seal[:_TERMS_DIGITS]

    @property
    def approved(self) -> Fact | None:
        """The approval of the plan as it is now."""
        planned, found = self.facts.get(("planned", "")), self.facts.get(("approved", ""))
        if planned is None or found is None or found.event < planned.event:
            return None
        return found if found.content["plan"] == planned.seal else None

    def step(self, name: str) -> Fact | None:
        """A step of the approved plan that is done."""
        approved, found = self.approved, self.facts.get(("stepped", name))
        return None if approved is None or found is None or found.event < approved.event else found

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of this notice, in their order."""
        return tuple(s for s in _STEPS if s != "package" or self.asked is Asked.RETURN)

    @property
    def erased_at(self) -> datetime | None:
        """When the last step was done."""
        found = self.step(_STEPS[-1])
        return None if found is None else found.at

    def after_run(self, kind: str, name: str) -> Fact | None:
        """What was found or stated of a store since the last step was done."""
        last, found = self.step(_STEPS[-1]), self.facts.get((kind, name))
        return None if last is None or found is None or found.event < last.event else found

    @property
    def stores(self) -> tuple[Store, ...]:
        """The stores of its plan."""
        plan = self.plan
        return () if plan is None else stores(self.asked, plan["declared"])

    @property
    def lacks(self) -> list[str]:
        """What keeps a certificate from being true."""
        if self.erased_at is None:
            return ["it was not run to its end"]
        names = tuple(store.name for store in self.stores)
        found = {name: self.after_run("verified", name) for name in names}
        verdicts = {
            name: Verdict(fact.content["verdict"])
            for name, fact in found.items()
            if fact is not None
        }
        stated = frozenset(name for name in names if self.after_run("stated", name) is not None)
        return lacks(verdicts, names, stated)

    @property
    def open_parties(self) -> list[Party]:
        """Those who have not confirmed."""
        return [party for party in self.parties if party.confirmed_by is None]

    @property
    def state(self) -> str:
        """How far it is, in one word."""
        if ("closed", "") in self.facts:
            return "closed"
        if ("certified", "") in self.facts and not self.lacks:
            return "certified"
        if self.erased_at is not None:
            return "erased" if self.lacks else "verified"
        if self.approved is not None:
            return "running" if self.step(self.steps[0]) is not None else "approved"
        return "registered" if self.plan is None else "planned"

    def overdue(self, now: datetime) -> list[str]:
        """Return what is late, in words."""
        if ("closed", "") in self.facts:
            return []
        found = []
        if self.erased_at is None and now > self.clocks.erase_by:
            found.append("what it asks for is not gone after 72 hours")
        if now > self.clocks.erase_by:
            found += [f"{party.name} has not confirmed" for party in self.open_parties]
        if now > self.clocks.live_by:
            found.append("it is not closed after 90 days")
        return found
