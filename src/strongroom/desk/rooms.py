"""What the pages work with: the rooms that hold the rules. The pages hold none."""

from dataclasses import dataclass

from strongroom.accounts import Accounts
from strongroom.accounts.signon import SignOn
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Rooms:
    """Handed to each file of pages."""

    signon: SignOn
    accounts: Accounts
    grants: GrantStore
