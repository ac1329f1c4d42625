"""Looks at whether somebody would hear: rules, drills, canaries, channels, and alarms that wait [2.6]."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from strongroom.alarms import DRILL_EVERY, AlarmKind
from strongroom.app import System
from strongroom.audit.deliveries import last_reconciled
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    MINUTES,
    Check,
    Look,
    count,
    day,
    duties,
    failed,
    passed,
    some,
)
from strongroom.compliance.overseen import Finding
from strongroom.feeds.targets import Role
from strongroom.policy.limits import CANARY_CHECK_EVERY, FEWEST_CANARIES
from strongroom.vault.canary_check import last_checked

_WATCHED_WITHIN: Final = timedelta(minutes=5)
_INVESTIGATED_WITHIN: Final = timedelta(hours=24)
_RECONCILED_WITHIN: Final = timedelta(days=2)


def watch(system: System, now: datetime) -> Finding:
    """See that every rule is loaded and has seen what was recorded five minutes ago."""
    standing = system.alarms.watch.standing()
    kinds = count(len(standing.rules), "rule")
    if standing.stepped_at is None or not standing.rules:
        return failed("nobody watches the log", "keep `strongroom serve` running")
    since = standing.waiting_since
    if since is not None and now - since > _WATCHED_WITHIN:
        why = f"{count(standing.behind, 'entry', 'entries')} not seen, since {since:%Y-%m-%d %H:%M} UTC"
        return failed(why, "`strongroom alarm watch --once`, and keep `strongroom serve` running")
    return passed(f"{kinds} have seen what was recorded", f"{standing.behind} entries under way")


def drilled(*kinds: AlarmKind) -> Look:
    """Return what looks whether alarms of these kinds, or of all, were tried this quarter and worked."""

    def look(system: System, now: datetime) -> Finding:
        return _drilled(system, now, kinds or tuple(AlarmKind))

    return look


def channels(system: System, now: datetime) -> Finding:
    """See that a notice would reach a person: a channel is there, none is down, none was edited."""
    hint = "`strongroom alarm channel list`; docs/notices.md"
    edited = [row for row in system.targets.drift() if row.startswith(Role.CHANNEL)]
    if edited:
        why = f"{count(len(edited), 'channel')} not what was approved, and sent nothing"
        return failed(why, "find out who writes to the database")
    there = system.targets.in_effect(Role.CHANNEL)
    if not there:
        return failed("no alarm reaches anybody", "`strongroom alarm channel add`")
    states = [system.outbox.state(channel, now) for channel in there]
    down = sum(state.down_since is not None for state in states)
    dead = sum(state.dead for state in states)
    if down or dead:
        why = f"{count(down, 'channel')} down, {count(dead, 'notice')} not delivered"
        return failed(why, hint)
    return passed(f"{count(len(there), 'channel')}, none down, every notice delivered")


def canaries(system: System, now: datetime) -> Finding:
    """Count each selling partner's canaries from the rows: none is gone before its day."""
    everywhere = system.vault.canaries.standings(now)
    standings = [one for one in everywhere if one.live]
    missing = sum(one.missing for one in everywhere)
    if missing:
        why = f"{count(missing, 'canary record')} gone before its day"
        return failed(why, "somebody changed the database: an incident")
    if not standings:
        return failed("no selling partner has canaries", "`strongroom canary plant`")
    short = [one.seller for one in standings if one.unburnt < FEWEST_CANARIES]
    if short:
        why = f"{count(len(short), 'selling partner')} with fewer than {FEWEST_CANARIES}"
        return failed(why, "`strongroom canary plant`", f"selling partners {some(short)}")
    return passed(f"{count(sum(one.live for one in standings), 'canary', 'canaries')} in place")


def canary_told(system: System, now: datetime) -> Finding:
    """See that a canary was lately touched through the real door, told, and its toucher frozen."""
    last = last_checked(system.audit)
    if last is None or now - last > CANARY_CHECK_EVERY:
        why = "never tried" if last is None else f"last tried on {day(last)}"
        return failed(f"a canary's touch: {why}", "`strongroom canary check`")
    return passed(f"a canary was touched on {day(last)}: told, and its toucher frozen")


def reconciled(system: System, now: datetime) -> Finding:
    """See that what the door opened was held against what left, and matched."""
    last = last_reconciled(system.audit)
    if last is None or now - last[0] > _RECONCILED_WITHIN:
        why = "never" if last is None else f"last on {day(last[0])}"
        remedy = "keep `strongroom serve` running: it does it after midnight UTC"
        return failed(f"reads held against what left: {why}", remedy)
    if last[1]:
        why = f"{count(last[1], 'record')} opened that nothing says left, or the reverse"
        return failed(why, "`strongroom audit tail`, and open an incident")
    return passed(f"every record opened until {day(last[0])} left as an answer")


