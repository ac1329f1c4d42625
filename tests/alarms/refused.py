"""Stories of refusals and rates."""

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import Caller, Category, Purpose
from tests.support.story import APP, PERSON, STRANGER, Book, Story, ref

BOOK = Book()
CALLS, RATE = "unauthorized_calls", "request_rate"
DENIED, FAILED = Outcome.DENIED, Outcome.FAILURE


def reveal(
    story: Story,
    number: int,
    outcome: Outcome = Outcome.SUCCESS,
    reason: Reason | None = None,
    who: Caller = APP,
) -> None:
    story.record(
        EventType.RECORD_REVEALED,
        outcome,
        who,
        reason=reason,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(number),
        purpose=Purpose.FULFILMENT,
        pii=(Category.NAME,),
        n=1,
        req=f"reveal-{number}",
    )


def found(story: Story, first: int, n: int, who: Caller = APP) -> None:
    """As a search records that it gave so many records."""
    for start in range(first, first + n, 100):
        story.record(
            EventType.RECORD_SEARCHED,
            Outcome.SUCCESS,
            who,
            purpose=Purpose.FULFILMENT,
            pii=(Category.EMAIL,),
            n=min(100, first + n - start),
            records=tuple(range(start, min(start + 100, first + n))),
            req=f"search-{start}",
        )


def refused(story: Story, n: int, reason: Reason, who: Caller = APP, seconds: float = 10) -> None:
    for index in range(n):
        story.record(
            EventType.GATEWAY_REQUEST_REFUSED,
            DENIED,
            who,
            reason=reason,
            op="orders.getOrder",
            req=f"request-{index}",
            src_ip=ref("office"),
        )
        story.wait(seconds=seconds)


# -- unauthorized calls ----------------------------------------------------------------------------


@BOOK.fires(CALLS, "principal")
def an_app_is_refused_twenty_times_in_minutes(story: Story) -> None:
    refused(story, 25, Reason.NO_GRANT)


@BOOK.fires(CALLS, "principal", "many")
def an_app_goes_on_against_the_wall(story: Story) -> None:
    refused(story, 170, Reason.WRONG_SELLER, seconds=3)


@BOOK.fires(CALLS, "address")
def refusals_of_strangers_are_told_together_by_the_network_list(story: Story) -> None:
    for _ in range(3):
        story.record(
            EventType.NETWORK_REFUSED,
            DENIED,
            STRANGER,
            reason=Reason.WRONG_NETWORK,
            op="gateway",
            n=20,
            src_ip=ref("far"),
        )
        story.wait(minutes=1)


@BOOK.fires(CALLS, "account")
def one_account_is_guessed_from_many_addresses(story: Story) -> None:
    for index in range(22):
        story.record(
            EventType.CREDENTIAL_CHECKED,
            FAILED,
            STRANGER,
            reason=Reason.WRONG_CREDENTIAL,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref="7",
            src_ip=ref(f"bot-{index}"),
        )
        story.wait(seconds=20)


@BOOK.fires(CALLS, "principal", "enumeration")
def records_are_tried_one_after_the_other(story: Story) -> None:
    for number in range(30):
        reveal(story, 1000 + number, FAILED, Reason.UNKNOWN_TOKEN)
        story.wait(seconds=20)


@BOOK.fires(CALLS, "enumeration")
def records_are_tried_slowly(story: Story) -> None:
    for number in range(30):
        reveal(story, 1000 + number, DENIED, Reason.WRONG_SELLER)
        story.wait(minutes=1.5)


@BOOK.fires(CALLS, "glass_broken")
def somebody_breaks_the_glass(story: Story) -> None:
    story.record(
        EventType.GRANT_GLASS_BROKEN,
        Outcome.SUCCESS,
        PERSON,
        obj_kind=ObjKind.GRANT,
        obj_ref="5",
        purpose=Purpose.INCIDENT,
        pii=(Category.NAME,),
    )


@BOOK.fires(CALLS, "forged_token")
def three_forged_tokens_in_a_day(story: Story) -> None:
    for _ in range(3):
        story.record(
            EventType.TOKEN_REJECTED,
            DENIED,
            APP,
            reason=Reason.FORGED_TOKEN,
            purpose=Purpose.FULFILMENT,
        )
        story.wait(hours=5)


@BOOK.fires(CALLS, "principal", "success_after")
def something_opens_after_many_refusals(story: Story) -> None:
    refused(story, 21, Reason.NO_GRANT, seconds=5)
    reveal(story, 5)
    reveal(story, 6)


@BOOK.fires(CALLS, "address", "success_after")
def an_address_gets_in_after_many_failures(story: Story) -> None:
    for _ in range(31):
        story.record(
            EventType.DESK_REQUEST_REFUSED,
            DENIED,
            STRANGER,
            reason=Reason.NOT_AUTHORIZED,
            src_ip=ref("far"),
        )
    story.record(
        EventType.SESSION_STARTED,
        Outcome.SUCCESS,
        PERSON,
        obj_kind=ObjKind.SESSION,
        obj_ref="4",
        src_ip=ref("far"),
    )


