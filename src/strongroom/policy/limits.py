"""Every number the Data Protection Policy sets, or that we set to keep its promise, with its clause."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

RETENTION_AFTER_DELIVERY: Final = timedelta(days=30)
"""DPP 2.1: personal data is kept no longer than this after the order's delivery."""

ROOT_KEY_LIFETIME: Final = timedelta(days=365)
"""Our own, within the one to two years that SP 800-57 part 1 (5.3.6) gives a key that wraps keys [2.4]."""

MASTER_KEY_LIFETIME: Final = timedelta(days=365)
"""Our own: as the root's [2.4]."""

KEY_ENDS_SOON: Final = timedelta(days=30)
"""Our own: how long before its end `keys inventory` asks for a key's rotation [2.4]."""

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

NOTICE_ERASED_WITHIN: Final = timedelta(hours=72)
"""DPP 1.7: what Amazon's notice asks to delete or return is gone within this, counted from the notice."""

NOTICE_LIVE_GONE_WITHIN: Final = timedelta(days=90)
"""DPP 1.7: no live (online or network accessible) instance is left after this, counted from the notice."""

NOTICE_WARNS: Final = timedelta(hours=24)
"""Our own: so long before the 72 hours end an alarm says that they do [1.7]."""

LOG_YEARS_AFTER_AGREEMENT: Final = 1
"""DPP 3: logs are kept for the agreement and twelve months after its end."""

LOG_SHORTEST: Final = timedelta(days=90)
"""DPP 2.6: logs are kept for at least 90 days, whatever else has ended."""

LONGEST_HELD_PURCHASES: Final = timedelta(days=366)
"""Our own: a hold is of the purchases of one accounting year, so that all of them end together [2.1]."""

HOLD_GRACE: Final = timedelta(days=3)
"""Our own: how long held data, unreadable, waits for an archive that could not be written on its day [2.1]."""

HOLD_WARNING: Final = timedelta(days=5)
"""Our own: so long before held data is due it is an alarm that no archive could be written [2.1]."""

HOLD_REVIEW: Final = timedelta(days=183)
"""Our own: a person confirms each hold twice a year [1.7, 2.1]."""

ARCHIVE_DRILL: Final = timedelta(days=90)
"""Our own: somebody opens an archive offline every quarter [2.1]."""

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

STATEMENT_DUE_BEFORE: Final = timedelta(days=14)
"""Our own: so long before a statement or other evidence of a duty ends it is due again [2.2, 3]."""

LONGEST_EXCUSE: Final = timedelta(days=365)
"""Our own: an exception from a duty, or that one does not apply, is asked for again each year [3]."""

FIX_WITHIN_DAYS: Final = {"critical": 7, "high": 30, "medium": 90, "low": 180}
"""DPP 2.7 as of 2025-11 for the first two; ours for the others, and where only the baseline text is in force."""

ADVISORIES_FRESH: Final = timedelta(days=7)
"""Our own: a scan that knew only older advisories says nothing about what is known now [2.7]."""

REPOSITORIES_SCANNED: Final = timedelta(days=30)
"""Our own: each public repository is scanned for secrets so often [2.5]."""

REPOSITORIES_LISTED: Final = timedelta(days=90)
"""Our own: that there is no public repository is said again so often [2.5]."""

LONGEST_ACCEPTANCE: Final = timedelta(days=180)
"""Our own: the risk of a finding is accepted for so long, then somebody looks again [2.7]."""

APP_SECRET_LIFETIME: Final = timedelta(days=90)
"""DPP 1.4: secrets of apps and nodes change at least quarterly; 2024-06 and later keep the quarter."""

APP_SECRET_OVERLAP: Final = timedelta(days=7)
"""Our own: how long the secret before a rotation stays good, at most [1.4]."""

CERTIFICATES_AT_ONCE: Final = 2
"""Our own: client certificates of one app or node that work; as many as its secrets, so that the next one can come."""

WHOLE_BYTES_PER_DAY: Final = 4 * 1024**3
"""Our own: bytes of labels, invoices and the like that are kept of one selling partner in a day, in each process. It is
some tens of thousands of labels; without an end, an app could fill the disk that the log needs [2.6]."""

RESTRICTED_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Amazon's Restricted Data Tokens."""

ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
"""As Login with Amazon's access tokens."""


@dataclass(frozen=True, slots=True)
class PasswordProfile:
    """What a person's password must be and when it changes, as one revision of clause 1.4 asks."""

    name: str
    revision: str
    """The policy's revision these numbers were read in."""
    shortest: int
    """Characters."""
    classes: int
    """Of upper case, lower case, digit and special character: how many must be there."""
    refuses_user_name: bool
    lifetime: timedelta
    minimum_age: timedelta
    history: int
    """How many earlier passwords may not come back."""
    second_factor: bool
    """Whether everybody needs one."""


