"""What the policy asks to be looked at again and proved: reviews of access, drift, leavers."""

from strongroom.compliance.access import AccessView, Drift, Why
from strongroom.compliance.administrators import administrators
from strongroom.compliance.keeping import Keeping, KeepingChange, NamedHold
from strongroom.compliance.leaving import LeaverProof, prove_leaving
from strongroom.compliance.reading import LogReaders
from strongroom.compliance.reviews import Campaign, Closed, Item, Narrowing, Reviews

__all__ = [
    "AccessView",
    "Campaign",
    "Closed",
    "Drift",
    "Item",
    "Keeping",
    "KeepingChange",
    "LeaverProof",
    "LogReaders",
    "NamedHold",
    "Narrowing",
    "Reviews",
    "Why",
    "administrators",
    "prove_leaving",
]
