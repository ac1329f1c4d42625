"""Checks an open home and says what to do: each check has an id that stays the same.

A failed check is something the policy or the promise of erasure rests on; a warning is worth a person's look. What
can be told of a home that does not open, `premises.py` tells.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

from strongroom.accounts import Holdings
from strongroom.alarms import DRILL_EVERY, AlarmKind
from strongroom.app import System
from strongroom.audit import EventType
from strongroom.audit.deliveries import last_reconciled
from strongroom.backups import PlaceKind
from strongroom.errors import Tampered, Unavailable
from strongroom.feeds.targets import Role
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import (
    CANARY_CHECK_EVERY,
    FEWEST_CANARIES,
    REVIEW_EVERY,
    REVIEW_OPENS,
    SECRET_ENDS_SOON,
)
from strongroom.policy.secrets import SecretState
from strongroom.premises import Check, State
from strongroom.terms import Environment, PrincipalKind
from strongroom.vault.canary_check import last_checked
from strongroom.vault.clockwatch import CONFIRM

VERIFY_EVERY: Final = timedelta(days=7)
WATCH_LAG: Final = timedelta(minutes=5)
RECONCILE_EVERY: Final = timedelta(days=2)
_CLOCK_SLACK: Final = timedelta(seconds=5)
_TAIL: Final = 10_000


def open_checks(system: System, now: datetime) -> list[Check]:
    """Return what an open home tells of itself at `now`."""
    return [
        Check("home.opens", State.OK, f"home {system.settings.home_id}"),
        _log_head(system),
        _log_verified(system, now),
        _log_kept(system, now),
        _clock(system, now),
        _clock_watch(system),
        _retention(system, now),
        _review(system, now),
        _broken_glass(system, now),
        _locks(system, now),
        _second_factors(system, now),
        _secrets(system, now),
        _client_certificates(system, now),
        _secret_ages(system, now),
        _networks(system),
        _anchors(system),
        _watch(system, now),
        _alarms(system, now),
        _drills(system, now),
        _canaries(system, now),
        _canary_check(system, now),
        _reconciled(system, now),
        _channels(system, now),
        _feeds(system),
        _destinations(system),
        _root(system, now),
        _copies(system, now),
        _backups(system, now),
        _archive(system, now),
    ]


def _root(system: System, now: datetime) -> Check:
    """Ask the root key's provider now: what a start would need."""
    name = "keys.root"
    with suppress(Unavailable):  # the standing says it
        system.root_watch.look(now)
    standing = system.root_watch.standing()
    if standing.fault is None:
        return Check(name, State.OK, f"{standing.provider} opens the master key")
    detail = f"{standing.provider}: {standing.fault}"
    if standing.shut:
        detail = f"keys are put away; {detail}"
    return Check(name, State.FAILED, detail, "docs/runbooks/root_unreachable.md")


def _copies(system: System, now: datetime) -> Check:
    faults = system.copies.faults(now)
    if faults:
        hint = "mount its place and `strongroom keys destroy-copy`: its keys open what is due"
        return Check("keys.copies", State.FAILED, "; ".join(faults), hint)
    hours = system.settings.keystore.copy_lifetime_hours
    there = len(system.copies.listed())
    return Check(
        "keys.copies", State.OK, f"{there} copies of the keystore, each lives {hours} h at most"
    )


def _backups(system: System, now: datetime) -> Check:
    try:
        recipients = system.backups.places.of(PlaceKind.RECIPIENT)
        targets = system.backups.places.of(PlaceKind.TARGET)
        late = system.backups.late(now)
    except Tampered as exc:
        return Check("backup.recent", State.FAILED, exc.message, "find out who wrote it")
    if late:
        return Check("backup.recent", State.FAILED, f"late: {', '.join(late)}", "docs/backup.md")
    if not recipients or not targets:
        seen = "backups lie in the home alone" if recipients else "backups are sealed to nobody"
        hint = "strongroom backup place add"
        return Check("backup.recent", State.WARNING, seen, hint)
    return Check("backup.recent", State.OK, f"the last one was taken at {system.backups.last()}")


# -- without opening -------------------------------------------------------------------------------