BASELINE: Final = PasswordProfile(
    name="baseline",
    revision="dpp-baseline",
    shortest=8,
    classes=4,
    refuses_user_name=False,
    lifetime=timedelta(days=90),
    minimum_age=timedelta(0),
    history=0,
    second_factor=False,
)
"""DPP 1.4 as the baseline text has it: 8 characters, four classes, changed at least quarterly."""

CURRENT: Final = PasswordProfile(
    name="current",
    revision="dpp-2025-11",
    shortest=12,
    classes=4,
    refuses_user_name=True,
    lifetime=timedelta(days=90),
    minimum_age=timedelta(days=1),
    history=10,
    second_factor=True,
)
"""DPP 1.4 with what later revisions added: 12 characters, no part of the user name, a minimum age of a day and MFA for
all (2024-06), the last ten remembered (2025-11); the baseline's quarter stays, as the stricter number."""

LONGEST_PASSWORD: Final = 256
"""Our own: characters; longer ones would let anybody make us hash for long."""

PASSWORD_HASHES_AT_ONCE: Final = 2
"""Our own: each takes 64 MiB and a core; more at once would let strangers take the machine."""

PASSWORD_HASH_WAIT: Final = timedelta(seconds=5)
"""Our own: how long a sign-on waits for its turn before it is put off."""

FAILURES_BEFORE_LOCK: Final = 10
"""DPP 1.2, 2025-11: an account is locked after ten failed tries in a row."""

SECOND_FACTOR_FAILURES_BEFORE_LOCK: Final = 5
"""Our own: who has the password and guesses the second factor is stopped sooner [1.2]."""

UNFINISHED_BEFORE_LOCK: Final = 8
"""Our own: so many sign-ons within `UNFINISHED_WINDOW` with the right password and no second factor are somebody who
has the password and waits for a slip [1.2]."""

UNFINISHED_WINDOW: Final = timedelta(minutes=30)

LAST_ADMINISTRATOR_LOCK: Final = timedelta(minutes=15)
"""Our own: the lock of the only administrator ends by itself, or whoever guesses could shut everybody out."""

LONGEST_MUTE: Final = timedelta(days=7)
"""Our own: longer than work that is known to disturb lasts; then people hear of such alarms again [2.6]."""

MUTE_WINDOW: Final = timedelta(days=30)
"""Our own: within it a kind of alarm is muted for `LONGEST_MUTE` in all, or one mute after the other would be one
without end [2.6]."""

SPRAYED_ACCOUNTS: Final = 8
"""Our own: failures over so many names from one address within `SPRAYING_WINDOW` shut the address out [1.2]."""

SPRAYING_WINDOW: Final = timedelta(minutes=30)
SPRAYING_LOCK: Final = timedelta(hours=1)

CONCURRENT_ADDRESSES: Final = 3
"""Our own: one person acts from no more addresses than this within `CONCURRENT_WINDOW` [1.2]."""

CONCURRENT_WINDOW: Final = timedelta(minutes=10)

FAILURES_PER_NAME: Final = (5, timedelta(minutes=5))
FAILURES_PER_ADDRESS: Final = (30, timedelta(minutes=15))
FAILURES_IN_ALL: Final = (200, timedelta(minutes=5))
"""Our own, as PyPI counts: failed tries of one name, from one address, and of everybody, before more are put off. When
everybody's are spent, devices that signed on before still may [1.2]."""

CLIENT_FAILURES_PER_ID: Final = (10, timedelta(minutes=15))
CLIENT_FAILURES_PER_ADDRESS: Final = (30, timedelta(minutes=15))
CLIENT_FAILURES_IN_ALL: Final = (200, timedelta(minutes=5))
"""Our own: failed tries of programs: with one client id from one address, from one address, and of all. A client id is
no secret, so nothing an app's name is used for slows the app anywhere else; when the tries of all are spent, only
addresses that failed before wait [1.2]."""

TELL_STRANGERS_EVERY: Final = timedelta(minutes=1)
"""Our own: what is refused to one address for one reason over and over is one event in this span, with its number."""

LINK_LIFETIME: Final = timedelta(hours=24)
"""Our own: a one-time link that gives somebody their first sign-on [1.2]."""

CONSENT_LIFETIME: Final = timedelta(minutes=10)
"""Our own: how long a person has from opening a consent to the app's bringing the code; Amazon's codes live five."""

HELD_CONSENT_LIFETIME: Final = timedelta(days=7)
"""Our own: how long a refresh token that a consent brought waits for a person's approval; then it ends [1.3, 2.5]."""

LOGIN_STEP_LIFETIME: Final = timedelta(minutes=10)
"""Our own: how long a sign-on may take from the password to the second factor."""

PROVIDER_CLOCK_SKEW: Final = timedelta(minutes=1)
"""Our own: how far the clock of an OpenID Connect provider may be from ours [1.2]."""

