"""Stories of the boundary, signing on, the log, and those outside."""

from datetime import timedelta

from strongroom.audit.entry import Change, EventType, Field, ObjKind, Outcome, Reason
from strongroom.terms import SYSTEM, Caller
from tests.alarms.refused import found, reveal
from tests.support.story import APP, OTHER_APP, PERSON, STRANGER, Book, Story, ref

BOOK = Book()
CROSSED, DESTINATION, SIGN_ON = "boundary_crossed", "new_destination", "sign_on_anomaly"
TAMPERED, SILENT, JUMPED = "log_tampered", "log_silent", "clock_jumped"
WITNESS, CHANNEL = "witness_refused", "channel_down"
DENIED, FAILED, ERROR = Outcome.DENIED, Outcome.FAILURE, Outcome.ERROR


# -- the boundary ----------------------------------------------------------------------------------


def delivered(story: Story, req: str, who: Caller = APP) -> None:
    story.record(EventType.EGRESS_DELIVERED, Outcome.SUCCESS, who, op="api.reveal", req=req)


@BOOK.fires(CROSSED, "undelivered")
def five_records_are_opened_and_nothing_is_delivered(story: Story) -> None:
    for number in range(5):
        reveal(story, number)
    story.wait(minutes=11)


@BOOK.fires(CROSSED, "undelivered", "undelivered_many")
def many_are_opened_over_a_day(story: Story) -> None:
    for number in range(40):
        reveal(story, number)
        story.wait(minutes=20)


@BOOK.fires(CROSSED, "undelivered_many")
def one_search_is_not_delivered(story: Story) -> None:
    found(story, 0, 60)
    story.wait(minutes=11)


@BOOK.fires(CROSSED, "undelivered")
def another_apps_delivery_does_not_count(story: Story) -> None:
    for number in range(4):
        reveal(story, number)
        delivered(story, f"reveal-{number}", OTHER_APP)
    story.wait(minutes=11)


@BOOK.fires(CROSSED, "egress_refused")
def personal_data_is_on_its_way_out(story: Story) -> None:
    story.record(EventType.EGRESS_REFUSED, DENIED, APP, reason=Reason.UNCLASSIFIED, op="relay")


@BOOK.fires(CROSSED, "canary_in_egress")
def a_canary_is_on_its_way_out(story: Story) -> None:
    story.record(EventType.EGRESS_REFUSED, DENIED, APP, reason=Reason.CANARY, op="relay")


@BOOK.fires(CROSSED, "unreconciled")
def a_reconciliation_is_uneven(story: Story) -> None:
    story.record(EventType.EGRESS_RECONCILED, FAILED, reason=Reason.UNRECONCILED, n=4)


@BOOK.fires(CROSSED, "leak_found", "canary_outside")
def a_scan_finds_the_vaults_values_and_a_canary(story: Story) -> None:
    story.record(EventType.LEAK_FOUND, FAILED, PERSON, op="vault.email", n=3, records=(4, 5))
    story.record(EventType.LEAK_FOUND, FAILED, PERSON, op="vault.canary", n=1)


@BOOK.silent(CROSSED)
def what_is_opened_is_delivered(story: Story) -> None:
    for number in range(50):
        reveal(story, number)
        delivered(story, f"reveal-{number}")
    story.wait(minutes=11)


@BOOK.silent(CROSSED)
def the_api_answers(story: Story) -> None:
    for number in range(50):
        reveal(story, number)
        story.record(
            EventType.API_REQUEST_ANSWERED, Outcome.SUCCESS, APP, n=1, req=f"reveal-{number}"
        )
    story.wait(minutes=11)


@BOOK.silent(CROSSED)
def a_client_hangs_up_twice(story: Story) -> None:
    reveal(story, 1)
    story.wait(hours=1)
    reveal(story, 2)
    story.wait(hours=1)


@BOOK.silent(CROSSED)
def what_was_refused_needs_no_delivery(story: Story) -> None:
    for number in range(50):
        reveal(story, number, DENIED, Reason.NO_GRANT)
    story.wait(minutes=11)


@BOOK.silent(CROSSED)
def a_delivery_takes_minutes(story: Story) -> None:
    found(story, 0, 60)
    story.wait(minutes=8)
    delivered(story, "search-0")
    story.wait(minutes=11)


@BOOK.silent(CROSSED)
def a_scan_finds_somebody_elses_addresses(story: Story) -> None:
    story.record(EventType.LEAK_FOUND, FAILED, PERSON, op="shape.email", n=3)


