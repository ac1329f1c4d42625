"""What a restore is asked for, and what it says when it is done: values alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType

from strongroom.crypto.age import Identities

Credential = NewType("Credential", str)


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who agrees that the log goes on with a gap: a name, and what proves it."""

    name: str
    credential: Credential = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """One restore. Exactly one of `keys_copy` and `keys_home` is given."""

    backup: Path
    identities: Identities
    home: Path
    passphrase: str = field(repr=False)
    passphrase_file: Path | None
    keys_copy: Path | None = None
    keys_identities: Identities | None = None
    keys_home: Path | None = None
    since: tuple[Path, ...] = ()
    checkpoints: tuple[Path, ...] = ()
    """Signed notes that somebody outside holds: how far the log went."""
    accept_gap: bool = False
    """Whether the log may be ahead with nothing left that says what was destroyed meanwhile."""
    vault_url: str = field(default="", repr=False)
    approvers: tuple[Approver, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it. Counts are of records unless they say otherwise."""

    home: str
    backup: str
    taken_at: str
    rows: int
    periods_destroyed: int
    """Keys that were in the copy of the keystore and are due, or were destroyed since."""
    buried: int
    """Records that no key opens any more."""
    replayed: int
    """Records that the log or the lost home says were destroyed since."""
    lost: int
    """Records whose key the keystore does not know: it is older than the backup."""
    log_size: int
    vouched_for: int
    explained_to: int
    epoch: int
    taken_again: int
    """How many rights, accounts and credentials the log says were taken away since, and are again."""
    access_to_review: dict[str, int]
    seconds: float
