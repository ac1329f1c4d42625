"""Events that many threads record at once: written together, each durable on return, none in another's stead."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from tests.support.audit import NOW, revealed

from strongroom.audit.combining import Combining, Take
from strongroom.errors import Malformed, StrongroomError, Tampered, Unavailable


@pytest.fixture
def log(bench):
    return bench.start()


def at_once(*works):
    """Run the works in threads of their own and return what each raised."""
    raised = [None] * len(works)

    def run(place, work):
        try:
            work()
        except StrongroomError as exc:
            raised[place] = exc

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_what_is_recorded_is_in_the_log_on_return(bench, log):
    log.record(revealed(1), revealed(2), now=NOW)
    log.record(now=NOW)

    assert [entry.body["obj"]["ref"] for entry in log.tail(5)] == ["1", "2"]


def test_events_are_counted_by_type_in_a_span_and_up_to_a_size(log):
    for hours in range(4):
        log.record(revealed(hours), now=NOW + timedelta(hours=hours))
    size, _ = log.counts(None)
    kind = revealed(0).type.value

    assert log.totals(NOW, NOW + timedelta(hours=4), size) == {kind: 4}
    assert log.totals(NOW + timedelta(hours=1), NOW + timedelta(hours=3), size) == {kind: 2}
    assert log.totals(NOW, NOW + timedelta(hours=4), size - 1) == {kind: 3}
    assert log.totals(NOW - timedelta(hours=2), NOW, size) == {}


def test_threads_that_record_at_once_lose_and_repeat_nothing(bench, log):
    def work(number):
        for step in range(20):
            log.record(revealed(number * 100 + step), now=NOW + timedelta(seconds=number))

    assert at_once(*(lambda n=n: work(n) for n in range(12))) == [None] * 12

    entries = list(log.events())
    assert [entry.seq for entry in entries] == list(range(240))
    assert [entry.body["nseq"] for entry in entries] == list(range(240))
    assert len({entry.body["obj"]["ref"] for entry in entries}) == 240
    # Each has the instant at which it was told, not that of who wrote it.
    assert all(
        entry.body["t"]
        == (NOW + timedelta(seconds=int(entry.body["obj"]["ref"]) // 100)).strftime(
            "%Y-%m-%dT%H:%M:%S.%fZ"
        )
        for entry in entries
    )
    assert log.verify().ok


def test_recording_and_other_writes_share_the_log(bench, log):
    def units():
        for number in range(20):
            with bench.database.write() as tx:
                log.append(tx, revealed(number), now=NOW)

    def records():
        for number in range(20):
            log.record(revealed(number), now=NOW)

    assert at_once(units, records, units, records) == [None] * 4
    report = log.verify()
    assert (report.ok, report.size) == (True, 80)


def test_what_waits_is_written_together():
    """One write for all that came while the one before was under way."""
    wrote, first, go = [], threading.Event(), threading.Event()

    def write(take: Take[int]) -> None:
        first.set()
        go.wait(10)
        wrote.append(take())

    queue: Combining[int] = Combining(write)
    leader = threading.Thread(target=queue.add, args=(0,))
    leader.start()
    first.wait(10)
    others = [threading.Thread(target=queue.add, args=(number,)) for number in range(1, 6)]
    for thread in others:
        thread.start()
    while len(queue._queue) < 6:
        time.sleep(0.001)
    go.set()
    for thread in (leader, *others):
        thread.join(10)

    assert sorted(number for part in wrote for number in part) == list(range(6))
    assert len(wrote) == 1


def test_a_failure_is_that_of_all_whose_parts_were_in_it():
    lacks_room = True

    def write(take: Take[int]) -> None:
        if lacks_room:
            raise Unavailable("no room")
        take()

    queue: Combining[int] = Combining(write)
    raised = at_once(*(lambda n=n: queue.add(n) for n in range(8)))
    assert [type(error) for error in raised] == [Unavailable] * 8
    assert len({id(error) for error in raised}) == 8
    lacks_room = False
    queue.add(9)


def test_a_part_of_the_wrong_form_fails_alone():
    wrote = []

    def write(take: Take[int]) -> None:
        parts = take()
        if 3 in parts:
            raise Malformed("three")
        wrote.extend(parts)

    queue: Combining[int] = Combining(write)
    raised = at_once(*(lambda n=n: queue.add(n) for n in range(8)))

    assert [type(error) for error in raised if error] == [Malformed]
    assert sorted(wrote) == [0, 1, 2, 4, 5, 6, 7]


def test_a_log_that_was_set_back_takes_no_events_from_anybody(bench, log):
    log.record(revealed(1), now=NOW)
    bench.memory.remembered = (9, bytes(32))
    restarted = bench.start("boot-2")

    raised = at_once(*(lambda n=n: restarted.record(revealed(n), now=NOW) for n in range(4)))

    assert [type(error) for error in raised] == [Tampered] * 4
    assert len(log.tail(9)) == 1