# -- new destinations ------------------------------------------------------------------------------


def changed(story: Story, *fields: Field) -> None:
    story.record(
        EventType.SELLER_CHANGED,
        Outcome.SUCCESS,
        PERSON,
        obj_kind=ObjKind.SELLER,
        obj_ref="3",
        changes=tuple(Change(field) for field in fields),
    )


@BOOK.fires(DESTINATION, "address_changed")
def a_selling_partners_endpoint_moves(story: Story) -> None:
    changed(story, Field.NAME, Field.ENDPOINT)


@BOOK.fires(DESTINATION, "address_changed")
def another_ca_is_trusted(story: Story) -> None:
    changed(story, Field.UPSTREAM_CA)


@BOOK.fires(DESTINATION, "seller_added")
def a_selling_partner_is_added(story: Story) -> None:
    story.record(
        EventType.SELLER_ADDED, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.SELLER, obj_ref="3"
    )


@BOOK.fires(DESTINATION, "alarms_changed")
def a_channel_of_alarms_is_changed(story: Story) -> None:
    story.record(
        EventType.ALARM_CHANGED, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.CHANNEL, obj_ref="1"
    )


@BOOK.fires(DESTINATION, "log_export")
def the_log_is_exported(story: Story) -> None:
    story.record(
        EventType.LOG_EXPORT_STARTED,
        Outcome.SUCCESS,
        PERSON,
        obj_kind=ObjKind.LOG,
        obj_ref="0-512",
    )


@BOOK.fires(DESTINATION, "new_way")
def data_goes_out_in_a_new_way_after_weeks(story: Story) -> None:
    delivered(story, "1")
    story.wait(days=15)
    delivered(story, "2")
    story.record(EventType.EGRESS_DELIVERED, Outcome.SUCCESS, APP, op="relay.carrier", req="3")


@BOOK.silent(DESTINATION)
def roles_are_learned(story: Story) -> None:
    changed(story, Field.RDT_ELEMENTS)


@BOOK.silent(DESTINATION)
def credentials_are_rotated(story: Story) -> None:
    changed(story, Field.CREDENTIALS)


@BOOK.silent(DESTINATION)
def a_new_home_uses_its_ways_for_the_first_time(story: Story) -> None:
    for day in range(10):
        story.record(EventType.EGRESS_DELIVERED, Outcome.SUCCESS, APP, op=f"way-{day}")
        story.wait(days=1)


@BOOK.silent(DESTINATION)
def the_same_way_for_months(story: Story) -> None:
    for _ in range(60):
        delivered(story, "1")
        story.wait(days=1)


@BOOK.silent(DESTINATION)
def a_change_that_failed(story: Story) -> None:
    story.record(EventType.SELLER_ADDED, DENIED, PERSON, reason=Reason.NOT_AUTHORIZED)


@BOOK.silent(DESTINATION)
def orders_differ_and_the_way_does_not(story: Story) -> None:
    for number in range(40):
        story.record(
            EventType.EGRESS_DELIVERED,
            Outcome.SUCCESS,
            APP,
            op="api.reveal",
            obj_kind=ObjKind.RECORD,
            obj_ref=str(number),
        )
        story.wait(days=1)


# -- signing on ------------------------------------------------------------------------------------


def locked(story: Story, reason: Reason, person: int | None = 9) -> None:
    story.record(
        EventType.LOCK_SET,
        Outcome.SUCCESS,
        SYSTEM,
        reason=reason,
        op="lock.address" if person is None else f"lock.person.{person}",
        obj_kind=ObjKind.LOCK,
        obj_ref="1",
        src_ip=ref("far"),
    )


def failed(story: Story, name: str, reason: Reason = Reason.WRONG_CREDENTIAL) -> None:
    story.record(
        EventType.SIGNON_FAILED,
        FAILED,
        STRANGER,
        reason=reason,
        op="password",
        obj_kind=ObjKind.PRINCIPAL,
        obj_ref=name,
        src_ip=ref(f"bot-{name}"),
    )


def signed_on(story: Story) -> None:
    story.record(
        EventType.SIGNON_SUCCEEDED,
        Outcome.SUCCESS,
        PERSON,
        op="password",
        obj_kind=ObjKind.PRINCIPAL,
        obj_ref="9",
        src_ip=ref("far"),
    )


