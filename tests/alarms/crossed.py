"""Stories of the boundary, new destinations and signing on."""

from strongroom.audit.entry import Change, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import SYSTEM, Caller
from tests.alarms.refused import found, reveal
from tests.support.story import APP, OTHER_APP, PERSON, STRANGER, Book, Story, ref

BOOK = Book()
CROSSED, DESTINATION, SIGN_ON = "boundary_crossed", "new_destination", "sign_on_anomaly"
DENIED, FAILED = Outcome.DENIED, Outcome.FAILURE


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


@BOOK.fires(CROSSED, "key_compromised")
def a_key_is_declared_compromised(story: Story) -> None:
    what = {"op": "master", "obj_kind": ObjKind.KEY, "obj_ref": "master"}
    story.record(EventType.KEY_COMPROMISED, FAILED, PERSON, **what)


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


@BOOK.fires(CROSSED, "guess")
def a_value_in_clear_beside_its_token(story: Story) -> None:
    story.record(EventType.EGRESS_REFUSED, DENIED, APP, reason=Reason.UNUSUAL, op="relay")


@BOOK.fires(CROSSED, "elsewhere")
def a_program_asks_the_proxy_for_another_host(story: Story) -> None:
    story.record(
        EventType.EGRESS_REFUSED,
        DENIED,
        STRANGER,
        reason=Reason.WRONG_NETWORK,
        op="proxy.elsewhere",
        n=1,
    )


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


@BOOK.fires(DESTINATION, "address_changed")
def a_destination_of_the_relay_is_approved(story: Story) -> None:
    story.record(
        EventType.DESTINATION_CHANGED,
        Outcome.SUCCESS,
        PERSON,
        op="destination.add.approved",
        obj_kind=ObjKind.DESTINATION,
        obj_ref="1",
    )


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


@BOOK.fires(DESTINATION, "alarms_muted")
def a_kind_of_alarm_is_muted(story: Story) -> None:
    story.record(
        EventType.ALARM_CHANGED,
        Outcome.SUCCESS,
        PERSON,
        op="mute",
        obj_kind=ObjKind.ALARM,
        obj_ref="request_rate",
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
