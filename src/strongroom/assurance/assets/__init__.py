"""The inventory: software and devices with access to personal data, how they stand, each quarter's review [2.3]."""

from strongroom.assurance.assets.asset import Asset, Words
from strongroom.assurance.assets.campaigns import Campaign, Campaigns, Difference
from strongroom.assurance.assets.imports import Import, Imports
from strongroom.assurance.assets.inventory import Inventory
from strongroom.assurance.assets.kinds import DISPOSALS, KINDS, SOURCES, Disposal, Kind, Source
from strongroom.assurance.assets.overseeing import PATH, AssetDuties
from strongroom.assurance.assets.posture import CHECKS, Cell, Check, State
from strongroom.assurance.assets.sbom import own_bom
from strongroom.assurance.assets.store import Filter
from strongroom.assurance.assets.wired import Assets

__all__ = [
    "CHECKS",
    "DISPOSALS",
    "KINDS",
    "PATH",
    "SOURCES",
    "Asset",
    "AssetDuties",
    "Assets",
    "Campaign",
    "Campaigns",
    "Cell",
    "Check",
    "Difference",
    "Disposal",
    "Filter",
    "Import",
    "Imports",
    "Inventory",
    "Kind",
    "Source",
    "State",
    "Words",
    "own_bom",
]
