"""What the pages work with: the rooms that hold the rules. The pages hold none."""

from dataclasses import dataclass

from strongroom.accounts import Accounts, Identities, Networks
from strongroom.accounts.guard import Guard
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.signon import SignOn
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.joining import Joining
from strongroom.desk.oidc import Provider
from strongroom.vault import GrantStore, SellerStore
from strongroom.vault.dates import Dates


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
    dates: Dates
    provider: Provider | None = None
    """Where people may sign on too, if one is set up."""
