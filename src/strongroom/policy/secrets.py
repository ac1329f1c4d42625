"""How long the secrets of this installation itself may live, and which of them are due [1.4].

Pure. These are the ones that Strongroom shows to others: to Login with Amazon, to its databases, to its own root key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.policy.limits import LWA_SECRET_LIFETIME, SECRET_ENDS_SOON, SYSTEM_SECRET_LIFETIME

PASSPHRASE: Final = "root-passphrase"  # noqa: S105 - a name
VAULT_DATABASE: Final = "vault-database"
KEYSTORE_DATABASE: Final = "keystore-database"
OIDC_CLIENT: Final = "oidc-client"
SMTP: Final = "smtp:"
"""Before a channel's name."""
LWA: Final = "lwa:"
"""Before a selling partner's name, or its number where the log or a row names it."""


class SecretState(StrEnum):
    """How a secret stands: `soon` is when to make the next one."""

    OK = "ok"
    SOON = "soon"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class SecretAge:
    """One secret as listed: never what it is."""

    name: str
    since: datetime
    lifetime: timedelta

    @property
    def ends_at(self) -> datetime:
        """By when the next one is in its place [1.4]."""
        return self.since + self.lifetime

    def state(self, now: datetime) -> SecretState:
        """Return how it stands."""
        left = self.ends_at - now
        if left <= timedelta(0):
            return SecretState.LATE
        return SecretState.SOON if left <= SECRET_ENDS_SOON else SecretState.OK


def lifetime_of(name: str) -> timedelta:
    """Return how long a secret of this name may live."""
    return LWA_SECRET_LIFETIME if name.startswith(LWA) else SYSTEM_SECRET_LIFETIME
