"""Stories of the log itself, and of those outside: witnesses, channels, feeds."""

from datetime import timedelta

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from tests.alarms.refused import found, reveal
from tests.support.story import APP, PERSON, Book, Story

BOOK = Book()
TAMPERED, SILENT, JUMPED = "log_tampered", "log_silent", "clock_jumped"
WITNESS, CHANNEL, SWEEP = "witness_refused", "channel_down", "sweep_late"
ASKED = "request_due"
DENIED, FAILED, ERROR = Outcome.DENIED, Outcome.FAILURE, Outcome.ERROR


# -- tampering -------------------------------------------------------------------------------------


@BOOK.fires(TAMPERED, "log")
def a_verification_fails(story: Story) -> None:
    story.record(EventType.LOG_VERIFIED, FAILED, PERSON, reason=Reason.TAMPERED)


@BOOK.fires(TAMPERED, "log")
def the_log_on_the_disk_is_another_one(story: Story) -> None:
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.TAMPERED, op="audit.append")


@BOOK.fires(TAMPERED, "stored")
def a_record_does_not_open(story: Story) -> None:
    story.record(
        EventType.RECORD_TAMPERED,
        ERROR,
        APP,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.RECORD,
        obj_ref="5",
    )


@BOOK.fires(TAMPERED, "stored")
def a_grant_is_not_what_was_approved(story: Story) -> None:
    story.record(
        EventType.GRANT_DRIFT_SEEN,
        FAILED,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.GRANT,
        obj_ref="2",
    )


@BOOK.fires(TAMPERED, "epoch")
def the_log_begins_a_new_epoch(story: Story) -> None:
    story.record(EventType.LOG_EPOCH_STARTED, obj_kind=ObjKind.EPOCH, obj_ref="2")


@BOOK.silent(TAMPERED)
def a_verification_finds_nothing(story: Story) -> None:
    story.record(EventType.LOG_VERIFIED, Outcome.SUCCESS, PERSON, n=500)


@BOOK.silent(TAMPERED)
def a_days_work(story: Story) -> None:
    found(story, 0, 500)
    reveal(story, 1, DENIED, Reason.NO_GRANT)


@BOOK.silent(TAMPERED)
def a_fault_of_our_own(story: Story) -> None:
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.INTERNAL)


@BOOK.silent(TAMPERED)
def an_anchors_contradiction_is_told_by_another_rule(story: Story) -> None:
    story.record(EventType.LOG_ANCHOR_FAILED, FAILED, reason=Reason.FORKED)


@BOOK.silent(TAMPERED)
def an_alarm_about_it_is_no_second_one(story: Story) -> None:
    story.record(EventType.ALARM_RAISED, reason=Reason.TAMPERED)
    story.record(EventType.RECORD_ERASED, Outcome.SUCCESS, PERSON)


# -- silence ---------------------------------------------------------------------------------------


def beats(story: Story, n: int) -> None:
    for _ in range(n):
        story.record(EventType.LOG_HEARTBEAT)
        story.wait(minutes=1)


@BOOK.fires(SILENT, "heartbeat")
def heartbeats_stop(story: Story) -> None:
    beats(story, 5)
    story.wait(minutes=5)
    story.wait(minutes=5)


@BOOK.fires(SILENT, "heartbeat")
def work_goes_on_without_heartbeats(story: Story) -> None:
    beats(story, 5)
    for number in range(10):
        reveal(story, number)
        story.wait(minutes=1)


@BOOK.fires(SILENT, "heartbeat")
def one_of_two_nodes_falls_silent(story: Story) -> None:
    for index in range(12):
        story.node, story.boot = "node-1", "boot-1"
        story.record(EventType.LOG_HEARTBEAT)
        if index < 4:
            story.node, story.boot = "node-2", "boot-2"
            story.record(EventType.LOG_HEARTBEAT)
        story.wait(minutes=1)


@BOOK.fires(SILENT, "no_end")
def a_run_ends_without_saying_so(story: Story) -> None:
    beats(story, 3)
    story.boot = "boot-2"
    story.record(EventType.HOME_OPENED)


@BOOK.fires(SILENT, "gap")
def a_number_is_missing(story: Story) -> None:
    beats(story, 3)
    story.lose()
    beats(story, 3)


@BOOK.fires(SILENT, "gap")
def a_run_does_not_begin_at_the_beginning(story: Story) -> None:
    beats(story, 1)
    story.record(EventType.HOME_CLOSED)
    story.boot = "boot-2"
    story.lose()
    story.record(EventType.HOME_OPENED)