def boundary(system: System, now: datetime) -> Finding:
    """See that each place personal data may go to is what two people agreed on."""
    del now
    edited = system.targets.drift()
    if edited:
        why = f"{count(len(edited), 'destination')} not what was approved, and sent nothing"
        return failed(why, "find out who writes to the database")
    numbers = {role: len(system.targets.in_effect(role)) for role in Role}
    told = ", ".join(f"{role.value}: {number}" for role, number in numbers.items())
    return passed("data leaves only for places that were approved", told)


def waiting(system: System, now: datetime) -> Finding:
    """Count the alarms that nobody has explained for a day; a drill's are no alarms."""
    there = [alarm for alarm in system.alarms.investigations.listed() if not alarm.drill]
    late = [alarm.id for alarm in there if now - alarm.opened_at > _INVESTIGATED_WITHIN]
    if late:
        why = f"{count(len(late), 'alarm')} open for more than 24 hours"
        return failed(why, "`strongroom alarm list`, then `alarm close`", f"alarms {some(late)}")
    return passed(f"{count(len(there), 'alarm')} open, none for a day")


def _drilled(system: System, now: datetime, kinds: Collection[AlarmKind]) -> Finding:
    last = {one.kind: one for one in system.alarms.drills.last() if one.kind in kinds}
    silent = [kind.value for kind, one in last.items() if not one.passed]
    late = [kind.value for kind in kinds if kind not in last or now - last[kind].at > DRILL_EVERY]
    if silent:
        why = f"tried and not raised, or told to nobody: {some(silent)}"
        return failed(why, "docs/alarms.md; then `strongroom alarm drill`")
    if late:
        why = f"{len(late)} of {count(len(kinds), 'alarm')} not tried this quarter: {some(late, 3)}"
        return failed(why, "`strongroom alarm drill`")
    at = min(one.at for one in last.values())
    return passed(f"{count(len(kinds), 'alarm')} tried since {day(at)}, each raised and told")


_VOLUMES: Final = (
    AlarmKind.REQUEST_RATE,
    AlarmKind.RETRIEVAL_VOLUME,
    AlarmKind.SLOW_DRAIN,
    AlarmKind.BUDGET_SPENT,
)
_DRILL: Final = "the last drill of each, in the table of drills"
_DRILL_GREEN: Final = "each was tried within a quarter, raised, and handed to whoever is told"

CHECKS: Final = (
    Check(
        "alarms.watch",
        duties("2.6-h"),
        MINUTES,
        "the rules, and how far each has read the log",
        "every rule has seen what is five minutes old",
        watch,
    ),
    Check(
        "alarms.channels",
        duties("2.6-i"),
        MINUTES,
        "who is told: channels, their failures, notices that could not be delivered",
        "a channel is there, none is down, no notice is stuck",
        channels,
    ),
    Check("alarms.drill", duties("2.6-i"), HOURLY, _DRILL, _DRILL_GREEN, drilled()),
    Check("alarms.drill_volume", duties("2.6-j"), HOURLY, _DRILL, _DRILL_GREEN, drilled(*_VOLUMES)),
    Check(
        "canaries.present",
        duties("2.6-k"),
        HOURLY,
        "each selling partner's canaries, counted from the rows",
        "none is gone before its day, and there are enough",
        canaries,
    ),
    Check(
        "canaries.told",
        duties("2.6-k"),
        DAILY,
        "the last touch of a canary through the real door",
        "`strongroom canary check` worked within a month",
        canary_told,
    ),
    Check(
        "egress.drill",
        duties("2.6-l"),
        HOURLY,
        _DRILL,
        _DRILL_GREEN,
        drilled(AlarmKind.BOUNDARY_CROSSED, AlarmKind.NEW_DESTINATION),
    ),
    Check(
        "egress.boundary",
        duties("2.6-l", "2.3-d"),
        MINUTES,
        "every channel, feed and destination, against what was approved",
        "each is what two people agreed on",
        boundary,
    ),
    Check(
        "egress.reconciled",
        duties("2.6-l"),
        HOURLY,
        "records opened at the door, against answers that left",
        "all matched within two days",
        reconciled,
    ),
    Check(
        "alarms.waiting",
        duties("2.6-m"),
        MINUTES,
        "the open alarms and since when",
        "none is open for more than 24 hours",
        waiting,
    ),
)
