"""Every number the Data Protection Policy sets, or that we set to keep its promise, with its clause."""

from datetime import timedelta
from typing import Final

RETENTION_AFTER_DELIVERY: Final = timedelta(days=30)
"""DPP 2.1: personal data is kept no longer than this after the order's delivery."""

KEYSTORE_COPY_LIFETIME: Final = timedelta(hours=24)
"""How long a copy of the keystore may live, by default. Whoever holds one can read on until it expires, so this span is
taken off every date of disposal [2.1]."""

LONGEST_KEYSTORE_COPY_LIFETIME: Final = timedelta(hours=36)
"""What may be set instead: a pending window, such a copy's life and half a day for a late sweep are seven days."""

PENDING_WINDOW: Final = timedelta(days=5)
"""How long a pending period takes records whose delivery is not known. Its survivors then move to the next one and its
key is destroyed."""

PENDING_LIFETIME: Final = timedelta(days=7)
"""A copy of an undelivered order is unreadable after this: the window, a late sweep, and a keystore copy's life."""

GRANT_LIFETIME: Final = timedelta(days=90)
"""DPP 1.2: access is reviewed every 90 days, so no grant outlives that without being asked for again."""

BREAK_GLASS_LIFETIME: Final = timedelta(hours=4)
"""Our own: what somebody takes without a second person's approval ends within a shift [1.3]."""

BREAK_GLASS_REVIEW: Final = timedelta(days=3)
"""Our own: a broken glass is reviewed by then; until it is, the same person breaks no other [1.2]."""

REVIEW_EVERY: Final = timedelta(days=90)
"""DPP 1.2: the list of people and services with access is reviewed every 90 days (2024-06: "at least quarterly")."""

REVIEW_GRACE: Final = timedelta(days=1)
"""What no review confirmed is suspended on day 91 [1.2]."""

REVIEW_OPENS: Final = timedelta(days=75)
"""Our own: from this day of a cycle on, `doctor` asks for the next review [1.2]."""

DORMANT_AFTER: Final = timedelta(days=30)
"""Our own: who did nothing for so long is marked in a review; a grant unused since the last review is as well [1.3]."""

APP_SECRET_LIFETIME: Final = timedelta(days=90)
"""DPP 1.4: secrets of apps and nodes change at least quarterly; 2024-06 and later keep the quarter."""

APP_SECRET_OVERLAP: Final = timedelta(days=7)
"""Our own: how long the secret before a rotation stays good, at most [1.4]."""

RESTRICTED_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Amazon's Restricted Data Tokens."""

ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Login with Amazon's access tokens."""
