"""Incidents: clocks, second persons, what Amazon is told, and what no row of a database can make true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.collectors import PASSWORD, USER, MailServer
from tests.support.incidents import at_console, oversees, touch_canary
from tests.support.pages import DeskHome, Member

from strongroom.compliance.custody import Why
from strongroom.compliance.incidents import Attached, Incidents, Measure, Recipient, kinds
from strongroom.compliance.incidents.clock import level_at, named
from strongroom.compliance.overseen import Verdict
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError, Tampered
from strongroom.feeds.destinations import Mail, Security
from strongroom.feeds.targets import Role
from strongroom.terms import AuthMethod, Caller, PrincipalKind

__all__ = ["ada", "home", "joined", "made_for_two"]

EML = Attached(b"To: security@amazon.com\r\n\r\nwe report\r\n", "told.eml", "message/rfc822")
WORD = Attached(b"we write for ourselves", "letter.txt", "text/plain")


@dataclass
class Two:
    """A home with two people who oversee."""

    home: DeskHome
    ada: Caller
    boris: Caller

    @property
    def incidents(self) -> Incidents:
        return self.home.system.compliance.incidents

    def verdict(self, duty: str) -> Verdict:
        return self.incidents.findings(self.home.now)[duty].verdict

    def open(self, **given: object) -> int:
        case = self.incidents.cases.open(self.ada, "access", "Reads", self.home.now, **given)
        return case.id

    def ready(self, number: int, *, told: bool = True) -> None:
        """Give a case all that its closing asks for, but the approval."""
        cases, now = self.incidents.cases, self.home.now
        cases.note(number, "it read at night", self.ada, now)
        cases.compute_scope(number, [], now - timedelta(days=1), now, self.ada, now)
        for step in kinds()["access"].steps:
            cases.tick(number, step.key, self.ada, now)
        texts = {"description": "d", "root_cause": "c", "remediation": "r"}
        cases.write(number, texts, self.ada, now)
        cases.control(number, "budgets", "boris", now + timedelta(days=9), self.ada, now)
        if told:
            self.incidents.telling.sent_otherwise(number, EML, now, self.ada, now)


@pytest.fixture
def two(ada: Member) -> Two:
    home = ada.browser.home
    home.member("boris")
    oversees(home, "boris", approver="ada")
    return Two(home, at_console(home, "ada"), at_console(home, "boris"))


@pytest.mark.clause("1.6")
def test_the_clock_counts_from_the_earliest_and_the_alarm_bounds_it(two: Two) -> None:
    alarm = touch_canary(two.home, owner="ada", approver="boris")
    first = two.home.now
    two.home.passes(hours=3)
    number = two.open(alarm=alarm, detected_at=two.home.now)
    case = two.incidents.cases.show(number).case
    assert case.clock_at == first
    with pytest.raises(Conflict):
        two.open(alarm=alarm)
    cases, now = two.incidents.cases, two.home.now
    for later in (first + timedelta(minutes=1), first):
        with pytest.raises(Conflict):
            cases.move_clock(number, two.ada, now, detected_at=later)
    moved = cases.move_clock(number, two.ada, now, suspected_at=first - timedelta(hours=1))
    assert moved.clock_at == first - timedelta(hours=1)
    with pytest.raises(Malformed):
        two.open(detected_at=now + timedelta(minutes=1))


@pytest.mark.clause("1.6")
def test_people_are_reminded_at_4_12_20_and_23_hours_and_when_the_24_are_over(two: Two) -> None:
    number = two.open()
    begun, told = two.home.now, []
    for minutes in range(0, 25 * 60, 30):
        two.home.now = begun + timedelta(minutes=minutes)
        told += [(minutes / 60, hour) for _n, hour in two.incidents.remind(two.home.now)]
    assert told == [(4, "4h"), (12, "12h"), (20, "20h"), (23, "23h"), (24, "24h")]
    due = two.home.events("incident.due")
    assert [e.body["op"] for e in due] == ["4h", "12h", "20h", "23h", "24h"]
    assert due[-1].outcome == "failure"
    assert two.verdict("1.6-h") is Verdict.FAIL
    two.incidents.telling.sent_otherwise(number, EML, begun, two.ada, two.home.now)
    assert two.verdict("1.6-h") is Verdict.PASS
    assert two.incidents.remind(two.home.now + timedelta(days=3)) == []


@pytest.mark.clause("1.6")
def test_who_was_away_for_long_is_told_once() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert [level_at(at, at + timedelta(hours=h)) for h in (0, 3.9, 4, 12, 21, 23, 23.9, 24, 90)] == [
        0, 0, 1, 2, 3, 4, 4, 5, 5
    ]  # fmt: skip
    assert [named(level) for level in range(1, 6)] == ["4h", "12h", "20h", "23h", "24h"]


@pytest.mark.clause("1.6")
def test_a_case_closes_only_when_it_lacks_nothing(two: Two) -> None:
    number = two.open()
    cases, now = two.incidents.cases, two.home.now
    two.ready(number, told=False)
    with pytest.raises(Conflict, match="Amazon was told"):
        cases.close(number, two.ada, now)
    two.incidents.telling.sent_otherwise(number, EML, now, two.ada, now)
    with pytest.raises(Conflict, match="approval by another person"):
        cases.close(number, two.ada, now)
    with pytest.raises(Denied):
        cases.approve(number, two.ada, now)
    refused = two.home.events("incident.approved")
    assert [(e.outcome, e.body["reason"]) for e in refused] == [("denied", "self_review")]
    cases.approve(number, two.boris, now)
    with pytest.raises(Conflict, match="closed by its lead"):
        cases.close(number, two.boris, now)
    cases.close(number, two.ada, now)
    assert two.verdict("1.6-i") is Verdict.PASS
    with pytest.raises(Conflict):
        cases.note(number, "more", two.ada, now)
    (control,) = cases.show(number).of("control")
    assert two.verdict("1.6-j") is Verdict.PASS
    two.home.passes(days=10)
    assert two.verdict("1.6-j") is Verdict.FAIL
    cases.control_done(number, control.id, two.boris, two.home.now)
    assert two.verdict("1.6-j") is Verdict.PASS


@pytest.mark.clause("1.6")
def test_what_is_written_after_the_approval_is_approved_anew(two: Two) -> None:
    number = two.open()
    two.ready(number)
    cases, now = two.incidents.cases, two.home.now
    cases.approve(number, two.boris, now)
    cases.write(number, {"root_cause": "another"}, two.boris, now)
    with pytest.raises(Denied):
        cases.approve(number, two.boris, now)
    with pytest.raises(Conflict):
        cases.close(number, two.ada, now)


@pytest.mark.clause("1.6")
def test_that_it_was_none_needs_another_persons_reason(two: Two) -> None:
    number = two.open(description="looked odd")
    cases, now = two.incidents.cases, two.home.now
    cases.doubt(number, "a test of ours", two.ada, now)
    with pytest.raises(Denied):
        cases.clear(number, "yes", two.ada, now)
    with pytest.raises(Malformed):
        cases.clear(number, " ", two.boris, now)
    cases.clear(number, "seen in the log", two.boris, now)
    cases.close(number, two.ada, now)
    assert two.verdict("1.6-h") is Verdict.PASS


@pytest.mark.clause("1.6")
def test_a_second_person_who_is_suspended_is_none(two: Two) -> None:
    number = two.open()
    two.ready(number)
    two.incidents.containing.take(number, Measure.FREEZE, "boris", two.ada, two.home.now)
    found = two.home.system.accounts.find("boris")
    away = Caller(found.id, PrincipalKind.PERSON, "boris", AuthMethod.SESSION)
    with pytest.raises(Denied):
        two.incidents.cases.approve(number, away, two.home.now)


@pytest.mark.clause("1.6")
@pytest.mark.parametrize(
    "changed",
    [
        {"clock_at": "later"},
        {"notified_at": "now"},
        {"closed_at": "now"},
        {"approved_by": 1, "approved_at": "now"},
        {"cleared_by": 1, "cleared_at": "now"},
    ],
)
def test_a_row_that_was_edited_is_not_believed(two: Two, changed: dict[str, object]) -> None:
    number = two.open()
    later = two.home.now + timedelta(hours=30)
    values = {name: later if isinstance(value, str) else value for name, value in changed.items()}
    table = schema.incident
    with two.home.system.database.write() as tx:
        tx.execute(table.update().where(table.c.id == number).values(**values))
    with pytest.raises(Tampered):
        two.incidents.cases.show(number)


@pytest.mark.clause("1.6")
def test_a_lines_signature_cannot_be_written_into_the_database(two: Two) -> None:
    number = two.open()
    telling, now = two.incidents.telling, two.home.now
    entry = telling.register(
        number, Recipient.AUTHORITY, "form", WORD, two.ada, now, law="GDPR, article 33"
    )
    with pytest.raises(Denied):
        telling.approve(number, entry.id, two.ada, now)
    table = schema.incident_entry
    with two.home.system.database.write() as tx:
        forged = {"state": "sent", "second_id": two.boris.principal, "second_at": now}
        tx.execute(table.update().where(table.c.id == entry.id).values(**forged))
    with pytest.raises(Tampered):
        two.incidents.cases.show(number)


@pytest.mark.clause("1.6")
def test_nobody_speaks_for_amazon_to_authorities_and_customers(two: Two) -> None:
    number = two.open()
    telling, now = two.incidents.telling, two.home.now
    for recipient in (Recipient.AUTHORITY, Recipient.CUSTOMER, Recipient.POLICE):
        with pytest.raises(Malformed, match="nobody speaks for Amazon"):
            telling.register(number, recipient, "letter", WORD, two.ada, now)
    asked = telling.register(
        number, Recipient.CUSTOMER, "letter", WORD, two.ada, now, permission=EML
    )
    assert asked.state == "waiting"
    assert telling.approve(number, asked.id, two.boris, now).second_id == two.boris.principal
    free = telling.register(number, Recipient.SELLER, "mail", WORD, two.ada, now)
    assert free.state == "sent"
    with pytest.raises(Conflict):
        telling.withdraw(number, asked.id, two.ada, now)
    other = two.open()
    with pytest.raises(StrongroomError, match="has no message"):
        telling.approve(other, asked.id, two.boris, now)


def _channel(two: Two, server: MailServer) -> None:
    place = Mail("localhost", server.port, "from@example.com", ("ops@example.com",),
                 Security.STARTTLS, USER, server.ca)  # fmt: skip
    targets, now = two.home.system.targets, two.home.now
    targets.request_add(Role.CHANNEL, "mail", place, two.ada, now, password=PASSWORD)
    targets.approve(Role.CHANNEL, "mail", two.boris, now)


@pytest.mark.clause("1.6")
def test_amazon_gets_the_mail_a_person_sent_and_its_bytes_are_evidence(
    two: Two, tmp_path: Path
) -> None:
    number = two.open()
    telling, now = two.incidents.telling, two.home.now
    with pytest.raises(Conflict):
        telling.send(number, "Incident", "We report it.", two.ada, now)
    with MailServer(tmp_path / "mail") as server:
        _channel(two, server)
        assert server.mails == []
        subject, text = telling.draft(two.incidents.cases.show(number), now)
        with pytest.raises(Malformed, match="filled in"):
            telling.send(number, subject, text, two.ada, now)
        sent = telling.send(number, subject, text.replace("…", "nothing yet"), two.ada, now)
        (mail,) = server.mails
        assert mail.rcpt_tos == ["security@amazon.com"]
        server.refuses = "550 no"
        with pytest.raises(StrongroomError):
            telling.send(number, "More", "We know more.", two.ada, now)
        server.refuses = None
        assert "ops@example.com" in two.incidents.practices._sending.inside
        two.incidents.practices.try_path(two.ada, now)
        assert server.mails[-1].rcpt_tos == ["ops@example.com"]
    assert sent.evidence_id is not None
    _item, eml = two.home.system.compliance.evidence.open(
        sent.evidence_id, Why.REVIEW, two.ada, now
    )
    read = message_from_bytes(eml, policy=policy.default)
    assert read["Message-ID"].strip() == sent.said["message_id"]
    assert "nothing yet" in read.get_content()
    states = [one.state for one in two.incidents.cases.show(number).of("message")]
    assert states == ["sent", "failed"]
    notified = two.home.events("incident.notified")
    assert [e.body["op"] for e in notified] == ["sent"]


@pytest.mark.clause("1.6")
def test_a_mail_whose_fate_nobody_recorded_waits_for_a_persons_word(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = two.open()
    telling, now = two.incidents.telling, two.home.now

    def crash(_to: object, _content: object) -> None:
        raise KeyboardInterrupt

    with MailServer(tmp_path / "mail") as server:
        _channel(two, server)
        monkeypatch.setattr(telling._sending, "deliver", crash)
        with pytest.raises(KeyboardInterrupt):
            telling.send(number, "Incident", "We report it.", two.ada, now)
        monkeypatch.undo()
    (entry,) = two.incidents.cases.show(number).of("message")
    assert entry.state == "sending"
    with pytest.raises(Conflict):
        telling.send(number, "Again", "We report it.", two.ada, now)
    telling.settle(number, entry.id, two.ada, now, sent=True)
    assert two.incidents.cases.show(number).case.notified_at == now
    with pytest.raises(Conflict):
        telling.settle(number, entry.id, two.ada, now, sent=False)


@pytest.mark.clause("1.6")
def test_the_scope_is_computed_from_the_log_and_can_be_asked_again(two: Two) -> None:
    alarm = touch_canary(two.home, owner="ada", approver="boris")
    number = two.open(alarm=alarm)
    cases, now = two.incidents.cases, two.home.now
    erp = two.home.system.accounts.find("erp").id
    found = cases.compute_scope(number, [erp], now - timedelta(hours=1), now, two.ada, now)
    assert (found.records, len(found.sellers), found.principals) == (1, 1, (erp,))
    assert found.by_kind["canaries"] == 1
    (entry,) = cases.show(number).of("scope")
    assert cases.scope_again(number, entry.id)
    nobody = cases.compute_scope(
        number, [two.boris.principal], now - timedelta(hours=1), now, two.ada, now
    )
    assert nobody.records == 0
    stored = two.home.system.database
    with stored.read() as tx:
        raw = tx.execute(sa.select(schema.incident_entry.c.said)).scalars().all()
    assert not any(b"records" in one for one in raw)


@pytest.mark.clause("1.6", "2.6")
def test_practice_turns_its_duties_green_and_time_turns_them_red(two: Two) -> None:
    practices, now = two.incidents.practices, two.home.now
    duties = ("1.6-c", "1.6-d", "1.6-f", "2.6-n")
    assert {two.verdict(duty) for duty in duties} == {Verdict.FAIL}
    practices.review("nothing changes", two.ada, now)
    practices.exercise("a stolen laptop", "ada, boris", "slow to find the list", two.ada, now)
    practices.confirm_types(two.ada, now)
    assert {two.verdict(duty) for duty in duties} == {Verdict.PASS}
    assert two.verdict("1.6-g") is Verdict.PASS
    two.home.passes(days=1)
    practices.record_major_change("another warehouse", two.ada, two.home.now)
    assert two.verdict("1.6-g") is Verdict.PASS
    two.home.passes(days=15)
    assert two.verdict("1.6-g") is Verdict.FAIL
    practices.review("the new warehouse is in it", two.boris, two.home.now)
    assert two.verdict("1.6-g") is Verdict.PASS
    two.home.passes(days=184)
    assert {two.verdict(duty) for duty in duties} == {Verdict.FAIL}


@pytest.mark.clause("2.6")
def test_an_alarm_open_for_more_than_a_day_is_a_failure(two: Two) -> None:
    assert two.verdict("2.6-m") is Verdict.PASS
    touch_canary(two.home, owner="ada", approver="boris")
    two.home.passes(hours=25)
    assert two.verdict("2.6-m") is Verdict.FAIL


@pytest.mark.clause("1.6", "2.6")
def test_the_log_has_no_word_that_somebody_wrote(two: Two) -> None:
    secret = "Mrs. Example of Ulm"
    number = two.incidents.cases.open(two.ada, "loss", secret, two.home.now, description=secret).id
    cases, now = two.incidents.cases, two.home.now
    cases.note(number, secret, two.ada, now)
    cases.doubt(number, secret, two.ada, now)
    two.incidents.practices.review(secret, two.ada, now)
    for event in two.home.events():
        assert "Example" not in str(event.body)
    for table in (schema.incident, schema.incident_entry, schema.incident_practice):
        with two.home.system.database.read() as tx:
            for row in tx.execute(sa.select(table)):
                assert "Example" not in str(row)
