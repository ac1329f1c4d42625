"""What may be a Security Incident, and what is done for each: types and playbooks as data [1.6]. Pure."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from strongroom.errors import Malformed


class Phase(StrEnum):
    """The parts of a playbook, in order."""

    DETECT = "detect"
    CONTAIN = "contain"
    PRESERVE = "preserve"
    ASSESS = "assess"
    NOTIFY = "notify"
    RECOVER = "recover"
    LEARN = "learn"


PHASES: Final = {
    Phase.DETECT: "Detect",
    Phase.CONTAIN: "Contain",
    Phase.PRESERVE: "Preserve",
    Phase.ASSESS: "Assess",
    Phase.NOTIFY: "Notify",
    Phase.RECOVER: "Recover",
    Phase.LEARN: "Learn",
}


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One line of a checklist; `key` is its name in cases, such as `contain.account`."""

    key: str
    phase: Phase
    text: str


@dataclass(frozen=True, slots=True)
class IncidentKind:
    """One type of incident with its playbook."""

    key: str
    name: str
    says: str
    steps: tuple[PlaybookStep, ...]

    def of(self, phase: Phase) -> list[PlaybookStep]:
        """Return the steps of one part."""
        return [step for step in self.steps if step.phase is phase]


@lru_cache(1)
def kinds() -> Mapping[str, IncidentKind]:
    """Return every type, by key."""
    text = files("strongroom.compliance.incidents").joinpath("playbooks.toml").read_text("utf-8")
    data = tomllib.loads(text)
    common = data["common"]
    return {
        key: IncidentKind(
            key,
            row["name"],
            row["says"],
            tuple(
                PlaybookStep(f"{phase.value}.{name}", phase, said)
                for phase in Phase
                for name, said in {**common.get(phase, {}), **row.get(phase, {})}.items()
            ),
        )
        for key, row in data["type"].items()
    }


def kind_named(key: str) -> IncidentKind:
    """Return a type. Raises: Malformed."""
    found = kinds().get(key)
    if found is None:
        raise Malformed("no such type of incident", hint=f"one of {', '.join(kinds())}")
    return found


def hollow() -> list[str]:
    """Return the parts of playbooks that say nothing, as `type phase`."""
    return [
        f"{kind.key} {phase.value}"
        for kind in kinds().values()
        for phase in Phase
        if not any(step.text.strip() for step in kind.of(phase))
    ]


def digest() -> str:
    """Return the SHA-256 of all types and steps: what a person looked at when they confirmed the list."""
    lines = [
        f"{kind.key}\t{kind.name}\t{kind.says}\n"
        + "".join(f"{step.key}\t{step.text}\n" for step in kind.steps)
        for kind in kinds().values()
    ]
    return sha256("".join(lines).encode()).hexdigest()


def digest_of(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines in order."""
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
