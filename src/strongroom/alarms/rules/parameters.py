"""The numbers of the alarms, each with its reason and clause; docs/alarms.md prints them [2.6].

Pure. All are our own: the policy asks for alarms and sets no number. Those of volumes and rates were chosen on traces;
docs/alarms.md says on which.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Why:
    """Why a number is what it is, and the clause it serves."""

    reason: str
    clause: str = "2.6"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the rules go by."""

    # -- unauthorized calls ----------------------------------------------------------------------
    refusals_window: Annotated[
        timedelta, Why("an app with a wrong setting retries for minutes, a search goes on")
    ] = timedelta(minutes=15)
    refusals_of_one: Annotated[
        int, Why("more than a person's mistakes or an app's few retries in the window")
    ] = 20
    many_refusals: Annotated[
        int, Why("no honest program goes on so long against the same wall")
    ] = 100
    refusals_of_address: Annotated[
        int, Why("as the tries of one address before more are put off (policy/limits.py)", "1.2")
    ] = 30
    objects_window: Annotated[
        timedelta, Why("an enumeration is slowed by its refusals, yet has to get on")
    ] = timedelta(hours=1)
    objects_refused: Annotated[
        int, Why("so many different things refused to one principal are a list being tried")
    ] = 25
    forged_window: Annotated[timedelta, Why("guessing is slow where it is throttled")] = timedelta(
        days=1
    )
    forged_tokens: Annotated[
        int,
        Why(
            "a token has a MAC of 40 bits: a slip of the keyboard makes one wrong, not three a day"
        ),
    ] = 3

    # -- request rate ----------------------------------------------------------------------------
    weeks: Annotated[
        int, Why("enough samples of each hour of the week; older habits are no measure")
    ] = 8
    least_days: Annotated[
        int, Why("two of each hour of the week: before that there is no baseline", "1.3")
    ] = 14
    rate_z: Annotated[float, Why("counts are overdispersed: three deviations happen every day")] = (
        6.0
    )
    rate_floor: Annotated[float, Why("requests an hour above the usual that no alarm is worth")] = (
        600
    )
    rate_over_busy: Annotated[
        float, Why("times the hour in a hundred: below it the principal has been there before")
    ] = 2.0
    rate_never_over: Annotated[float, Why("as `volume_never_over`")] = 4.0
    rate_relative: Annotated[
        float, Why("the least deviation of the square root, as a part of it")
    ] = 0.15
    first_rate: Annotated[
        float, Why("requests an hour of who has no baseline yet: more than five a second, all hour")
    ] = 20_000

    # -- volumes ---------------------------------------------------------------------------------
    volume_z: Annotated[
        float, Why("as `rate_z`; records are opened more evenly than requests come")
    ] = 5.0
    volume_floor: Annotated[
        float, Why("records an hour above the usual: fewer are a person catching up")
    ] = 40
    volume_over_busy: Annotated[
        float, Why("times the hour in a hundred: batches move about, and do not double")
    ] = 2.2
    volume_never_over: Annotated[
        float, Why("times the hour in a hundred: above it no scatter of a quiet hour is an excuse")
    ] = 2.5
    volume_relative: Annotated[
        float, Why("the least deviation of the square root, as a part of it")
    ] = 0.15
    first_volume: Annotated[
        float, Why("records an hour of who has no baseline yet: a fifth of the API's day", "1.3")
    ] = 2_000
    drain_days: Annotated[int, Why("eight of each weekday")] = 56
    drain_lag: Annotated[
        int, Why("days before today that are no measure, or a drain becomes usual")
    ] = 10
    drain_least_days: Annotated[
        int, Why("four of each weekday: fewer make every week look new")
    ] = 28
    drain_slack: Annotated[
        float, Why("deviations a day that are chance: half of the drift worth finding (Page 1954)")
    ] = 0.7
    drain_limit: Annotated[
        float, Why("deviations that add up before it is told; sets false alarms")
    ] = 4.5
    drain_most_of_a_day: Annotated[float, Why("one wild day is a burst, not a drain")] = 2.25
    drain_least_of_a_day: Annotated[
        float, Why("one day off, as a holiday, does not wipe out what added up")
    ] = -1.5
    drain_relative: Annotated[
        float, Why("the least deviation of the square root, as a part of it")
    ] = 0.06
    drain_floor: Annotated[
        float, Why("different records a day above the usual, below which a drift is not told")
    ] = 10

    # -- budgets ---------------------------------------------------------------------------------
    refused_by_budget: Annotated[
        int,
        Why("refusals for a spent budget a day: it is not a last page, it goes on trying", "1.3"),
    ] = 100
    budget_days: Annotated[int, Why("five weeks: the end of a month is among them", "1.3")] = 35
    budget_least_days: Annotated[int, Why("as `least_days`", "1.3")] = 14
    budget_over_most: Annotated[
        float,
        Why(
            "times the second largest day of `budget_days`; the largest may have been an attack",
            "1.3",
        ),
    ] = 1.4
    budget_floor: Annotated[
        float, Why("different records a day above that: small numbers vary by chance", "1.3")
    ] = 60
    budget_ceiling: Annotated[
        float,
        Why(
            "different records a day of anybody, whatever their history: twice the API's limit",
            "1.3",
        ),
    ] = 20_000
    first_budget: Annotated[
        float, Why("different records a day of who has no history: told, not stopped", "1.3")
    ] = 5_000
    without_rest: Annotated[
        int, Why("of the last 24 hours in which records were opened: no person works so long")
    ] = 20
    rest_usual: Annotated[
        int, Why("who was active in so many hours of 24 before is a program that never rests")
    ] = 16

    # -- the boundary ----------------------------------------------------------------------------
    delivered_within: Annotated[
        timedelta, Why("an answer is recorded right after its records were opened")
    ] = timedelta(minutes=10)
    undelivered_records: Annotated[
        int, Why("records a day opened and not delivered: a client that hung up loses one or two")
    ] = 3
    undelivered_many: Annotated[int, Why("no fault of a network loses so many in a day")] = 30
    pending_most: Annotated[
        int, Why("openings waiting for their delivery; older ones are told")
    ] = 20_000
    learned_after: Annotated[timedelta, Why("ways out that a home used by then are its own")] = (
        timedelta(days=14)
    )

    # -- signing on ------------------------------------------------------------------------------
    names_window: Annotated[timedelta, Why("spraying from many addresses is slow", "1.2")] = (
        timedelta(hours=1)
    )
    names_failed: Annotated[
        int, Why("different names that failed, whatever the addresses: a list is tried", "1.2")
    ] = 25
    put_off: Annotated[
        int, Why("tries put off in `refusals_window`: somebody automated it", "1.2")
    ] = 100
    factors_window: Annotated[timedelta, Why("as policy/limits.py counts", "1.2")] = timedelta(
        minutes=30
    )
    factors_failed: Annotated[
        int, Why("wrong second factors before a right one: people mistype once or twice", "1.2")
    ] = 3
    device_sensitive: Annotated[
        timedelta, Why("a thief of a password acts within a day of signing on", "1.2")
    ] = timedelta(hours=24)

    # -- the log ---------------------------------------------------------------------------------
    silent_after: Annotated[
        timedelta, Why("a heartbeat comes every minute: three missed and a slow disk")
    ] = timedelta(minutes=4)
    clock_slack: Annotated[
        timedelta,
        Why("an entry has the instant at which its request came, which may be a long answer ago"),
    ] = timedelta(minutes=2)
    sweep_late_after: Annotated[
        timedelta, Why("a sweep ends every hour: two that are missed, and a long one", "2.1")
    ] = timedelta(hours=3)
    anchor_failures: Annotated[int, Why("in a row: one is a restart on the other side")] = 3

    # -- bounds ----------------------------------------------------------------------------------
    principals_most: Annotated[
        int, Why("remembered at once; who is quiet longest is forgotten")
    ] = 5_000
    forget_after: Annotated[
        timedelta, Why("who did nothing for so long starts anew (a quarter's review)", "1.2")
    ] = timedelta(days=90)
