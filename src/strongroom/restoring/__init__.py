"""Makes a home out of a backup and a keystore, and shuts it until what was destroyed since is destroyed again."""

from strongroom.restoring.asked import Approver, Asked, Credential, Restored
from strongroom.restoring.drilling import drill
from strongroom.restoring.restoring import Inspected, inspect, restore

__all__ = [
    "Approver",
    "Asked",
    "Credential",
    "Inspected",
    "Restored",
    "drill",
    "inspect",
    "restore",
]