@BOOK.silent(CALLS)
def an_app_is_refused_now_and_then(story: Story) -> None:
    refused(story, 60, Reason.NO_GRANT, seconds=120)


@BOOK.silent(CALLS)
def what_says_later_gone_or_broken_is_no_refusal(story: Story) -> None:
    for reason in (
        Reason.RATE_LIMITED,
        Reason.PAST_DUE,
        Reason.UNAVAILABLE,
        Reason.MALFORMED_REQUEST,
    ):
        refused(story, 30, reason, seconds=1)


@BOOK.silent(CALLS)
def who_is_suspended_goes_on_asking(story: Story) -> None:
    refused(story, 100, Reason.SUSPENDED, seconds=1)


@BOOK.silent(CALLS)
def twenty_apps_are_refused_once_each(story: Story) -> None:
    for number in range(40, 60):
        caller = Caller(type(APP.principal)(number), APP.kind, f"app-{number}", APP.auth)
        refused(story, 1, Reason.GRANT_EXPIRED, caller)


@BOOK.silent(CALLS)
def the_same_record_is_asked_for_again(story: Story) -> None:
    for _ in range(15):
        reveal(story, 5, DENIED, Reason.NO_GRANT)
        story.wait(seconds=30)


@BOOK.silent(CALLS)
def two_mistyped_tokens_and_success(story: Story) -> None:
    for _ in range(2):
        story.record(EventType.TOKEN_REJECTED, DENIED, APP, reason=Reason.FORGED_TOKEN)
    reveal(story, 5)


# -- request rate ----------------------------------------------------------------------------------


def asked(story: Story, n: int, who: Caller = APP) -> None:
    for index in range(n):
        story.record(
            EventType.GATEWAY_REQUEST_FORWARDED,
            Outcome.SUCCESS,
            who,
            op="orders.getOrders",
            req=f"{story.now:%m%dT%H}-{index}",
        )


def flooded(story: Story, n: int, who: Caller = APP) -> None:
    """As the API tells of what came too fast: together."""
    story.record(
        EventType.API_REQUEST_REFUSED,
        DENIED,
        who,
        reason=Reason.RATE_LIMITED,
        n=n,
        req=f"{story.now:%m%dT%H%M%S}",
    )


def weeks_of_requests(story: Story, weeks: int = 3, by_day: int = 300, by_night: int = 5) -> None:
    for hour in range(weeks * 168):
        in_office = hour % 168 < 120 and 8 <= hour % 24 < 18
        n = by_day if in_office else by_night
        flooded(story, n)  # as many requests in one entry: quick to tell
        story.wait(hours=1)


@BOOK.fires(RATE, "rate")
def five_times_the_usual_at_noon(story: Story) -> None:
    weeks_of_requests(story)
    story.wait(hours=12)
    flooded(story, 1500)


@BOOK.fires(RATE, "rate")
def the_usual_of_the_day_comes_threefold_at_night(story: Story) -> None:
    weeks_of_requests(story)
    story.wait(hours=3)
    flooded(story, 900)


@BOOK.fires(RATE, "rate")
def it_doubles_and_is_told_again(story: Story) -> None:
    weeks_of_requests(story)
    story.wait(hours=12)
    flooded(story, 1500)
    flooded(story, 1600)


@BOOK.fires(RATE, "rate")
def a_quiet_app_starts_to_poll(story: Story) -> None:
    weeks_of_requests(story, by_day=2, by_night=0)
    asked(story, 700)


@BOOK.fires(RATE, "first_days")
def a_new_app_asks_six_times_a_second(story: Story) -> None:
    flooded(story, 21_600)


@BOOK.silent(RATE)
def as_always(story: Story) -> None:
    weeks_of_requests(story, weeks=4)


@BOOK.silent(RATE)
def half_as_much_again(story: Story) -> None:
    weeks_of_requests(story)
    story.wait(hours=12)
    flooded(story, 450)


@BOOK.silent(RATE)
def one_request_that_leaves_many_entries(story: Story) -> None:
    weeks_of_requests(story, by_day=2, by_night=0)
    for _ in range(800):
        story.record(EventType.GATEWAY_REQUEST_FORWARDED, Outcome.SUCCESS, APP, req="one")


@BOOK.silent(RATE)
def a_new_app_asks_once_a_second(story: Story) -> None:
    flooded(story, 3600)


@BOOK.silent(RATE)
def strangers_are_not_counted_here(story: Story) -> None:
    for _ in range(3):
        story.record(
            EventType.DESK_REQUEST_REFUSED,
            DENIED,
            STRANGER,
            reason=Reason.NOT_AUTHORIZED,
            n=50_000,
        )


@BOOK.silent(RATE)
def the_weekly_batch_runs_again(story: Story) -> None:
    for _ in range(4):
        for hour in range(168):
            flooded(story, 2000 if hour == 50 else 10)
            story.wait(hours=1)