@BOOK.silent(SILENT)
def a_home_is_served_and_closed(story: Story) -> None:
    story.record(EventType.HOME_OPENED)
    beats(story, 10)
    story.record(EventType.HOME_CLOSED)
    story.wait(hours=5)
    story.boot = "boot-2"
    story.record(EventType.HOME_OPENED)


@BOOK.silent(SILENT)
def a_command_opens_the_home_and_has_no_heartbeat(story: Story) -> None:
    story.record(EventType.HOME_OPENED)
    story.wait(hours=5)
    story.boot = "boot-2"
    story.record(EventType.HOME_OPENED)


@BOOK.silent(SILENT)
def two_heartbeats_are_late(story: Story) -> None:
    beats(story, 3)
    story.wait(minutes=2)
    beats(story, 3)


@BOOK.silent(SILENT)
def an_entry_of_a_newer_version_is_not_understood(story: Story) -> None:
    beats(story, 3)
    story.lose(seq=True)
    beats(story, 3)


@BOOK.silent(SILENT)
def two_nodes_take_turns(story: Story) -> None:
    for _ in range(8):
        for node in ("1", "2"):
            story.node, story.boot = f"node-{node}", f"boot-{node}"
            story.record(EventType.LOG_HEARTBEAT)
        story.wait(minutes=1)


@BOOK.silent(SILENT)
def the_rule_looks_from_the_middle_of_a_log_on(story: Story) -> None:
    for _ in range(40):
        story.lose(seq=True)
    beats(story, 3)


# -- the clock -------------------------------------------------------------------------------------


@BOOK.fires(JUMPED, "seen")
def the_clock_is_set_forward_an_hour(story: Story) -> None:
    beats(story, 3)
    story.clock = timedelta(hours=1)
    beats(story, 3)


@BOOK.fires(JUMPED, "seen")
def the_clock_is_set_back_years(story: Story) -> None:
    beats(story, 3)
    story.clock = timedelta(days=-900)
    beats(story, 3)


@BOOK.fires(JUMPED, "seen")
def forward_and_back_again(story: Story) -> None:
    beats(story, 3)
    story.clock = timedelta(days=31)
    found(story, 0, 10)
    story.clock = timedelta(0)
    beats(story, 3)


@BOOK.fires(JUMPED, "told")
def the_service_noticed_it(story: Story) -> None:
    story.record(EventType.CLOCK_JUMPED, FAILED, reason=Reason.CLOCK_JUMP)


@BOOK.fires(JUMPED, "seen", "told")
def both_see_it(story: Story) -> None:
    beats(story, 2)
    story.clock = timedelta(minutes=10)
    beats(story, 1)
    story.record(EventType.CLOCK_JUMPED, FAILED, reason=Reason.CLOCK_JUMP)


@BOOK.silent(JUMPED)
def a_clock_that_is_kept(story: Story) -> None:
    beats(story, 30)


@BOOK.silent(JUMPED)
def it_is_corrected_by_a_second(story: Story) -> None:
    beats(story, 3)
    story.clock = timedelta(seconds=-1)
    beats(story, 3)


@BOOK.silent(JUMPED)
def a_request_took_a_minute_until_it_was_recorded(story: Story) -> None:
    beats(story, 3)
    story.clock = timedelta(seconds=-60)
    reveal(story, 1)
    story.clock = timedelta(0)
    beats(story, 3)


@BOOK.silent(JUMPED)
def a_new_run_counts_from_anew(story: Story) -> None:
    beats(story, 3)
    story.boot, story.clock = "boot-2", timedelta(days=2)
    beats(story, 3)


@BOOK.silent(JUMPED)
def nothing_happens_for_days(story: Story) -> None:
    beats(story, 1)
    story.wait(days=9)
    beats(story, 1)


# -- witnesses -------------------------------------------------------------------------------------


def anchor(story: Story, reason: Reason, name: str = "witness-1") -> None:
    story.record(
        EventType.LOG_ANCHOR_FAILED,
        FAILED,
        reason=reason,
        obj_kind=ObjKind.ANCHOR,
        obj_ref=name,
    )
    story.wait(minutes=1)


def witnessed(story: Story, name: str = "witness-1") -> None:
    story.record(EventType.LOG_WITNESSED, obj_kind=ObjKind.ANCHOR, obj_ref=name)


