"""What the pages work with: the rooms that hold the rules. The pages hold none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.accounts import Accounts, Identities, Networks
from strongroom.accounts.guard import Guard
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.people import People
from strongroom.accounts.signon import SignOn
from strongroom.alarms import Alarms
from strongroom.assurance.assurance import Assurance
from strongroom.audit import AuditLog
from strongroom.backups import Backups, KeystoreCopies, Places
from strongroom.compliance import Reviews
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.joining import Joining
from strongroom.compliance.log_pages import LogPages
from strongroom.compliance.usage import Used
from strongroom.deletion.notices import Notices
from strongroom.desk.installation import Installation
from strongroom.desk.oidc import Provider
from strongroom.feeds.outbox import NoticeOutbox
from strongroom.feeds.targets import Targets
from strongroom.relay import Disclosures
from strongroom.subjects import Subjects
from strongroom.terms import PrincipalId
from strongroom.vault import GrantStore, Keystore, SellerStore, Vault
from strongroom.vault.dates import Dates
from strongroom.vault.drift import DriftRow
from strongroom.vault.grants_listed import GrantsListed
from strongroom.vault.roles import RoleStore


@dataclass(frozen=True, slots=True)
class Rooms:
    """Handed to each file of pages."""

    signon: SignOn
    joining: Joining
    passwords: Passwords
    guard: Guard
    networks: Networks
    accounts: Accounts
    grants: GrantStore
    sellers: SellerStore
    identities: Identities
    compliance: Compliance
    assurance: Assurance
    notices: Notices
    reviews: Reviews
    vault: Vault
    keystore: Keystore
    backups: Backups
    copies: KeystoreCopies
    subjects: Subjects
    clock_is_ahead: Callable[[datetime], bool]
    """Whether nothing may be destroyed by the clock as it stands."""
    dates: Dates
    alarms: Alarms
    targets: Targets
    outbox: NoticeOutbox
    audit: AuditLog
    log: LogPages
    places: Places
    disclosures: Disclosures
    drift: Callable[[str | None, int], Sequence[DriftRow]]
    """Gives where Amazon's answers differ from its models: of one kind, so many at most."""
    installation: Installation
    people: People
    grants_listed: GrantsListed
    roles: RoleStore
    used: Callable[[PrincipalId, datetime], Used]
    """Says what a principal did lately."""
    provider: Provider | None = None
    """Where people may sign on too, if one is set up."""