SESSION_IDLE: Final = timedelta(minutes=30)
"""Our own: a session nobody uses ends (NIST SP 800-63B-4 asks for 1 h at most at AAL2)."""

SESSION_LONGEST: Final = timedelta(hours=12)
"""Our own: nobody stays signed on longer (NIST SP 800-63B-4: 24 h at most at AAL2)."""

SESSION_SEEN_EVERY: Final = timedelta(minutes=1)
"""Our own: a session's last use is written down so often at most."""

PROOF_LASTS: Final = timedelta(minutes=10)
"""Our own: sensitive actions ask again who somebody is when the last proof is older."""

PASSWORD_NOTICE: Final = timedelta(days=14)
"""Our own: so long before a password has to be changed its person is told [1.4]."""

DEVICE_LIFETIME: Final = timedelta(days=180)
"""Our own: a browser unused for so long counts as new again."""

DEVICE_NEW_FOR: Final = timedelta(days=7)
"""Our own: so long a browser that nobody called their own says of no other one that it is its person's [1.2]."""

FACTORS_PER_PERSON: Final = 10
"""Our own: authenticator apps and passkeys of one person; more are forgotten ones [1.4]."""

RECOVERY_CODES: Final = 10
"""Our own: single-use codes for who lost a second factor."""

FEW_RECOVERY_CODES: Final = 3
"""Our own: with so many left, or fewer, their person is told."""

LWA_SECRET_LIFETIME: Final = timedelta(days=180)
"""Amazon's rule for LWA client secrets, stricter than the year of DPP 1.4.2 (2024-06)."""

SYSTEM_SECRET_LIFETIME: Final = timedelta(days=90)
"""DPP 1.4: passwords of systems (database, mail server, the root key's passphrase) change at least quarterly."""

WIDEST_IPV4_RANGE: Final = 8
WIDEST_IPV6_RANGE: Final = 32
"""Our own: the shortest prefixes of an allow list: the largest private network, and the smallest share of IPv6 that a
provider gets. DPP 1.1 asks to deny unauthorized addresses; a list of everybody denies nobody."""

RANGES_PER_LIST: Final = 64
"""Our own: a list that a person can still review."""

LONGEST_FORWARDING: Final = 16
"""Our own: proxies between a client and us that an `X-Forwarded-For` may name."""

STRANGERS_APART: Final = 64
"""Our own: refused addresses counted one by one within `STRANGERS_WINDOW`; the others share one count, so that a flood
from many addresses fills no log."""

STRANGERS_WINDOW: Final = timedelta(minutes=1)

SECRET_ENDS_SOON: Final = timedelta(days=14)
"""Our own: so long before a secret's end `doctor` asks for the next one [1.4]."""

SLOWED_FOR: Final = timedelta(minutes=15)
"""Our own: how long an alarm slows a principal [2.6]."""

SLOWED_TO: Final = timedelta(seconds=2)
"""Our own: a slowed principal's requests are let in one in this span; the others get 429 [2.6]."""

REQUEST_KEY_LIFETIME: Final = timedelta(days=1)
"""Our own: how long an idempotency key stands for its request."""

FEWEST_CANARIES: Final = 3
"""Our own: canary records of each selling partner that nobody has touched, at least [2.6]."""

CANARY_EVERY: Final = 100
"""Our own: on average so many new orders bring one canary with them, that is 1 % [2.6]."""

CANARY_CHECK_EVERY: Final = timedelta(days=31)
"""Our own: so often a canary is touched on purpose, to prove that the door tells [2.6]."""

CLOCK_JUMP: Final = timedelta(minutes=2)
"""Our own: a clock that moved by more against one that nobody can set was set: keeping time moves it by less [2.6]."""

CLOCK_AHEAD: Final = timedelta(hours=1)
"""Our own: a clock that ran further ahead in one run of the process destroys nothing by itself [2.1]."""

CLOCK_SILENCE: Final = timedelta(days=60)
"""Our own: the longest time between two entries of the log that is believed without a person's word [2.1]."""

PLAN_REVIEW_MONTHS: Final = 6
"""DPP 1.6: the incident plan is reviewed every six months, in every revision known; our own for other plans [2.7]."""

POLICY_REVIEW_MONTHS: Final = 12
"""Our own: policies are read and approved anew each year [1.2, 2.2]."""

ACKNOWLEDGED_WITHIN: Final = timedelta(days=14)
"""Our own: for so long a person has time to acknowledge a new version [2.2]."""

PROCESSING_CONFIRMED_EVERY: Final = timedelta(days=90)
"""Our own: the privacy owner confirms the record of processing each quarter [2.2]."""

PUBLISHED_CHECK_AGE: Final = timedelta(days=7)
"""Our own: for so long counts what was seen at the address where the privacy policy is published [2.2]."""
