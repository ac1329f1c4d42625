"""Changes of storage, systems, controls and suppliers: tried, verified, approved by another, done by named people."""

from strongroom.assurance.changes.administrators import StorageAdministrators
from strongroom.assurance.changes.change import KINDS, STORAGE, Change, Kind
from strongroom.assurance.changes.changes import Changes
from strongroom.assurance.changes.overseeing import ChangesOverseen

__all__ = [
    "KINDS",
    "STORAGE",
    "Change",
    "Changes",
    "ChangesOverseen",
    "Kind",
    "StorageAdministrators",
]
