"""How often Amazon takes one operation of one selling partner: its usage plans, and buckets that keep to them.

Pure; instants are seconds of any steady clock. `usage_plans.json` holds the published plans by method and path: calls a
second in the long run, and how many at once. What Amazon says of itself in an answer counts more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import orjson

SLOWEST: Final = 1e-4
FASTEST: Final = 1e3
"""Rates beyond these, in an answer, are mistakes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls a second in the long run, and how many at once."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Turn:
    """When a call may go: after so many seconds where it was given a place, else at the earliest."""

    given: bool
    seconds: float


@dataclass(slots=True)
class Bucket:
    """What is left of one plan. Places are given in the order they are asked for."""

    plan: Plan
    left: float
    at: float

    def take(self, now: float, patience: float) -> Turn:
        """Take one call's place, if it comes within `patience` seconds; who may not wait takes none."""
        self._fill(now)
        # Below nothing, it is owed: those before this one wait for it too.
        wait = max((1 - self.left) / self.plan.rate, 0.0)
        if wait > patience:
            return Turn(given=False, seconds=wait)
        self.left -= 1
        return Turn(given=True, seconds=wait)

    def empty(self, now: float) -> None:
        """Note that Amazon has had enough: others use this plan as well."""
        self._fill(now)
        self.left = min(self.left, 0.0)

    def learn(self, rate: float, now: float) -> None:
        """Go by another rate from now on, as an answer of Amazon's named it."""
        if SLOWEST <= rate <= FASTEST and rate != self.plan.rate:
            self._fill(now)
            self.plan = Plan(rate, self.plan.burst)

    def _fill(self, now: float) -> None:
        passed = max(now - self.at, 0.0)
        self.left = min(self.left + passed * self.plan.rate, self.plan.burst)
        self.at = now


def plan_of(method: str, template: str) -> Plan | None:
    """Return the published plan of an operation; None where Amazon publishes none."""
    return _PLANS.get(f"{method} {template}")


def full(plan: Plan, now: float) -> Bucket:
    """Return a bucket that nothing was taken from yet."""
    return Bucket(plan, plan.burst, now)


def _read() -> Mapping[str, Plan]:
    text = resources.files(__package__).joinpath("usage_plans.json").read_bytes()
    rows: dict[str, Any] = orjson.loads(text)
    return {operation: Plan(float(rate), float(burst)) for operation, (rate, burst) in rows.items()}


_PLANS: Final = _read()
