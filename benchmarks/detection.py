"""Compares the alarms of volumes with a plain z-score and an EWMA on a made-up trace.

    python benchmarks/detection.py [--seeds N] [--principals N] [--days N] [--canaries PER_MILLE] [--scatter X] [--json]

Forty principals over 120 days: people of office hours and programs that never rest, weekdays, holidays, nightly and
weekly batches, busy ends of months, counts far more scattered than Poisson's. The rules are the very classes of the
product, fed with entries as the log has them. Five runs of the same trace: as it is, for false alarms, and with one
kind of attack on each principal in the last 33 days, the rules going on from what they kept. The numbers of the rules
were chosen on seeds from 1000 on; docs/alarms.md says how far.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from strongroom.alarms.kinds import AlarmKind
from strongroom.alarms.rule import Rule
from strongroom.alarms.rules import Parameters, all_rules
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import EventType, Outcome
from strongroom.terms import PrincipalId

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
QUIET_DAYS = 28
"""Days of a new home in which nothing is judged: no method has a baseline yet."""
ATTACKED_DAYS = 33
"""The last days, in which attacks take place."""
BATCH = 100  # records of one entry, as a search or a batch names them
CANARIES = 10.0
"""Canaries among a thousand live records of a selling partner."""
_DEFAULT = Parameters()


@dataclass(frozen=True)
class Principal:
    """Who opens records, and how."""

    number: PrincipalId
    kind: str
    rate: float
    """Records an hour when it is busy."""
    scatter: float
    """Deviation of the logarithm from hour to hour."""
    daily: float
    """The same from day to day."""
    weekend: float
    opens: int
    closes: int
    batch_hour: int | None
    batch_day: int | None
    """Weekday; None: every night."""
    batch_size: float
    month_end: float


def principals(random_: random.Random, number: int, scatter: float = 1.0) -> list[Principal]:
    made = []
    for index in range(number):
        person = index % 5 < 3
        rate = random_.lognormvariate(math.log(12 if person else 30), 0.8)
        has_batch = random_.random() < (0.1 if person else 0.4)
        opens = random_.choice((7, 8, 8, 9)) if person else 0
        made.append(
            Principal(
                PrincipalId(index + 1),
                "person" if person else "app",
                max(rate, 2.0),
                scatter * random_.uniform(0.25, 0.5),
                scatter * random_.uniform(0.06, 0.18),
                random_.choice((0.0, 0.0, 0.05, 0.3)) if person else random_.uniform(0.4, 1.0),
                opens,
                opens + random_.choice((8, 9, 9, 10)) if person else 24,
                random_.randrange(24) if has_batch else None,
                random_.choice((None, 0, 4)),
                random_.uniform(3, 8),
                random_.uniform(1.2, 2.0) if random_.random() < 0.15 else 1.0,
            )
        )
    return made


def hourly(random_: random.Random, who: Principal, days: int) -> list[int]:
    """Counts by hour."""
    holidays = set(random_.sample(range(days), days // 30 + 1))
    level = 1.0
    counts = []
    for day in range(days):
        weekday = day % 7
        level *= math.exp(random_.gauss(0, 0.004))  # business drifts
        today = level * math.exp(random_.gauss(0, who.daily))
        if weekday >= 5:
            today *= who.weekend
        if day in holidays:
            today *= 0.1 if who.kind == "person" else 0.6
        elif day - 1 in holidays:
            today *= 1.25  # what was left lying
        if (START + timedelta(days=day + 1)).day <= 3:
            today *= who.month_end
        late = who.kind == "person" and weekday < 5 and random_.random() < 0.04
        for hour in range(24):
            if who.kind == "person":
                at_work = who.opens <= hour < who.closes + (2 if late else 0)
                shape = 0.6 if hour == 12 else 1.0
                mean = who.rate * shape * today if at_work else 0.02 * today
            else:
                mean = who.rate * today * (0.7 + 0.5 * math.sin((hour - 6) / 24 * 2 * math.pi))
            batch = who.batch_hour == hour and who.batch_day in (None, weekday)
            if batch:
                mean += who.rate * who.batch_size * (1 if weekday < 5 or who.kind == "app" else 0)
            counts.append(_scattered(random_, mean, who.scatter))
    return counts


def _scattered(random_: random.Random, mean: float, sigma: float) -> int:
    """A Poisson count whose mean is itself lognormal: variance far beyond the mean's."""
    if mean <= 0:
        return 0
    return _poisson(random_, mean * math.exp(random_.gauss(-sigma * sigma / 2, sigma)))