def device(story: Story) -> None:
    story.record(
        EventType.DEVICE_NEW_SEEN, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.DEVICE, obj_ref="2"
    )


def approves(story: Story) -> None:
    story.record(
        EventType.GRANT_APPROVED, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.GRANT, obj_ref="5"
    )


@BOOK.fires(SIGN_ON, "locked")
def ten_failures_lock_a_person(story: Story) -> None:
    locked(story, Reason.TOO_MANY_FAILURES)


@BOOK.fires(SIGN_ON, "has_password")
def somebody_waits_for_a_tired_second_factor(story: Story) -> None:
    locked(story, Reason.FACTOR_FATIGUE)


@BOOK.fires(SIGN_ON, "spraying")
def an_address_sprays(story: Story) -> None:
    locked(story, Reason.SPRAYING, None)


@BOOK.fires(SIGN_ON, "spraying")
def many_addresses_spray(story: Story) -> None:
    for number in range(30):
        failed(story, ref(f"name-{number}"))
        story.wait(minutes=1.5)


@BOOK.fires(SIGN_ON, "impossible_places")
def one_person_in_four_places(story: Story) -> None:
    locked(story, Reason.IMPOSSIBLE_CONCURRENCY)


@BOOK.fires(SIGN_ON, "disowned")
def that_was_not_me(story: Story) -> None:
    locked(story, Reason.WRONG_DEVICE)


@BOOK.fires(SIGN_ON, "put_off")
def hundreds_of_tries_are_put_off(story: Story) -> None:
    for _ in range(3):
        story.record(
            EventType.SIGNON_THROTTLED,
            DENIED,
            STRANGER,
            reason=Reason.RATE_LIMITED,
            op="signon.address",
            n=60,
            src_ip=ref("far"),
        )
        story.wait(minutes=1)


@BOOK.fires(SIGN_ON, "factors_then_success")
def wrong_codes_and_then_a_right_one(story: Story) -> None:
    for _ in range(4):
        failed(story, "9", Reason.WRONG_FACTOR)
        story.wait(minutes=2)
    signed_on(story)


@BOOK.fires(SIGN_ON, "copied_session")
def a_cookie_comes_from_another_browser(story: Story) -> None:
    story.record(
        EventType.SESSION_REFUSED,
        FAILED,
        STRANGER,
        reason=Reason.WRONG_DEVICE,
        obj_kind=ObjKind.SESSION,
        obj_ref="12",
    )


@BOOK.fires(SIGN_ON, "new_device")
def a_new_device_approves_a_grant(story: Story) -> None:
    device(story)
    story.wait(days=30)
    device(story)
    story.wait(hours=2)
    approves(story)
    approves(story)


@BOOK.fires(SIGN_ON, "recovery_code")
def a_recovery_code_is_used(story: Story) -> None:
    story.record(EventType.RECOVERY_CODE_USED, Outcome.SUCCESS, PERSON)


@BOOK.silent(SIGN_ON)
def a_person_mistypes_twice(story: Story) -> None:
    failed(story, "9")
    failed(story, "9", Reason.WRONG_FACTOR)
    signed_on(story)


@BOOK.silent(SIGN_ON)
def somebody_joins_and_adds_a_factor(story: Story) -> None:
    device(story)
    story.record(EventType.FACTOR_ADDED, Outcome.SUCCESS, PERSON)
    approves(story)


@BOOK.silent(SIGN_ON)
def a_new_device_does_nothing_sensitive_for_days(story: Story) -> None:
    device(story)
    device(story)
    story.wait(days=3)
    approves(story)


@BOOK.silent(SIGN_ON)
def a_few_tries_are_put_off(story: Story) -> None:
    story.record(EventType.SIGNON_THROTTLED, DENIED, STRANGER, reason=Reason.RATE_LIMITED, n=20)


@BOOK.silent(SIGN_ON)
def wrong_codes_of_hours_ago(story: Story) -> None:
    for _ in range(4):
        failed(story, "9", Reason.WRONG_FACTOR)
    story.wait(hours=2)
    signed_on(story)


@BOOK.silent(SIGN_ON)
def a_session_is_too_old_and_a_lock_is_lifted(story: Story) -> None:
    story.record(EventType.SESSION_REFUSED, DENIED, PERSON, reason=Reason.NOT_PROVED_LATELY)
    story.record(EventType.LOCK_LIFTED, Outcome.SUCCESS, PERSON, reason=Reason.TOO_MANY_FAILURES)


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
