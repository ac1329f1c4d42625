"""Notices on their way: at least once, put off, given up after three days, and never one channel for another."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.feeds.conftest import ANNA, Post
from tests.support.audit import NOW
from tests.support.collectors import PASSWORD, USER, MailServer, Receiver

from strongroom.db import schema
from strongroom.feeds.destinations import Mail, Security, Webhook
from strongroom.feeds.notice import Notice, Outbox, Step
from strongroom.feeds.outbox import LIVES, TRIES, NoticeOutbox
from strongroom.feeds.targets import Role

pytestmark = pytest.mark.clause("1.6", "2.6")

ALARM = Notice(
    Step.RAISED,
    "canary_touched",
    "critical",
    NOW,
    alarm=7,
    investigation=3,
    principal="erp",
    count=2,
    runbook="docs/runbooks/canary_touched.md",
    done="freeze",
)


def hook(receiver: Receiver) -> Webhook:
    return Webhook(receiver.url, ca=receiver.ca)


def tell(post: Post, notice: Notice = ALARM) -> None:
    with post.database.write() as tx:
        post.outbox.enqueue(tx, notice, post.now)


def steps(receiver: Receiver) -> list[str]:
    return [json.loads(posted.body)["step"] for posted in receiver.posted]


def test_the_outbox_is_what_the_watch_hands_notices_to(quick: Post) -> None:
    taken: Outbox = quick.outbox
    assert isinstance(taken, NoticeOutbox)


def test_a_notice_reaches_every_channel_with_an_id_of_its_own(post: Post, tmp_path: Path) -> None:
    with MailServer(tmp_path / "m") as server, Receiver(tmp_path / "r") as receiver:
        mail = Mail("localhost", server.port, "from@example.com", ("ops@example.com", "two@example.com"),
                    Security.STARTTLS, USER, server.ca)  # fmt: skip
        post.add(Role.CHANNEL, "mail", mail, PASSWORD)
        post.add(Role.CHANNEL, "hook", hook(receiver))
        post.deliver()
        server.mails.clear()
        receiver.posted.clear()
        tell(post)
        post.deliver()
        (envelope,) = server.mails
        assert envelope.rcpt_tos == ["ops@example.com", "two@example.com"]
        text = bytes(envelope.content or b"").decode()
        for said in (
            "Subject: [strongroom testhome] Alarm: canary touched of erp (critical)",
            "Auto-Submitted: auto-generated",
            "What: canary touched, critical",
            "Done at once: freeze",
            "Investigation: 3",
            "What to do: docs/runbooks/canary_touched.md",
        ):
            assert said in text
        (posted,) = receiver.posted
        told = json.loads(posted.body)
        assert (told["alarm"], told["count"], told["drill"], told["done"]) == (
            7,
            2,
            False,
            "freeze",
        )
        assert told["message"] == posted.headers["idempotency-key"]
        assert f"<{told['message']}@" not in text
    delivered = [e for e in post.audit.tail(100) if e.type == "notice.delivered"][-2:]
    assert sorted(e.body["n"] for e in delivered) == [1, 2]
    assert {e.body["op"] for e in delivered} == {"raised"}


def test_what_was_not_committed_is_told_to_nobody(post: Post, tmp_path: Path) -> None:
    with Receiver(tmp_path / "r") as receiver:
        post.add(Role.CHANNEL, "hook", hook(receiver))
        post.deliver()
        before = len(receiver.posted)

        def fail() -> None:
            with post.database.write() as tx:
                post.outbox.enqueue(tx, ALARM, post.now)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        post.deliver()
        assert len(receiver.posted) == before


def test_a_notice_is_tried_again_later_and_later_under_the_same_id(
    post: Post, tmp_path: Path
) -> None:
    with Receiver(tmp_path / "r", status=500) as receiver:
        channel = post.add(Role.CHANNEL, "hook", hook(receiver))
        with post.database.write() as tx:
            tx.execute(schema.channel_state.insert().values(
                channel_id=channel.id, failures=0, next_at=post.now, heartbeat_at=post.now))  # fmt: skip
        tell(post)
        post.deliver()
        post.deliver(timedelta(seconds=10))
        assert len(receiver.posted) == 1, "too early"
        for _ in range(5):
            post.deliver(timedelta(minutes=20))
        assert len(receiver.posted) == 6
        receiver.status = 204
        post.deliver(timedelta(hours=1))
        post.deliver(timedelta(hours=1))
        raised = [p.headers["idempotency-key"] for p in receiver.posted if b'"raised"' in p.body]
        assert len(raised) == 7
        assert len(set(raised)) == 1
        assert post.outbox.state(channel, post.now).waiting == 0


def test_a_channel_that_is_down_is_told_of_on_the_others_once(post: Post, tmp_path: Path) -> None:
    with Receiver(tmp_path / "a") as up, Receiver(tmp_path / "b", status=503) as down:
        post.add(Role.CHANNEL, "up", hook(up))
        broken = post.add(Role.CHANNEL, "broken", hook(down))
        for _ in range(6):
            post.deliver(timedelta(minutes=10))
        told = [json.loads(posted.body) for posted in up.posted]
        about = [n for n in told if n["kind"] == "channel_down"]
        assert [(n["step"], n["target"]) for n in about] == [("raised", "channel broken")]
        assert post.outbox.state(broken, post.now).down_since is not None
        failures = [e for e in post.audit.tail(1000) if e.type == "notice.failed"]
        assert [(e.body["op"], e.body["reason"]) for e in failures] == [("down", "upstream_error")]
        # And when it is back, that is told as well.
        down.status = 200
        post.deliver(timedelta(hours=2))
        post.deliver(timedelta(seconds=1))
        assert post.outbox.state(broken, post.now).down_since is None
        told = [json.loads(posted.body) for posted in up.posted]
        about = [n["step"] for n in told if n["kind"] == "channel_down"]
        assert about == ["raised", "closed"]


def test_what_nobody_takes_for_three_days_is_kept_as_a_dead_letter_and_can_be_retried(
    post: Post, tmp_path: Path
) -> None:
    with Receiver(tmp_path / "r", status=500) as receiver:
        channel = post.add(Role.CHANNEL, "hook", hook(receiver))
        tell(post)
        for _ in range(80):
            post.deliver(timedelta(hours=1))
        state = post.outbox.state(channel, post.now)
        assert state.dead >= 2, "the alarm and heartbeats"
        dead = [w for w in post.outbox.dead(channel) if w.notice.alarm == 7]
        assert [w.fault for w in dead] == ["refused"]
        assert dead[0].tries <= TRIES
        assert post.now - dead[0].since >= LIVES or dead[0].tries == TRIES
        assert ("notice.failed", "error", "dead_letter") in post.events("notice")
        receiver.status = 200
        assert post.outbox.retry(channel, ANNA, post.now) == state.dead
        before = len(receiver.posted)
        post.deliver(timedelta(minutes=10))
        post.deliver(timedelta(minutes=10))
        assert len(receiver.posted) > before + state.dead - 1
        assert post.outbox.state(channel, post.now).dead == 0


def test_a_server_that_hangs_holds_up_no_other_channel(quick: Post, tmp_path: Path) -> None:
    gate = threading.Event()
    with Receiver(tmp_path / "a", gate=gate) as hangs, Receiver(tmp_path / "b") as works:
        quick.add(Role.CHANNEL, "hangs", hook(hangs))
        quick.add(Role.CHANNEL, "works", hook(works))
        tell(quick)
        quick.courier.tick()
        assert not quick.courier.wait(2)
        assert "raised" in steps(works)
        # The next second's tick starts no second delivery into the same server.
        quick.courier.tick()
        quick.courier.wait(0.2)
        assert len(hangs.posted) == 1
        gate.set()
        assert quick.courier.wait(30)


def test_each_channel_is_tried_daily_and_a_clock_set_back_ends_nothing(
    post: Post, tmp_path: Path
) -> None:
    with Receiver(tmp_path / "r") as receiver:
        post.add(Role.CHANNEL, "hook", hook(receiver))
        post.deliver()
        post.deliver(timedelta(hours=23))
        assert steps(receiver).count("heartbeat") == 1
        post.deliver(timedelta(hours=2))
        assert steps(receiver).count("heartbeat") == 2
        post.now -= timedelta(days=400)
        tell(post)
        post.deliver()
        assert steps(receiver).count("heartbeat") == 3


def test_a_change_of_destinations_is_told_on_the_other_channels(post: Post, tmp_path: Path) -> None:
    with Receiver(tmp_path / "a") as first, Receiver(tmp_path / "b") as second:
        post.add(Role.CHANNEL, "first", hook(first))
        post.add(Role.CHANNEL, "second", hook(second))
        post.targets.request_removal(Role.CHANNEL, "second", ANNA, post.now)
        post.deliver()
        told = [json.loads(p.body) for p in first.posted]
        assert [(n["kind"], n["target"], n["principal"]) for n in told if n["target"]] == [
            ("new_destination", "channel second", "anna"),
            ("channel_down", "channel second", "anna"),
        ]
        assert second.posted == [], "a removed channel is sent nothing more"


def test_what_was_sent_and_not_recorded_is_sent_again_under_its_id(
    quick: Post, tmp_path: Path
) -> None:
    """As a process that is killed between the answer and the commit leaves it."""
    with Receiver(tmp_path / "r") as receiver:
        channel = quick.add(Role.CHANNEL, "hook", hook(receiver))
        tell(quick)
        (due,) = quick.outbox.due(channel, quick.now)
        quick.courier.send(channel, due.notice, due.message)
        quick.start()
        quick.deliver()
        ids = [p.headers["idempotency-key"] for p in receiver.posted]
        assert ids.count(due.message) == 2


def test_without_any_channel_nothing_is_kept(quick: Post) -> None:
    tell(quick)
    with quick.database.read() as tx:
        assert tx.execute(sa.select(schema.notice_outbox)).first() is None


def test_a_notice_with_strange_words_is_told_all_the_same(quick: Post, tmp_path: Path) -> None:
    strange = Notice(Step.RAISED, "kind\r\nBcc: x@y.z", "hi\x00gh", NOW, principal='a"b\\{{key}}\u2028',
                     runbook="javascript:\n//")  # fmt: skip
    with MailServer(tmp_path / "m") as server, Receiver(tmp_path / "r") as receiver:
        mail = Mail(
            "localhost",
            server.port,
            "a@example.com",
            ("b@example.com",),
            Security.STARTTLS,
            USER,
            server.ca,
        )
        quick.add(Role.CHANNEL, "mail", mail, PASSWORD)
        quick.add(Role.CHANNEL, "hook", hook(receiver))
        tell(quick, strange)
        quick.deliver()
        contents = [bytes(m.content or b"") for m in server.mails]
        assert any(b"kind??Bcc: x@y.z" in content for content in contents)
        assert not any(b"\nBcc:" in content for content in contents)
        told = next(json.loads(p.body) for p in receiver.posted if b"hi?gh" in p.body)
        assert told["principal"] == "a?b???key???"
