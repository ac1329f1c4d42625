"""Backups of the vault, sealed and without keys; copies of the keystore, apart from them and gone within a day."""

from strongroom.backups.backups import Backups, Home, Plan
from strongroom.backups.copies import KeystoreCopies, KeystoreCopy
from strongroom.backups.places import Place, PlaceKind, Places
from strongroom.backups.rows import Backup, Drill

__all__ = [
    "Backup",
    "Backups",
    "Drill",
    "Home",
    "KeystoreCopies",
    "KeystoreCopy",
    "Place",
    "PlaceKind",
    "Places",
    "Plan",
]