def _log_head(system: System) -> Check:
    faults = system.audit.verify(full=False).faults
    if faults:
        hint = "stop, keep the files as they are, and run `strongroom audit verify`"
        return Check("log.head", State.FAILED, "the log is not what its signer vouched for", hint)
    if gaps := system.audit.gaps():
        detail = f"epoch {system.audit.epoch}; {'; '.join(gaps)}"
        return Check("log.head", State.WARNING, detail, "docs/keeping.md says what a gap means")
    return Check("log.head", State.OK, "signed, and continues what the signer remembers")


def _log_verified(system: System, now: datetime) -> Check:
    verified = [
        entry for entry in system.audit.tail(_TAIL) if entry.type == EventType.LOG_VERIFIED.value
    ]
    hint = "strongroom audit verify"
    if not verified:
        return Check("log.verified", State.WARNING, "not verified in full lately", hint)
    at = _instant(verified[-1].body["t"])
    detail = f"verified in full at {at:%Y-%m-%d %H:%M} UTC"
    state = State.OK if now - at <= VERIFY_EVERY else State.WARNING
    return Check("log.verified", state, detail, None if state is State.OK else hint)


def _log_kept(system: System, now: datetime) -> Check:
    """Tell from which entry on the log has its bytes, and whether a change of how long waits for a second person."""
    found = system.keeping.agreement(now)
    if found.waiting:
        detail = f"{len(found.waiting)} changes wait for another person"
        return Check("log.kept", State.WARNING, detail, "strongroom audit agreement show")
    ends = "has no end set" if found.ends_on is None else f"ends on {found.ends_on}"
    return Check("log.kept", State.OK, f"from entry {found.minimum} on; the agreement {ends}")


