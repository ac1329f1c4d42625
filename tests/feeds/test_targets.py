"""Where notices and the log go: asked for by one person, approved by another, held against the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.feeds.conftest import ANNA, BORIS, ERP, Post, posted

from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.feeds.destinations import (
    Format,
    Lines,
    Mail,
    Posted,
    Security,
    Syslog,
    Webhook,
    dump,
    host_and_port,
    load,
)
from strongroom.feeds.targets import Role

pytestmark = pytest.mark.clause("1.3", "2.6")

FILE = Lines("/var/log/strongroom/log.jsonl", Format.NATIVE)
MAIL = Mail(
    "mail.example.com", 587, "from@example.com", ("to@example.com",), Security.STARTTLS, "u"
)
HOOK = Webhook(
    "https://hooks.example.com/T0/secret", "a signing secret".replace(" ", "-"), None, "{}"
)


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> Iterator[Post]:
    """A home of two people."""
    with posted(database_url, tmp_path, one_person=False) as found:
        yield found


def test_a_destination_is_used_once_another_person_approves_it(two: Post) -> None:
    asked = two.targets.request_add(Role.FEED, "SIEM", FILE, ANNA, two.now)
    assert (asked.name, asked.state) == ("siem", "pending")
    assert two.targets.in_effect(Role.FEED) == ()
    for caller in (ANNA, ERP):
        with pytest.raises(Denied):
            two.targets.approve(Role.FEED, "siem", caller, two.now)
    made = two.targets.approve(Role.FEED, "siem", BORIS, two.now)
    assert made.state == "active"
    assert [feed.name for feed in two.targets.in_effect(Role.FEED)] == ["siem"]
    assert two.targets.in_effect(Role.CHANNEL) == ()
    assert two.events("alarm.changed") == [
        ("alarm.changed", "success", "feed.add.requested"),
        ("alarm.changed", "denied", "feed.add.approved"),
        ("alarm.changed", "denied", "feed.add.approved"),
        ("alarm.changed", "success", "feed.add.approved"),
    ]


def test_its_end_takes_a_second_person_too_and_can_be_rejected(two: Post) -> None:
    two.add(Role.CHANNEL, "ops", MAIL, "password")
    assert two.targets.request_removal(Role.CHANNEL, "ops", ANNA, two.now).state == "leaving"
    assert len(two.targets.in_effect(Role.CHANNEL)) == 1
    assert two.targets.reject(Role.CHANNEL, "ops", BORIS, two.now).state == "active"
    two.targets.request_removal(Role.CHANNEL, "ops", ANNA, two.now)
    two.targets.approve(Role.CHANNEL, "ops", BORIS, two.now)
    assert two.targets.in_effect(Role.CHANNEL) == ()
    with pytest.raises(NotFound):
        two.targets.by_name(Role.CHANNEL, "ops")
    # The name is free again.
    assert two.add(Role.CHANNEL, "ops", MAIL).state == "active"


def test_a_rejected_one_is_never_used_and_a_taken_name_is_refused(two: Post) -> None:
    two.targets.request_add(Role.FEED, "siem", FILE, ANNA, two.now)
    with pytest.raises(Conflict):
        two.targets.request_add(Role.FEED, "siem", FILE, ANNA, two.now)
    two.targets.reject(Role.FEED, "siem", BORIS, two.now)
    assert two.targets.listed(Role.FEED) == []
    with pytest.raises(NotFound):
        two.targets.approve(Role.FEED, "siem", BORIS, two.now)


def test_programs_ask_for_nothing(two: Post) -> None:
    with pytest.raises(Denied):
        two.targets.request_add(Role.FEED, "siem", FILE, ERP, two.now)
    two.add(Role.FEED, "siem", FILE)
    with pytest.raises(Denied):
        two.targets.request_removal(Role.FEED, "siem", ERP, two.now)


def test_in_a_home_of_one_person_it_is_used_at_once(post: Post) -> None:
    made = post.targets.request_add(Role.CHANNEL, "ops", HOOK, ANNA, post.now)
    assert made.state == "active"
    assert post.targets.in_effect(Role.CHANNEL) == (made,)


@pytest.mark.clause("2.4")
def test_nothing_of_it_lies_in_the_database_in_clear(quick: Post, tmp_path: Path) -> None:
    quick.add(Role.CHANNEL, "ops", MAIL, "mail-password-mark")
    quick.add(Role.CHANNEL, "hook", HOOK)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("quick.db*"))
    for text in ("mail-password-mark", "a-signing-secret", "hooks.example.com", "to@example.com"):
        assert text.encode() not in stored
    for shown in (repr(quick.targets.listed(Role.CHANNEL)), repr(HOOK), repr(quick.targets)):
        assert "mark" not in shown
        assert "secret" not in shown.replace("secret=", "")


@pytest.mark.parametrize("column", ["approved_at", "settings", "name", "password"])
def test_a_row_edited_behind_our_back_is_sent_nothing(two: Post, column: str) -> None:
    two.add(Role.CHANNEL, "first", MAIL, "one")
    two.targets.request_add(Role.CHANNEL, "other", HOOK, ANNA, two.now, password="two")
    table = schema.delivery_target
    with two.database.write() as tx:
        rows = {row.name: row for row in tx.execute(table.select())}
        values = {
            "approved_at": {"approved_at": two.now, "approved_by": 2},
            "settings": {"settings": rows["first"].settings, "approved_at": two.now},
            "name": {"name": "renamed", "approved_at": two.now},
            "password": {"password": rows["first"].password, "approved_at": two.now},
        }[column]
        tx.execute(table.update().where(table.c.name == "other").values(**values))
    two.targets.forget()
    assert [channel.name for channel in two.targets.in_effect(Role.CHANNEL)] == ["first"]
    assert two.targets.drift() == [f"channel {rows['other'].id}"]


def test_what_was_edited_while_it_waited_is_not_approved(two: Post) -> None:
    two.targets.request_add(Role.FEED, "a", FILE, ANNA, two.now)
    table = schema.delivery_target
    with two.database.write() as tx:
        tx.execute(table.update().values(requested_by=BORIS.principal))
    with pytest.raises(Tampered):
        two.targets.approve(Role.FEED, "a", ANNA, two.now)
    assert two.targets.in_effect(Role.FEED) == ()


def test_a_removed_one_that_is_revived_in_the_database_is_sent_nothing(two: Post) -> None:
    two.add(Role.FEED, "a", FILE)
    two.targets.request_removal(Role.FEED, "a", ANNA, two.now)
    two.targets.approve(Role.FEED, "a", BORIS, two.now)
    with two.database.write() as tx:
        table = schema.delivery_target
        tx.execute(table.update().values(removed_at=None, removal_at=None))
    two.targets.forget()
    assert two.targets.in_effect(Role.FEED) == ()
    assert len(two.targets.drift()) == 1


@pytest.mark.parametrize(
    "destination",
    [
        MAIL,
        HOOK,
        FILE,
        Syslog("10.0.0.1", 6514, Format.OCSF, "pem", "/a", "/b"),
        Posted(Webhook("https://h/x"), Format.OCSF),
    ],
)
def test_a_destination_comes_back_as_it_was_sealed(destination: object) -> None:
    assert load(dump(destination)) == destination  # type: ignore[arg-type]


@pytest.mark.clause("1.5")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mail("mail.example.com", 25, "a@b.c", ("d@e.f",), Security.PLAIN),
        lambda: Mail("localhost", 25, "a@b.c", ("d@e.f",), Security.PLAIN),
        lambda: Mail("127.0.0.1", 25, "a@b.c", ("d@e.f",), Security.PLAIN, "user"),
        lambda: Mail("m", 25, "a@b.c\r\nBcc: x@y.z", ("d@e.f",), Security.TLS),
        lambda: Mail("m", 25, "a@b.c", ("d@e.f, x@y.z",), Security.TLS),
        lambda: Mail("m", 25, "a@b.c", (), Security.TLS),
        lambda: Mail("m", 25, "a@b.c", ("d@e.f",) * 21, Security.TLS),
        lambda: Webhook("http://example.com/x"),
        lambda: Webhook("https://user:password@example.com/x"),
        lambda: Webhook("https://example.com/x#y"),
        lambda: Webhook("https://example.com/x\r\nHost: y"),
        lambda: Webhook("https://example.com/", "short"),
        lambda: Webhook("https://example.com/", template='{"a": "{{key}}"}'),
        lambda: Lines("log.jsonl", Format.OCSF),
        lambda: Lines("/var/../etc/passwd", Format.OCSF),
        lambda: Syslog("h", 6514, Format.OCSF, None, "/cert.pem", None),
        lambda: Syslog("h", 6514, Format.OCSF, None, "cert.pem", "/key.pem"),
    ],
)
def test_what_would_be_open_or_mean_something_else_is_refused(wrong: object) -> None:
    with pytest.raises(Malformed):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a:",
        ":1",
        "a:0",
        "a:65536",
        "a b:1",
        "a:-1",
        "[x]:1",
        "u@h:1",
        "fe80::1%e:1",
        "a:\uff11",
    ],
)
def test_a_server_is_host_and_port(text: str) -> None:
    with pytest.raises(Malformed):
        host_and_port(text)
    assert host_and_port("[::1]:25") == ("::1", 25)
    assert host_and_port("mail.example.com:587") == ("mail.example.com", 587)


def test_a_row_that_is_gone_without_a_word_is_missed(two: Post) -> None:
    made = two.add(Role.CHANNEL, "ops", MAIL)
    with two.database.write() as tx:
        tx.execute(schema.delivery_target.delete())
    assert two.targets.drift() == [f"channel {made.id}"]


def test_there_are_not_any_number_of_them(quick: Post) -> None:
    for number in range(16):
        quick.add(Role.FEED, f"f{number}", FILE)
    with pytest.raises(Conflict):
        quick.add(Role.FEED, "one-more", FILE)
