"""The log on its way to collectors: in order, at least once, from where it stopped, and nobody waits for it."""

from __future__ import annotations

import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.feeds.conftest import ANNA, Post
from tests.support.collectors import Receiver, Rsyslog

from strongroom.audit.reading import Entry
from strongroom.db import schema
from strongroom.errors import Conflict
from strongroom.feeds.destinations import FeedPlace, Format, Lines, Posted, Syslog, Webhook
from strongroom.feeds.lines import Line
from strongroom.feeds.pump import BATCH
from strongroom.feeds.targets import Role
from strongroom.outbound import Fault, Unreachable

pytestmark = pytest.mark.clause("2.6")

FILE = Lines("/nowhere/log.jsonl", Format.NATIVE)


class Collector:
    """Takes batches, or fails as a test says."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.keys: list[str] = []
        self.fails = False
        self.after: Callable[[], None] | None = None

    def __call__(self, place: FeedPlace, batch: Sequence[Line], key: str, now: datetime) -> None:
        del place, now
        if self.fails:
            raise Unreachable(Fault.TIMEOUT)
        self.got += [line.seq for line in batch]
        self.keys.append(key)
        if self.after is not None:
            self.after()


@pytest.fixture
def collector(post: Post) -> Collector:
    found = Collector()
    post.start(send=found)
    return found


def seqs(path: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in path.read_text().splitlines()]


def last(post: Post) -> int:
    return post.audit.tail(1)[-1].seq


def test_the_whole_log_goes_in_order_and_then_what_is_new(post: Post, collector: Collector) -> None:
    post.fill(BATCH + 20)
    feed = post.add(Role.FEED, "siem", FILE)
    post.feed()
    assert collector.got == list(range(last(post) + 1))
    assert len(collector.keys) == 2
    post.fill(3)
    post.feed()
    assert collector.got == list(range(last(post) + 1))
    state = post.pump.state(feed)
    assert (state.cursor, state.lag, state.sent) == (last(post) + 1, 0, last(post) + 1)
    # A feed adds nothing to the log by feeding it: otherwise it would never end.
    assert post.events("feed") == []


def test_a_crash_between_sending_and_the_cursor_repeats_and_never_loses(
    post: Post, collector: Collector
) -> None:
    """The process ends at that very point, fifty times; what arrives has no gap, and repetitions share a key."""
    post.add(Role.FEED, "siem", FILE)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    for _ in range(50):
        post.fill(2)
        collector.after = die
        post.start(send=collector)
        (feed,) = post.targets.in_effect(Role.FEED)
        with pytest.raises(Killed):
            post.pump._feed(feed)
        collector.after = None
        if len(collector.got) % 3 == 0:
            post.feed()
    post.start(send=collector)
    post.feed()
    assert sorted(set(collector.got)) == list(range(last(post) + 1))
    assert len(collector.got) > len(set(collector.got))
    first = [seq for at, seq in enumerate(collector.got) if seq not in collector.got[:at]]
    assert first == sorted(first), "what is new comes in order"


def test_a_dead_collector_costs_nothing_but_lag(post: Post, collector: Collector) -> None:
    feed = post.add(Role.FEED, "siem", FILE)
    collector.fails = True
    post.fill(5)
    for _ in range(200):
        post.feed(timedelta(minutes=5))
    state = post.pump.state(feed)
    assert (state.cursor, state.lag, state.fault) == (0, last(post) + 1, "timeout")
    # Two hundred failures are one event.
    assert post.events("feed") == [("feed.stopped", "error", None)]
    collector.fails = False
    post.feed(timedelta(minutes=5))
    post.feed()
    assert post.events("feed") == [
        ("feed.stopped", "error", None),
        ("feed.resumed", "success", None),
    ]
    assert collector.got == list(range(last(post) + 1)), "its own events go too, once"
    assert post.pump.state(feed).stopped_since is None


def test_a_collector_that_comes_and_goes_makes_no_storm(post: Post, collector: Collector) -> None:
    post.add(Role.FEED, "siem", FILE)
    for _ in range(60):
        for collector.fails in (True, False):
            post.fill(1)
            post.feed(timedelta(seconds=2))
    assert post.events("feed") == []


def test_recording_never_waits_for_a_collector(quick: Post) -> None:
    gate = threading.Event()

    def hang(*_: object) -> None:
        gate.wait(60)

    quick.start(send=hang)
    quick.add(Role.FEED, "siem", FILE)
    quick.pump.tick()
    began = time.monotonic()
    for _ in range(20):
        quick.fill(1)
        quick.pump.tick()
    took = time.monotonic() - began
    assert not quick.pump.wait(0.1)
    gate.set()
    assert quick.pump.wait(60)
    assert took < 20


def test_one_feed_holds_up_no_other(post: Post, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    post.add(Role.FEED, "dead", Posted(Webhook("https://localhost:1/x"), Format.OCSF))
    post.add(Role.FEED, "file", Lines(str(target), Format.NATIVE))
    post.fill(7)
    post.feed()
    assert seqs(target) == list(range(last(post) + 1))


def test_a_paused_feed_goes_on_where_it_stopped(post: Post, collector: Collector) -> None:
    feed = post.add(Role.FEED, "siem", FILE)
    post.feed()
    post.pump.pause(feed, ANNA, post.now)
    with pytest.raises(Conflict):
        post.pump.pause(feed, ANNA, post.now)
    before = list(collector.got)
    post.fill(4)
    post.feed()
    assert collector.got == before
    post.pump.resume(feed, ANNA, post.now)
    post.feed()
    assert collector.got == list(range(last(post) + 1))
    assert post.events("feed") == [
        ("feed.stopped", "success", "paused"),
        ("feed.resumed", "success", "paused"),
    ]


def test_pruned_entries_are_counted_and_passed_over(post: Post, collector: Collector) -> None:
    post.fill(10)
    feed = post.add(Role.FEED, "siem", FILE)
    whole = post.audit.events

    def pruned(since: int = 0) -> Any:
        for entry in whole(since):
            yield Entry(entry.seq, entry.type, entry.outcome, {}) if entry.seq < 6 else entry

    post.audit.events = pruned  # type: ignore[method-assign] # nothing may prune here yet
    post.feed()
    assert collector.got == list(range(6, last(post) + 1))
    assert post.pump.state(feed).skipped == 6
    assert post.pump.state(feed).lag == 0


def test_a_test_sends_the_newest_entry_and_moves_nothing(post: Post, collector: Collector) -> None:
    post.fill(3)
    feed = post.add(Role.FEED, "siem", FILE)
    assert post.pump.test(feed) == last(post)
    assert collector.got == [last(post)]
    assert post.pump.state(feed).cursor == 0


# -- files -----------------------------------------------------------------------------------------


def test_a_file_is_for_its_owner_alone_and_survives_rotation(quick: Post, tmp_path: Path) -> None:
    target, moved = tmp_path / "log.jsonl", tmp_path / "log.jsonl.1"
    quick.add(Role.FEED, "file", Lines(str(target), Format.NATIVE))
    quick.feed()
    target.rename(moved)
    quick.fill(3)
    quick.feed()
    assert seqs(moved) + seqs(target) == list(range(last(quick) + 1))
    assert (target.stat().st_mode & 0o777, moved.stat().st_mode & 0o777) == (0o600, 0o600)


def test_a_line_that_a_crash_cut_short_spoils_none(quick: Post, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    target.touch(mode=0o644)
    target.write_text('{"seq":0,"t":"20')
    quick.fill(2)
    quick.add(Role.FEED, "file", Lines(str(target), Format.NATIVE))
    quick.feed()
    first, *rest = target.read_text().splitlines()
    assert first == '{"seq":0,"t":"20'
    assert [json.loads(line)["seq"] for line in rest] == list(range(last(quick) + 1))
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["symlink", "directory", "fifo", "missing"])
def test_what_is_no_plain_file_is_not_written(quick: Post, tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "log.jsonl", tmp_path / "other"
    other.write_text("untouched\n")
    match kind:
        case "symlink":
            target.symlink_to(other)
        case "directory":
            target.mkdir()
        case "fifo":
            os.mkfifo(target)
        case "missing":
            target = tmp_path / "no" / "such" / "directory"
    feed = quick.add(Role.FEED, "file", Lines(str(target), Format.NATIVE))
    quick.feed()
    assert quick.pump.state(feed).fault == "file"
    assert other.read_text() == "untouched\n"


# -- over the network ------------------------------------------------------------------------------


def test_a_webhook_gets_signed_batches(quick: Post, tmp_path: Path) -> None:
    secret = "signing-secret-mark-0123"
    with Receiver(tmp_path / "r") as receiver:
        webhook = Webhook(receiver.url, secret=secret, ca=receiver.ca)
        quick.fill(BATCH + 1)
        quick.add(Role.FEED, "hook", Posted(webhook, Format.OCSF))
        quick.feed()
        assert len(receiver.posted) == 2
        got = []
        for posted in receiver.posted:
            assert posted.headers["content-type"] == "application/x-ndjson"
            stamp, mac = (
                part[part.index("=") + 1 :]
                for part in posted.headers["x-strongroom-signature"].split(",")
            )
            wanted = hmac.digest(secret.encode(), f"{stamp}.".encode() + posted.body, "sha256")
            assert hmac.compare_digest(wanted.hex(), mac)
            assert int(stamp) == int(quick.now.timestamp())
            got += [json.loads(line)["metadata"]["sequence"] for line in posted.body.splitlines()]
        assert got == list(range(last(quick) + 1))
        assert len({posted.headers["idempotency-key"] for posted in receiver.posted}) == 2


@pytest.mark.clause("1.5", "2.6")
@pytest.mark.parametrize("format_", Format)
def test_a_real_rsyslogd_understands_every_line(quick: Post, format_: Format) -> None:
    with Rsyslog() as server:
        quick.fill(300)
        feed = quick.add(Role.FEED, "syslog", Syslog("localhost", server.port, format_, server.ca))
        quick.feed()
        assert quick.pump.state(feed).fault is None
        quick.fill(1)
        quick.feed()
        wanted = {entry.seq: entry.body for entry in quick.audit.events()}
        lines = server.lines(len(wanted))
    assert len(lines) == len(wanted)
    for seq, told in enumerate(lines):
        pri, at, host, app, boot, type_, data, content = told.split("|", 7)
        body = wanted[seq]
        assert (pri, host, app, boot, type_) == (
            "110",
            body["node"],
            "strongroom",
            body["boot"],
            body["type"],
        )
        assert at.startswith(body["t"][:19])
        assert f'sequenceId="{seq + 1}"' in data
        read = json.loads(content)
        assert (read["unmapped"] if format_ is Format.OCSF else {"seq": seq, **body}) in (
            body,
            read,
        )


def test_what_was_fed_before_a_restart_is_not_fed_again(post: Post, collector: Collector) -> None:
    post.add(Role.FEED, "siem", FILE)
    post.fill(5)
    post.feed()
    count = len(collector.got)
    post.start(send=collector)
    post.feed()
    assert len(collector.got) == count
    with post.database.read() as tx:
        (row,) = tx.execute(sa.select(schema.feed_state)).all()
    assert row.cursor == count
