"""Every number the Data Protection Policy sets, or that we set to keep its promise, with its clause."""

from datetime import timedelta
from typing import Final

RETENTION_AFTER_DELIVERY: Final = timedelta(days=30)
"""DPP 2.1: personal data is kept no longer than this after the order's delivery."""

KEYSTORE_COPY_LIFETIME: Final = timedelta(hours=24)
"""How long a copy of the keystore may live, by default. Whoever holds one can read on until it expires, so this span is
taken off every date of disposal [2.1]."""

PENDING_WINDOW: Final = timedelta(days=5)
"""How long a pending period takes records whose delivery is not known. Its survivors then move to the next one and its
key is destroyed."""

PENDING_LIFETIME: Final = timedelta(days=7)
"""A copy of an undelivered order is unreadable after this: the window, a late sweep, and a keystore copy's life."""

GRANT_LIFETIME: Final = timedelta(days=90)
"""DPP 1.2: access is reviewed every 90 days, so no grant outlives that without being asked for again."""

RESTRICTED_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Amazon's Restricted Data Tokens."""

ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Login with Amazon's access tokens."""

LOG_RETENTION: Final = timedelta(days=90)
"""DPP 2.6: the least; clause 3 asks for the agreement and 12 months, which is what the log keeps."""