def _clock(system: System, now: datetime) -> Check:
    last = system.audit.tail(1)
    if last and _instant(last[-1].body["t"]) - now > _CLOCK_SLACK:
        hint = "set the clock: dates of disposal follow it"
        return Check("clock.forward", State.FAILED, "earlier than the last event", hint)
    return Check("clock.forward", State.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _clock_watch(system: System) -> Check:
    if system.watch.look(system.clock()):
        # A test home is told other times on purpose.
        is_test = system.settings.environment is Environment.TEST
        state = State.WARNING if is_test else State.FAILED
        detail = "implausibly ahead: scheduled sweeps are withheld"
        return Check("clock.plausible", state, detail, CONFIRM)
    return Check("clock.plausible", State.OK, "agrees with what was written before")


def _retention(system: System, now: datetime) -> Check:
    standing = system.dates.standing(now)
    oldest = f"oldest personal data past its date: {standing.oldest_past_its_date_days} days"
    if standing.overdue_keys:
        detail = f"{standing.overdue_keys} keys are past their day; {oldest}"
        return Check("retention.swept", State.FAILED, detail, "strongroom retention sweep")
    return Check("retention.swept", State.OK, f"no key is past its day; {oldest}")


def _review(system: System, now: datetime) -> Check:
    """Tell whether the list of who has access is due for its review [1.2]."""
    due = [
        row.grant.review_by
        for row in system.grants.all()
        if row.state(now) in {"active", "suspended"} and row.grant.review_by is not None
    ]
    if not due:
        return Check("access.review", State.OK, "no grant waits for a review")
    detail = f"the next grants are to be reviewed by {min(due):%Y-%m-%d}"
    left = min(due) - now
    if left <= timedelta(0):
        return Check("access.review", State.FAILED, detail, "strongroom review start")
    if left <= REVIEW_EVERY - REVIEW_OPENS:
        return Check("access.review", State.WARNING, detail, "strongroom review start")
    return Check("access.review", State.OK, detail)


def _broken_glass(system: System, now: datetime) -> Check:
    waiting = system.reviews.broken_glass()
    hint = "strongroom review show --json"
    if not waiting:
        return Check("access.broken_glass", State.OK, "none waits for its review")
    late = any(item.due_at <= now for item in waiting)
    detail = f"{len(waiting)} to review by another person"
    return Check("access.broken_glass", State.FAILED if late else State.WARNING, detail, hint)


def _locks(system: System, now: datetime) -> Check:
    """Tell whether somebody is locked out, or a lock has not been explained [1.2]."""
    locks = system.guard.locks(now)
    if not locks:
        return Check("access.locks", State.OK, "nobody is locked out")
    unexplained = sum(lock.disposition is None for lock in locks)
    detail = f"{len(locks)} locks, {unexplained} without a disposition"
    return Check("access.locks", State.WARNING, detail, "strongroom user locks")


def _second_factors(system: System, now: datetime) -> Check:
    """Tell whether somebody has a password and, against the profile, nothing beside it [1.4]."""
    name = "access.second_factors"
    if not system.passwords.profile.second_factor:
        return Check(name, State.OK, "the profile leaves them to each person")
    without = system.signon.without_factor(now)
    if not without:
        return Check(name, State.OK, "everybody with a password has one")
    numbers = ", ".join(map(str, without))
    detail = f"{len(without)} people with a password have none and can't sign on by it: {numbers}"
    return Check(name, State.WARNING, detail, "strongroom user invite NAME")


def _secrets(system: System, now: datetime) -> Check:
    """Tell whether an app's or node's newest secret is about to end, or has ended [1.4]."""
    ends = [
        (max(secret.ends_at for secret in holdings.secrets), holdings.principal)
        for holdings in _machines(system, now)
        if holdings.secrets
    ]
    at, machine = min(ends, key=itemgetter(0), default=(None, None))
    if at is None or machine is None or at - now > SECRET_ENDS_SOON:
        return Check("apps.secrets", State.OK, "each is younger than a quarter")
    state = State.FAILED if at <= now else State.WARNING
    detail = f"{machine.name}'s ends at {at:%Y-%m-%d}"
    return Check("apps.secrets", state, detail, f"strongroom {machine.kind} rotate {machine.name}")


def _client_certificates(system: System, now: datetime) -> Check:
    """Tell whether the newest certificate of an app or node is about to end, or has ended [1.4]."""
    name = "apps.certificates"
    ends = []
    for holdings in _machines(system, now):
        live = [shown for shown in holdings.certificates if shown.revoked_at is None]
        # Revoking an app's is how it goes back to its secret alone; a node needs one.
        if live:
            ends.append((max(shown.ends_at for shown in live), holdings.principal))
        elif holdings.principal.kind is PrincipalKind.NODE:
            ends.append((now, holdings.principal))
    at, machine = min(ends, key=itemgetter(0), default=(None, None))
    if at is None or machine is None or at - now > SECRET_ENDS_SOON:
        return Check(name, State.OK, "none is about to end")
    state = State.FAILED if at <= now else State.WARNING
    detail = f"{machine.name}'s ends at {at:%Y-%m-%d}"
    hint = f"strongroom {machine.kind} certificate {machine.name} --certificate-file NEW"
    return Check(name, state, detail, hint)


def _secret_ages(system: System, now: datetime) -> Check:
    """Tell whether a secret of the installation itself is due, or late [1.4]."""
    due = sorted(
        (age for age in system.secrets.ages() if age.state(now) is not SecretState.OK),
        key=lambda age: age.ends_at,
    )
    if not due:
        return Check("secrets.age", State.OK, "each is younger than its limit")
    late = sum(age.state(now) is SecretState.LATE for age in due)
    detail = f"{len(due)} due, {late} late; {due[0].name} by {due[0].ends_at:%Y-%m-%d}"
    state = State.FAILED if late else State.WARNING
    return Check("secrets.age", state, detail, "strongroom secret list shows how to rotate each")


def _canaries(system: System, now: datetime) -> Check:
    """Tell whether each selling partner has its canaries, and none was removed [2.6]."""
    standings = [one for one in system.vault.canaries.standings(now) if one.live]
    missing = sum(one.missing for one in standings)
    if missing:
        detail = f"{missing} canary records are gone before their day"
        return Check("canary.records", State.FAILED, detail, "somebody changed the database")
    short = sum(one.unburnt < FEWEST_CANARIES for one in standings)
    if short:
        detail = f"{short} selling partners have fewer than {FEWEST_CANARIES}"
        return Check("canary.records", State.WARNING, detail, "strongroom canary plant")
    return Check("canary.records", State.OK, "each selling partner has its own")


def _canary_check(system: System, now: datetime) -> Check:
    """Tell whether it was lately proved that a touched canary is told and its toucher frozen [2.6]."""
    hint = "strongroom canary check"
    last = last_checked(system.audit)
    if last is None or now - last > CANARY_CHECK_EVERY:
        detail = "never checked" if last is None else f"last checked {last:%Y-%m-%d}"
        return Check("canary.checked", State.WARNING, detail, hint)
    return Check("canary.checked", State.OK, f"checked {last:%Y-%m-%d}")


def _reconciled(system: System, now: datetime) -> Check:
    """Tell whether what the door opened was held against what left [2.6]."""
    last = last_reconciled(system.audit)
    if last is None or now - last[0] > RECONCILE_EVERY:
        detail = "never yet" if last is None else f"last {last[0]:%Y-%m-%d}"
        return Check(
            "egress.reconciled", State.WARNING, detail, "`serve` does it after midnight UTC"
        )
    if last[1]:
        detail = f"{last[1]} records were opened and nothing says that they left, or the reverse"
        return Check("egress.reconciled", State.FAILED, detail, "strongroom audit tail")
    return Check("egress.reconciled", State.OK, f"all matched {last[0]:%Y-%m-%d}")


def _machines(system: System, now: datetime) -> list[Holdings]:
    """Return what every living app and node holds."""
    return [
        system.accounts.holdings(machine.name)
        for kind in (PrincipalKind.APP, PrincipalKind.NODE)
        for machine in system.accounts.listed(kind)
        if not has_ended(machine.ended_at, now)
    ]


def _networks(system: System) -> Check:
    """Tell whether the allow lists are what was approved, and nothing waits for a second person [1.1]."""
    hint = "strongroom network list"
    if system.networks.drift():
        detail = "networks are not what was approved; they let nobody in"
        return Check("network.lists", State.FAILED, detail, hint)
    waiting = [row for row in system.networks.listed() if row.state in {"pending", "leaving"}]
    if waiting:
        detail = f"{len(waiting)} changes wait for another person"
        return Check("network.lists", State.WARNING, detail, hint)
    return Check("network.lists", State.OK, "as approved")


def _anchors(system: System) -> Check:
    """Tell whether anybody outside of this machine binds the log [2.6]."""
    id_, hint = "log.anchors", "strongroom audit witness add, audit copy add: docs/audit.md"
    asked = system.anchors.listed()
    if any(not sound for _, sound in asked):
        return Check(id_, State.FAILED, "a witness or copy is not what was added", hint)
    failing = sum(anchor.fault is not None for anchor, _ in asked)
    if failing:
        hint = "strongroom audit witness list, audit timestamp list, audit copy list"
        return Check(id_, State.WARNING, f"{failing} of {len(asked)} do not take the log", hint)
    if not asked:
        return Check(id_, State.WARNING, "nobody outside of this machine binds the log", hint)
    return Check(id_, State.OK, f"{len(asked)} witnesses, authorities and copies")


def _watch(system: System, now: datetime) -> Check:
    """Tell whether somebody looks at what is recorded [2.6]."""
    standing, hint = system.alarms.watch.standing(), "strongroom alarm watch --once"
    since = standing.waiting_since
    if since is None:
        return Check("alarms.watch", State.OK, f"{len(standing.rules)} rules have seen all")
    detail = f"{standing.behind} entries not seen, since {since:%Y-%m-%d %H:%M} UTC"
    state = State.OK if now - since < WATCH_LAG else State.WARNING
    return Check("alarms.watch", state, detail, None if state is State.OK else hint)


def _alarms(system: System, now: datetime) -> Check:
    """Tell whether an alarm waits for somebody [1.6]."""
    waiting = system.alarms.investigations.listed()
    if not waiting:
        return Check("alarms.open", State.OK, "none is open")
    late = sum(alarm.is_overdue(now) for alarm in waiting)
    detail = f"{len(waiting)} open, {late} overdue"
    state = State.FAILED if late else State.WARNING
    return Check("alarms.open", state, detail, "strongroom alarm list")


def _drills(system: System, now: datetime) -> Check:
    """Tell whether each alarm was tried within a quarter, and worked [2.6]."""
    tried = {one.kind for one in system.alarms.drills.last() if now - one.at <= DRILL_EVERY}
    failed = [one.kind for one in system.alarms.drills.last() if not one.passed]
    hint = "strongroom alarm drill"
    if failed:
        detail = f"{len(failed)} were tried and not raised or not handed in: {failed[0]}"
        return Check("alarms.drill", State.WARNING, detail, hint)
    if len(tried) < len(AlarmKind):
        detail = f"{len(AlarmKind) - len(tried)} of {len(AlarmKind)} not tried this quarter"
        return Check("alarms.drill", State.WARNING, detail, hint)
    return Check("alarms.drill", State.OK, "each was tried this quarter")


def _channels(system: System, now: datetime) -> Check:
    """Tell whether alarms reach people: some channel is there, each works, and none was edited [1.6]."""
    name, hint = "alarm.channels", "strongroom alarm channel list"
    edited = [row for row in system.targets.drift() if row.startswith(Role.CHANNEL)]
    if edited:
        detail = f"not what was approved, and sent nothing: {', '.join(edited)}"
        return Check(name, State.FAILED, detail, "find out who writes to the database")
    channels = system.targets.in_effect(Role.CHANNEL)
    if not channels:
        hint = "strongroom alarm channel add NAME --smtp HOST:PORT … or --webhook URL"
        return Check(name, State.WARNING, "no alarm reaches anybody", hint)
    states = {channel.name: system.outbox.state(channel, now) for channel in channels}
    down = [which for which, state in states.items() if state.down_since is not None]
    if down:
        return Check(name, State.FAILED, f"down: {', '.join(down)}", hint)
    dead = sum(state.dead for state in states.values())
    if dead:
        detail = f"{dead} notices could not be delivered"
        return Check(name, State.WARNING, detail, "strongroom alarm channel dead NAME")
    if len(channels) == 1:
        detail = "one: nobody is told when it is down"
        return Check(name, State.WARNING, detail, "add a second one of another kind")
    return Check(name, State.OK, f"{len(channels)}, none down")


def _feeds(system: System) -> Check:
    """Tell whether every collector gets the log [2.6]."""
    name, hint = "log.feeds", "strongroom feed list"
    edited = [row for row in system.targets.drift() if row.startswith(Role.FEED)]
    if edited:
        detail = f"not what was approved, and sent nothing: {', '.join(edited)}"
        return Check(name, State.FAILED, detail, "find out who writes to the database")
    states = {feed.name: system.pump.state(feed) for feed in system.targets.in_effect(Role.FEED)}
    stopped = [which for which, state in states.items() if state.stopped_since is not None]
    if stopped:
        return Check(name, State.FAILED, f"stopped: {', '.join(stopped)}", hint)
    paused = [which for which, state in states.items() if state.paused]
    if paused:
        return Check(name, State.WARNING, f"paused: {', '.join(paused)}", hint)
    detail = f"{len(states)}, none stopped" if states else "the log goes to no collector"
    return Check(name, State.OK, detail)


def _destinations(system: System) -> Check:
    """Tell whether every destination of the relay is what two people agreed on [1.3]."""
    edited = [row for row in system.targets.drift() if row.startswith(Role.PARTY)]
    if edited:
        detail = f"not what was approved, and sent nothing: {', '.join(edited)}"
        hint = "find out who writes to the database"
        return Check("relay.destinations", State.FAILED, detail, hint)
    count = len(system.targets.in_effect(Role.PARTY))
    return Check("relay.destinations", State.OK, f"{count} approved")


def _archive(system: System, now: datetime) -> Check:
    """Tell whether what a law requires is archived, and whether duties about it are done [2.1]."""
    said = system.vault.archive.standing(now)
    hint = "docs/archive.md says what to do"
    if faults := said.faults():
        return Check("archive.ready", State.FAILED, "; ".join(faults), hint)
    if late := said.late(now):
        return Check("archive.ready", State.WARNING, "; ".join(late), hint)
    return Check("archive.ready", State.OK, "nothing waits and nothing is late")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
