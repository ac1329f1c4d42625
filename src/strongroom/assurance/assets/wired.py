"""Puts the inventory of one home together [1.1, 2.3]."""

from dataclasses import dataclass
from datetime import datetime

from strongroom.assurance.assets.campaigns import Campaigns
from strongroom.assurance.assets.imports import Imports
from strongroom.assurance.assets.inventory import Inventory
from strongroom.assurance.assets.overseeing import AssetDuties
from strongroom.assurance.assets.seen import Looking
from strongroom.audit import AuditLog
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.duties import Edition
from strongroom.compliance.overseen import Office
from strongroom.db.engine import Database


@dataclass(frozen=True, slots=True)
class Assets:
    """The inventory, its campaigns and imports, and what they tell of duties."""

    inventory: Inventory
    campaigns: Campaigns
    imports: Imports
    duties: AssetDuties

    @classmethod
    def wired(cls, compliance: Compliance, database: Database, audit: AuditLog) -> "Assets":
        """Return them over the rooms of compliance."""
        people, writings, offices = compliance.people, compliance.writings, compliance.offices
        inventory = Inventory(
            database,
            audit,
            writings,
            people,
            look=Looking(database, compliance.registers.seen).look,
            current=compliance.duties.edition is Edition.CURRENT,
        )
        campaigns = Campaigns(
            database,
            audit,
            writings,
            people,
            inventory,
            signers=lambda now: offices.holders(Office.IT_ADMIN, now),
        )
        imports = Imports(database, audit, writings, people, inventory)
        return cls(
            inventory, campaigns, imports, AssetDuties(database, people, inventory, campaigns)
        )

    def discover(self, now: datetime) -> int:
        """Add what opened values lately and is not listed; return how many came."""
        return self.inventory.discover(now)