@BOOK.fires(WITNESS, "contradicted")
def a_witness_saw_another_history(story: Story) -> None:
    anchor(story, Reason.FORKED)


@BOOK.fires(WITNESS, "contradicted")
def a_witness_saw_more_than_there_is(story: Story) -> None:
    anchor(story, Reason.ROLLED_BACK)


@BOOK.fires(WITNESS, "refused")
def too_few_sign(story: Story) -> None:
    anchor(story, Reason.UNREACHED_QUORUM)


@BOOK.fires(WITNESS, "refused")
def a_copy_is_refused(story: Story) -> None:
    anchor(story, Reason.NOT_AUTHORIZED, "copy-1")


@BOOK.fires(WITNESS, "unreachable")
def a_witness_is_away(story: Story) -> None:
    for _ in range(4):
        anchor(story, Reason.UNREACHABLE)


@BOOK.silent(WITNESS)
def a_witness_restarts(story: Story) -> None:
    anchor(story, Reason.UNREACHABLE)
    anchor(story, Reason.UNREACHABLE)
    witnessed(story)
    anchor(story, Reason.UPSTREAM_TIMEOUT)


@BOOK.silent(WITNESS)
def all_sign(story: Story) -> None:
    for name in ("witness-1", "witness-2"):
        witnessed(story, name)


@BOOK.silent(WITNESS)
def each_of_three_fails_once(story: Story) -> None:
    for name in ("witness-1", "witness-2", "witness-3"):
        anchor(story, Reason.UPSTREAM_TLS, name)


@BOOK.silent(WITNESS)
def a_timestamp_and_a_copy(story: Story) -> None:
    for type_ in (EventType.LOG_TIMESTAMPED, EventType.LOG_COPIED):
        story.record(type_, obj_kind=ObjKind.ANCHOR, obj_ref="anchor-1")


@BOOK.silent(WITNESS)
def every_other_try_works(story: Story) -> None:
    for _ in range(6):
        anchor(story, Reason.UNREACHABLE)
        witnessed(story)


# -- channels --------------------------------------------------------------------------------------


def notice(story: Story, name: str, failed_as: str | None = None) -> None:
    """As the outbox records it: one that arrived, or what came of the tries that did not."""
    story.record(
        EventType.NOTICE_DELIVERED if failed_as is None else EventType.NOTICE_FAILED,
        Outcome.SUCCESS if failed_as is None else ERROR,
        reason=None if failed_as is None else Reason.UNREACHABLE,
        op=failed_as or "raised",
        obj_kind=ObjKind.CHANNEL,
        obj_ref=name,
    )
    story.wait(minutes=5)


def feed(story: Story, type_: EventType) -> None:
    story.record(type_, obj_kind=ObjKind.FEED, obj_ref="siem")


@BOOK.fires(CHANNEL, "down")
def the_mail_server_is_away(story: Story) -> None:
    notice(story, "mail", "down")


@BOOK.fires(CHANNEL, "down")
def one_of_two_channels_fails(story: Story) -> None:
    notice(story, "hook")
    notice(story, "mail", "down")
    notice(story, "hook")


@BOOK.fires(CHANNEL, "down", "given_up")
def a_notice_is_given_up(story: Story) -> None:
    notice(story, "mail", "down")
    notice(story, "mail", "dead_letter")


@BOOK.fires(CHANNEL, "feed")
def a_feed_stops(story: Story) -> None:
    feed(story, EventType.FEED_STOPPED)


@BOOK.fires(CHANNEL, "down", "feed")
def everything_is_away(story: Story) -> None:
    for _ in range(5):
        notice(story, "mail", "down")
    feed(story, EventType.FEED_STOPPED)


@BOOK.silent(CHANNEL)
def a_notice_arrives(story: Story) -> None:
    notice(story, "mail")


@BOOK.silent(CHANNEL)
def many_arrive_on_every_channel(story: Story) -> None:
    for _ in range(20):
        for name in ("mail", "hook"):
            notice(story, name)


@BOOK.silent(CHANNEL)
def an_alarm_is_raised_and_acted_upon(story: Story) -> None:
    story.record(EventType.ALARM_RAISED, obj_kind=ObjKind.ALARM, obj_ref="1")
    story.record(EventType.ALARM_ACTED, obj_kind=ObjKind.ALARM, obj_ref="1")


@BOOK.silent(CHANNEL)
def a_feed_goes_on(story: Story) -> None:
    feed(story, EventType.FEED_RESUMED)


