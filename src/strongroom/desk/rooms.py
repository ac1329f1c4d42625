"""What the pages work with: the rooms that hold the rules. The pages hold none."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from strongroom.accounts import Accounts, Identities, Networks
from strongroom.accounts.guard import Guard
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.signon import SignOn
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.joining import Joining
from strongroom.deletion.notices import Notices
from strongroom.desk.oidc import Provider
from strongroom.subjects import Subjects
from strongroom.vault import GrantStore, SellerStore


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
    notices: Notices
    subjects: Subjects
    clock_is_ahead: Callable[[datetime], bool]
    """Whether nothing may be destroyed by the clock as it stands."""
    provider: Provider | None = None
    """Where people may sign on too, if one is set up."""