def _poisson(random_: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(random_.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, random_.random()
    while product > limit:
        count += 1
        product *= random_.random()
    return count


# -- attacks ---------------------------------------------------------------------------------------


@dataclass
class Attack:
    """Hours added to what a principal does, and until when finding it counts."""

    first: int
    last: int
    counts: list[int]
    until: int
    stolen: dict[int, int] = field(default_factory=dict)


def attacked(random_: random.Random, name: str, clean: Sequence[int], days: int) -> Attack:
    counts = list(clean)
    p99 = sorted(clean)[-1 - len(clean) // 100]
    stolen: dict[int, int] = {}

    def take(hour: int, n: int) -> None:
        counts[hour] += n
        stolen[hour] = stolen.get(hour, 0) + n

    if name == "burst":
        first = last = random_.randrange((days - 30) * 24, (days - 1) * 24)
        take(first, 3 * max(p99, 20))
        until = first + 24
    elif name in ("plus60", "plus30"):
        share, span = (0.6, 7) if name == "plus60" else (0.3, 21)
        day = random_.randrange(days - 32, days - span - 1)
        first, last = day * 24, (day + span) * 24 - 1
        for hour in range(first, last + 1):
            extra = clean[hour] * share
            n = int(extra) + (random_.random() < extra % 1)
            if n:
                take(hour, n)
        until = last + 24
    else:
        # As slow as is worth it: half a usual day's records more, evenly over 24 hours; twelve an hour at least.
        first = random_.randrange((days - 20) * 24, (days - 3) * 24)
        last = min(first + 48, len(clean) - 1)
        usual = statistics.median(sum(clean[d * 24 : d * 24 + 24]) for d in range(days))
        each = max(0.5 * usual / 24, 12)
        for hour in range(first, last + 1):
            n = int(each) + (random_.random() < each % 1)
            if n:
                take(hour, n)
        until = first + 24
    return Attack(first, last, counts, until, stolen)


# -- methods ---------------------------------------------------------------------------------------


JUDGED = (
    AlarmKind.REQUEST_RATE,
    AlarmKind.RETRIEVAL_VOLUME,
    AlarmKind.SLOW_DRAIN,
    AlarmKind.BUDGET_SPENT,
    AlarmKind.CANARY_TOUCHED,
)
Found = list[tuple[int, str]]
"""Hours in which a method raised an alarm, with the alarm's key; one key a day is one alarm."""


class Ours:
    """The product's rules, fed with the entries that so many records would leave."""

    def __init__(self, who: Principal, seed: int, canaries: float, parameters: Parameters) -> None:
        self._who = who
        self._seed = seed
        self._canaries = canaries
        self._parameters = parameters

    def history(self, clean: Sequence[int], days: int) -> tuple[Found, str]:
        """What the first days gave, and what the rules have to keep of them."""
        rules = self._rules()
        found = self._run(rules, clean, 0, days * 24, {})
        return found, json.dumps([rule.state() for rule in rules])

    def rest(self, kept: str, days: int, counts: Sequence[int], stolen: dict[int, int]) -> Found:
        """What the days after give."""
        rules = self._rules()
        for rule, state in zip(rules, json.loads(kept), strict=True):
            rule.restore(state)
        return self._run(rules, counts, days * 24, len(counts), stolen)

    def _rules(self) -> list[Rule]:
        return [rule for rule in all_rules(self._parameters) if rule.kind in JUDGED]

    def _run(
        self,
        rules: list[Rule],
        counts: Sequence[int],
        first: int,
        stop: int,
        stolen: dict[int, int],
    ) -> Found:
        random_ = random.Random(self._seed * 1009 + self._who.number * 7 + first)
        wants = {type_: [r for r in rules if type_ in (r.types or ())] for type_ in EventType}
        found: Found = []
        for seen in _entries(random_, self._who, counts, first, stop, stolen, self._canaries):
            hour = int((seen.at - START).total_seconds() // 3600)
            for rule in wants[seen.type]:
                found.extend((hour, signal.key) for signal in rule.feed(seen))
            if seen.type is EventType.LOG_HEARTBEAT:
                for rule in rules:
                    found.extend((hour, signal.key) for signal in rule.tick(seen.at))
        return found


def _entries(
    random_: random.Random,
    who: Principal,
    counts: Sequence[int],
    first: int,
    stop: int,
    stolen: dict[int, int],
    canaries: float,
) -> Iterator[Seen]:
    def entry(type_: EventType, at: datetime, records: tuple[int, ...] = ()) -> Seen:
        return Seen(
            0, at, type_, Outcome.SUCCESS, who.number, "service", "access_token", "node", "boot",
            0, 0, purpose="fulfilment", n=len(records), records=records,
        )  # fmt: skip

    recent: list[int] = []
    for hour in range(first, stop):
        count = counts[hour]
        at = START + timedelta(hours=hour)
        yield entry(EventType.LOG_HEARTBEAT, at)
        taken = stolen.get(hour, 0)
        numbers = []
        for index in range(count):
            # A fifth of what people open they opened before; who steals opens each record once.
            if recent and index >= taken and random_.random() < 0.2:
                numbers.append(random_.choice(recent))
            else:
                numbers.append(random_.getrandbits(39))
        recent = numbers[-200:] or recent
        parts = range(0, count, BATCH)
        for index, start in enumerate(parts):
            moment = at + timedelta(seconds=30 + 3500 * index / len(parts))
            yield entry(EventType.RECORD_SEARCHED, moment, tuple(numbers[start : start + BATCH]))
        # Whoever takes records they have no work with opens canaries as often as there are any.
        if any(random_.random() < canaries / 1000 for _ in range(taken)):
            yield entry(EventType.CANARY_TOUCHED, at + timedelta(minutes=59))


def plain_z(who: Principal, counts: Sequence[int]) -> Found:
    """More than three standard deviations above the mean of the last 28 days' hours."""
    found, window = [], 28 * 24
    total = sum(counts[:window])
    squares = sum(n * n for n in counts[:window])
    for hour in range(window, len(counts)):
        mean = total / window
        sigma = math.sqrt(max(squares / window - mean * mean, 1.0))
        if counts[hour] > mean + 3 * sigma:
            found.append((hour, f"z:{who.number}"))
        total += counts[hour] - counts[hour - window]
        squares += counts[hour] ** 2 - counts[hour - window] ** 2
    return found


def ewma(who: Principal, counts: Sequence[int]) -> Found:
    """An exponentially weighted mean of hours (half of it the last three) above its own limits (Roberts 1959)."""
    found: Found = []
    window, weight = 28 * 24, 0.2
    total = sum(counts[:window])
    squares = sum(n * n for n in counts[:window])
    smooth = total / window
    for hour in range(window, len(counts)):
        mean = total / window
        sigma = math.sqrt(max(squares / window - mean * mean, 1.0))
        smooth += weight * (counts[hour] - smooth)
        if smooth > mean + 3 * sigma * math.sqrt(weight / (2 - weight)):
            found.append((hour, f"ewma:{who.number}"))
        total += counts[hour] - counts[hour - window]
        squares += counts[hour] ** 2 - counts[hour - window] ** 2
    return found


# -- figures ---------------------------------------------------------------------------------------


ATTACKS = ("burst", "plus60", "plus30", "scraping")
HEADINGS = (
    "False alarms per principal and 30 days",
    "Burst of three times P99",
    "+60 % for 7 days",
    "+30 % for 21 days",
    "Slow scraping within 24 h",
)
COLUMNS = ("false", *ATTACKS)


def alarms(found: Found, first: int) -> set[tuple[int, str]]:
    return {(hour // 24, key) for hour, key in found if hour >= first}


def caught(found: Found, attack: Attack, before: Found) -> bool:
    """A sign within the attack that the clean trace did not give on the same day."""
    known = {(hour // 24, key) for hour, key in before}
    return any(
        attack.first <= hour <= attack.until and (hour // 24, key) not in known
        for hour, key in found
    )


def measure(
    seed: int,
    number: int,
    days: int,
    canaries: float = CANARIES,
    scatter: float = 1.0,
    parameters: Parameters = _DEFAULT,
) -> dict[str, dict[str, float]]:
    """One seed's row for each method."""
    random_ = random.Random(seed)
    sums = {name: dict.fromkeys(COLUMNS, 0.0) for name in ("ours", "plain z", "EWMA")}
    for who in principals(random_, number, scatter):
        clean = hourly(random_, who, days)
        attacks = {name: attacked(random_, name, clean, days) for name in ATTACKS}
        rules = Ours(who, seed, canaries, parameters)
        past, kept = rules.history(clean, days - ATTACKED_DAYS)
        rest = partial(rules.rest, kept, days - ATTACKED_DAYS)
        methods: dict[str, Callable[[Sequence[int], dict[int, int]], Found]] = {
            "ours": rest,
            "plain z": lambda counts, _, who=who: plain_z(who, counts),  # type: ignore[misc]
            "EWMA": lambda counts, _, who=who: ewma(who, counts),  # type: ignore[misc]
        }
        for method, run in methods.items():
            before = run(clean, {}) + (past if method == "ours" else [])
            span = (days - QUIET_DAYS) / 30
            sums[method]["false"] += len(alarms(before, QUIET_DAYS * 24)) / span
            for name, attack in attacks.items():
                found = run(attack.counts, attack.stolen)
                if name != "scraping":
                    # Baselines have to find these without the help of canaries.
                    found = [sign for sign in found if not sign[1].startswith("canary")]
                sums[method][name] += caught(found, attack, before)
    return {
        method: {name: value / number for name, value in row.items()}
        for method, row in sums.items()
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    lines = [
        f"| Method | {' | '.join(HEADINGS)} |",
        "|---|---|---|---|---|---|",
    ]
    for method, row in rows.items():
        rates = " | ".join(f"{100 * row[name]:.0f} %" for name in ATTACKS)
        lines.append(f"| {method} | {row['false']:.2f} | {rates} |")
    return "\n".join(lines)


def mean_of(runs: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        method: {name: statistics.fmean(run[method][name] for run in runs) for name in COLUMNS}
        for method in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--principals", type=int, default=40)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--canaries", type=float, default=CANARIES, help="of a thousand records")
    parser.add_argument("--scatter", type=float, default=1.0, help="times the usual")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    started, runs = time.perf_counter(), []
    for seed in range(asked.first, asked.first + asked.seeds):
        runs.append(measure(seed, asked.principals, asked.days, asked.canaries, asked.scatter))
        if not asked.json:
            print(f"seed {seed}, {time.perf_counter() - started:.0f} s\n{table(runs[-1])}\n")
            sys.stdout.flush()
    if asked.json:
        print(json.dumps({"runs": runs, "mean": mean_of(runs)}))
    elif len(runs) > 1:
        print(f"mean of {len(runs)} seeds\n{table(mean_of(runs))}")


if __name__ == "__main__":
    main()
