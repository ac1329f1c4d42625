"""Since when the keys that wrap all others are in use, as keystore and log have it [2.4]."""

from datetime import datetime
from typing import Final

from strongroom.audit import AuditLog, EventType
from strongroom.policy.limits import MASTER_KEY_LIFETIME, ROOT_KEY_LIFETIME
from strongroom.vault import Keystore

LIFETIMES: Final = {"root": ROOT_KEY_LIFETIME, "master": MASTER_KEY_LIFETIME}
USES: Final = {"root": "wraps the master key", "master": "wraps service keys and period keys"}


def in_use_since(keystore: Keystore, audit: AuditLog, name: str) -> datetime:
    """Return since when the key `root` or `master` is the one in use: its making, or its last rotation."""
    since = keystore.made_at()
    for entry in audit.of_types([EventType.KEY_ROTATED]):
        if entry.body.get("op") == name or (
            name == "root" and entry.body.get("op") == "root.retired"
        ):
            since = datetime.fromisoformat(entry.body["t"])
    return since
