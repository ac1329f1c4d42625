"""Personal data at rest: sealed, found without opening, revealed through one door, destroyed on its day."""

from strongroom.vault.documents import DocumentStore, KnownDocument, SeenDocument
from strongroom.vault.erasing import By, Erased, Eraser, Wanted
from strongroom.vault.grants import GrantRow, GrantStore, Wish
from strongroom.vault.keystore import Keystore, PeriodKey, PeriodKind, PeriodRow
from strongroom.vault.large import TooLong
from strongroom.vault.openable import Openable, count_openable, sample_openable
from strongroom.vault.placed import Placed
from strongroom.vault.recent import Overtaken
from strongroom.vault.sellers import Held, LwaCredentials, Seller, SellerStore
from strongroom.vault.sweep import SweepReport
from strongroom.vault.vault import Vault
from strongroom.vault.views import Described, Found, Revealed

__all__ = [
    "By",
    "Described",
    "DocumentStore",
    "Erased",
    "Eraser",
    "Found",
    "GrantRow",
    "GrantStore",
    "Held",
    "Keystore",
    "KnownDocument",
    "LwaCredentials",
    "Openable",
    "Overtaken",
    "PeriodKey",
    "PeriodKind",
    "PeriodRow",
    "Placed",
    "Revealed",
    "SeenDocument",
    "Seller",
    "SellerStore",
    "SweepReport",
    "TooLong",
    "Vault",
    "Wanted",
    "Wish",
    "count_openable",
    "sample_openable",
]
