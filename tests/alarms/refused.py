"""Stories of refusals, rates, budgets, volumes and canaries."""

from datetime import timedelta

from strongroom.audit.entry import EventType, ObjKind, Outcome, Reason
from strongroom.terms import Caller, Category, Purpose
from tests.support.story import APP, OTHER_APP, PERSON, STRANGER, Book, Story, ref

BOOK = Book()
CALLS, RATE, VOLUME = "unauthorized_calls", "request_rate", "retrieval_volume"
DRAIN, BUDGET, CANARY = "slow_drain", "budget_spent", "canary_touched"
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


# -- bursts ----------------------------------------------------------------------------------------


def office(story: Story, days: int, each: int = 10, who: Caller = APP, first: int = 0) -> int:
    """So many records an hour, on weekdays from 8 to 17; returns the next record's number."""
    number = first
    for _ in range(days):
        weekday = story.now.weekday()
        for hour in range(24):
            if weekday < 5 and 8 <= hour < 17:
                n = each + (number * 7 + hour) % max(each // 2, 1)
                found(story, number, n, who)
                number += n
            story.now += timedelta(hours=1)
        story.told.append(story.now)
    return number


@BOOK.fires(VOLUME, "burst")
def a_hundred_records_within_an_hour_of_ten(story: Story) -> None:
    office(story, 21)
    story.wait(hours=10)
    found(story, 10**6, 100)


@BOOK.fires(VOLUME, "burst")
def sixty_records_in_the_night(story: Story) -> None:
    office(story, 21)
    story.wait(hours=2)
    found(story, 10**6, 60)


@BOOK.fires(VOLUME, "burst")
def one_by_one_within_an_hour(story: Story) -> None:
    office(story, 21)
    story.wait(hours=10)
    for number in range(80):
        reveal(story, 10**6 + number)
        story.wait(seconds=20)


@BOOK.fires(VOLUME, "burst")
def at_the_week_end(story: Story) -> None:
    office(story, 19)
    story.wait(hours=12)
    found(story, 10**6, 70)


@BOOK.fires(VOLUME, "first_days")
def a_new_app_opens_thousands(story: Story) -> None:
    found(story, 0, 2500)


@BOOK.silent(VOLUME)
def a_usual_month(story: Story) -> None:
    office(story, 30)


@BOOK.silent(VOLUME)
def a_person_catches_up_after_a_day_off(story: Story) -> None:
    number = office(story, 21)
    story.wait(days=1)
    office(story, 1, each=20, first=number)


@BOOK.silent(VOLUME)
def what_was_refused_is_not_opened(story: Story) -> None:
    office(story, 21)
    story.wait(hours=10)
    for number in range(120):
        reveal(story, number, DENIED, Reason.NO_GRANT)


@BOOK.silent(VOLUME)
def a_leak_scan_compares_thousands_of_tags(story: Story) -> None:
    for start in range(0, 5000, 100):
        story.record(
            EventType.RECORD_SEARCHED,
            Outcome.SUCCESS,
            PERSON,
            op="leaks.scan",
            n=100,
            records=tuple(range(start, start + 100)),
        )


@BOOK.silent(VOLUME)
def a_new_app_opens_hundreds(story: Story) -> None:
    found(story, 0, 1500)


@BOOK.silent(VOLUME)
def the_nightly_batch_runs_as_every_night(story: Story) -> None:
    for day in range(25):
        story.wait(hours=3)
        found(story, day * 1000, 400 + day * 3)
        story.wait(hours=21)


# -- drains ----------------------------------------------------------------------------------------


def steady(story: Story, days: int, each: int, who: Caller = APP, first: int = 0) -> int:
    """A program's day, a little different each day; returns the next record's number."""
    number = first
    for day in range(days):
        n = each + (day * 37 + each) % max(each // 8, 1)
        for part in range(4):
            found(story, number + part * (n // 4), n // 4, who)
            story.now += timedelta(hours=6)
        story.told.append(story.now)
        number += n
    return number


@BOOK.fires(DRAIN, "drain")
def sixty_percent_more_for_a_week(story: Story) -> None:
    number = steady(story, 60, 200)
    steady(story, 8, 320, first=number)


@BOOK.fires(DRAIN, "drain")
def thirty_percent_more_for_three_weeks(story: Story) -> None:
    number = steady(story, 70, 200)
    steady(story, 22, 260, first=number)


@BOOK.fires(DRAIN, "drain")
def a_little_on_days_of_rest(story: Story) -> None:
    number = office(story, 63, each=4)
    for _ in range(14):
        found(story, number, 60)
        number = office(story, 1, each=4, first=number + 60)


@BOOK.fires(DRAIN, "drain")
def after_a_month_of_history(story: Story) -> None:
    number = steady(story, 40, 400)
    steady(story, 8, 700, first=number)


@BOOK.fires(DRAIN, "drain")
def one_of_two_apps(story: Story) -> None:
    number = steady(story, 60, 200)
    for day in range(8):
        found(story, number + day * 1000 + 500, 90, OTHER_APP)
        steady(story, 1, 330, first=number + day * 1000)


@BOOK.silent(DRAIN)
def a_steady_quarter(story: Story) -> None:
    steady(story, 90, 200)


@BOOK.silent(DRAIN)
def one_wild_day(story: Story) -> None:
    number = steady(story, 60, 200)
    number = steady(story, 1, 800, first=number)
    steady(story, 10, 200, first=number)


@BOOK.silent(DRAIN)
def the_same_records_again_and_again(story: Story) -> None:
    number = steady(story, 60, 200)
    for _ in range(10):
        found(story, number, 200)
        found(story, number, 200)
        story.wait(days=1)


@BOOK.silent(DRAIN)
def a_new_app_grows(story: Story) -> None:
    number = 0
    for week in range(4):
        number = steady(story, 7, 100 * (week + 1), first=number)


@BOOK.silent(DRAIN)
def a_few_more_of_very_few(story: Story) -> None:
    number = steady(story, 60, 8)
    steady(story, 14, 13, first=number)


@BOOK.silent(DRAIN)
def less_than_usual(story: Story) -> None:
    number = steady(story, 60, 200)
    steady(story, 14, 100, first=number)


# -- budgets ---------------------------------------------------------------------------------------


@BOOK.fires(BUDGET, "refused")
def a_grants_budget_is_spent(story: Story) -> None:
    for number in range(30):
        reveal(story, number, DENIED, Reason.BUDGET_SPENT)


@BOOK.fires(BUDGET, "refused")
def the_day_of_the_api_is_spent(story: Story) -> None:
    story.record(EventType.API_REQUEST_REFUSED, DENIED, APP, reason=Reason.VOLUME_LIMITED, n=3)


@BOOK.fires(BUDGET, "refused", "goes_on")
def it_goes_on_after_its_budget(story: Story) -> None:
    for number in range(150):
        reveal(story, number, DENIED, Reason.BUDGET_SPENT)


@BOOK.fires(BUDGET, "adaptive")
def three_usual_days_in_one(story: Story) -> None:
    number = steady(story, 20, 200)
    found(story, number, 700)


@BOOK.fires(BUDGET, "adaptive")
def spread_over_a_day_and_one_by_one(story: Story) -> None:
    number = steady(story, 20, 100)
    for offset in range(200):
        reveal(story, number + offset)
        story.wait(minutes=5)


@BOOK.fires(BUDGET, "without_rest")
def twelve_an_hour_all_day_and_all_night(story: Story) -> None:
    number = office(story, 21, each=40)
    for hour in range(24):
        found(story, number + hour * 12, 12)
        story.wait(hours=1)


@BOOK.fires(BUDGET, "first_days")
def a_new_app_opens_thousands_in_a_day(story: Story) -> None:
    found(story, 0, 6000)


@BOOK.fires(BUDGET, "first_days", "adaptive")
def more_than_anybody_may(story: Story) -> None:
    found(story, 0, 4_900)
    found(story, 10**6, 17_000)


@BOOK.silent(BUDGET)
def within_its_history(story: Story) -> None:
    number = steady(story, 30, 200)
    steady(story, 3, 250, first=number)


@BOOK.silent(BUDGET)
def the_same_records_all_day(story: Story) -> None:
    number = steady(story, 20, 200)
    for _ in range(10):
        found(story, number, 200)


@BOOK.silent(BUDGET)
def a_program_that_never_rests(story: Story) -> None:
    for hour in range(40 * 24):
        found(story, hour * 10, 8 + hour % 3)
        story.now += timedelta(hours=1)


@BOOK.silent(BUDGET)
def refused_for_something_else(story: Story) -> None:
    for number in range(30):
        reveal(story, number, DENIED, Reason.NO_GRANT)


@BOOK.silent(BUDGET)
def a_small_user_has_a_busy_day(story: Story) -> None:
    number = steady(story, 20, 10)
    found(story, number, 60)


@BOOK.silent(BUDGET)
def a_long_evening(story: Story) -> None:
    number = office(story, 21)
    for hour in range(16):
        found(story, number + hour * 4, 4)
        story.wait(hours=1)


# -- canaries --------------------------------------------------------------------------------------


def touched(
    story: Story, who: Caller, outcome: Outcome = Outcome.FAILURE, op: str | None = None
) -> None:
    story.record(
        EventType.CANARY_TOUCHED,
        outcome,
        who,
        reason=Reason.CANARY,
        op=op,
        obj_kind=ObjKind.CANARY,
        obj_ref="77",
        n=1,
    )


@BOOK.fires(CANARY, "touched")
def an_app_opens_one(story: Story) -> None:
    touched(story, APP)


@BOOK.fires(CANARY, "touched")
def a_person_opens_one(story: Story) -> None:
    touched(story, PERSON)


@BOOK.fires(CANARY, "touched")
def it_was_refused_and_counts_all_the_same(story: Story) -> None:
    touched(story, APP, DENIED)


@BOOK.fires(CANARY, "touched")
def nobody_known_touches_one(story: Story) -> None:
    touched(story, STRANGER)


@BOOK.fires(CANARY, "touched")
def among_a_days_work(story: Story) -> None:
    found(story, 0, 300)
    touched(story, APP)
    found(story, 300, 300)


@BOOK.fires(CANARY, "checked")
def the_monthly_check_touches_one(story: Story) -> None:
    touched(story, APP, op="canary.check")


@BOOK.silent(CANARY)
def one_is_planted(story: Story) -> None:
    story.record(EventType.CANARY_PLANTED, obj_kind=ObjKind.CANARY, obj_ref="77")


@BOOK.silent(CANARY)
def one_is_retired(story: Story) -> None:
    story.record(EventType.CANARY_RETIRED, obj_kind=ObjKind.CANARY, obj_ref="77")


@BOOK.silent(CANARY)
def they_are_checked(story: Story) -> None:
    story.record(EventType.CANARY_CHECKED, n=12)


@BOOK.silent(CANARY)
def a_record_beside_one_is_opened(story: Story) -> None:
    reveal(story, 78)


@BOOK.silent(CANARY)
def thousands_are_opened_and_none_is_one(story: Story) -> None:
    found(story, 0, 3000)
