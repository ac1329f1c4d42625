"""What the page of settings shows of the installation; `desks.py` says how each is found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is now. `value` is not told of one that may hold a secret."""

    name: str
    value: str
    source: str
    """`standard`, `file` or `environment`."""
    about: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that listeners show."""

    names: tuple[str, ...]
    issuer: str
    key: str
    thumbprint: str
    not_before: datetime
    not_after: datetime
    ours: bool


class Checked(Protocol):
    """What one check of the doctor found."""

    @property
    def id(self) -> str:
        """Its name, which stays the same."""

    @property
    def state(self) -> str:
        """`ok`, `warning` or `failed`."""

    @property
    def detail(self) -> str:
        """What was seen."""

    @property
    def hint(self) -> str | None:
        """What to do where it is not well."""


Checks = Callable[[datetime], Sequence[Checked]]


@dataclass(frozen=True, slots=True)
class Installation:
    """How the page learns of it."""

    version: str
    home_id: str
    environment: str
    settings: Callable[[], Sequence[Setting]]
    listeners: Callable[[], Mapping[str, int]]
    certificate: Callable[[], Shown]
    checks: Checks