@BOOK.silent(CHANNEL)
def nothing_is_sent(story: Story) -> None:
    story.wait(days=1)
    reveal(story, 1)


@BOOK.fires(SWEEP, "failed")
def a_sweep_fails(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.UNAVAILABLE, op="task.sweep")


@BOOK.fires(SWEEP, "failed")
def a_key_is_still_in_its_file(story: Story) -> None:
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.INTERNAL, op="task.sweep")


@BOOK.fires(SWEEP, "late")
def nobody_sweeps_for_half_a_day(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    for _ in range(12):
        story.wait(hours=1)
        beats(story, 1)


@BOOK.fires(SWEEP, "late")
def a_home_that_serves_never_sweeps(story: Story) -> None:
    for _ in range(6):
        beats(story, 1)
        story.wait(hours=1)


@BOOK.fires(SWEEP, "failed", "late")
def it_fails_and_is_not_tried_again(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.UNAVAILABLE, op="task.sweep")
    story.wait(hours=4)
    beats(story, 1)


@BOOK.silent(SWEEP)
def every_hour_a_sweep(story: Story) -> None:
    for _ in range(24):
        story.record(EventType.RETENTION_SWEEP_FINISHED)
        story.wait(hours=1)


@BOOK.silent(SWEEP)
def two_sweeps_are_missed(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    story.wait(hours=2, minutes=55)
    story.record(EventType.RETENTION_SWEEP_FINISHED)


@BOOK.silent(SWEEP)
def other_work_fails(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    story.record(EventType.SYSTEM_ERROR, ERROR, reason=Reason.UNAVAILABLE, op="task.notices")


@BOOK.silent(SWEEP)
def nobody_serves(story: Story) -> None:
    story.record(EventType.RETENTION_SWEEP_FINISHED)
    story.record(EventType.HOME_CLOSED)
    story.wait(days=3)


@BOOK.silent(SWEEP)
def a_home_that_begins_to_serve(story: Story) -> None:
    beats(story, 60)


# -- requests of people about their own data ---------------------------------------------------------


def due(story: Story, op: str, number: str = "3") -> None:
    over = op == "over"
    story.record(
        EventType.REQUEST_DUE,
        FAILED if over else Outcome.SUCCESS,
        reason=Reason.OVERDUE if over else None,
        op=op,
        obj_kind=ObjKind.REQUEST,
        obj_ref=number,
    )


def exported(story: Story, outcome: Outcome, reason: Reason | None = None) -> None:
    story.record(
        EventType.REQUEST_EXPORTED,
        outcome,
        PERSON,
        reason=reason,
        obj_kind=ObjKind.REQUEST,
        obj_ref="3",
    )


@BOOK.fires(ASKED, "near")
def a_request_is_due_within_days(story: Story) -> None:
    due(story, "near")


@BOOK.fires(ASKED, "over")
def a_request_was_not_answered(story: Story) -> None:
    due(story, "over")


@BOOK.fires(ASKED, "near", "over")
def nobody_acts_on_a_request(story: Story) -> None:
    due(story, "near")
    story.wait(days=7)
    due(story, "over")


@BOOK.fires(ASKED, "refused")
def somebody_reaches_for_an_answer_of_another_desk(story: Story) -> None:
    exported(story, DENIED, Reason.NOT_AUTHORIZED)


@BOOK.fires(ASKED, "refused")
def a_copy_is_wanted_before_anybody_proved_anything(story: Story) -> None:
    exported(story, DENIED, Reason.UNVERIFIED)


@BOOK.silent(ASKED)
def a_copy_is_made_in_order(story: Story) -> None:
    exported(story, Outcome.SUCCESS)


@BOOK.silent(ASKED)
def a_request_is_taken_in(story: Story) -> None:
    story.record(EventType.REQUEST_OPENED, actor=PERSON, op="access")


@BOOK.silent(ASKED)
def somebody_proves_who_they_are(story: Story) -> None:
    story.record(EventType.REQUEST_VERIFIED, actor=PERSON, op="in_person")


@BOOK.silent(ASKED)
def an_answered_request_is_closed(story: Story) -> None:
    story.record(EventType.REQUEST_CLOSED, actor=PERSON, op="granted")
    story.wait(days=60)


@BOOK.silent(ASKED)
def a_search_without_a_grant_is_another_alarms_matter(story: Story) -> None:
    story.record(EventType.REQUEST_SEARCHED, DENIED, PERSON, reason=Reason.NO_GRANT)
