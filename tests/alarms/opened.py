"""Stories of volumes, budgets and canaries."""

from datetime import timedelta

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import Caller
from tests.alarms.refused import found, reveal
from tests.support.story import APP, OTHER_APP, PERSON, STRANGER, Book, Story

BOOK = Book()
VOLUME, DRAIN, BUDGET, CANARY = "retrieval_volume", "slow_drain", "budget_spent", "canary_touched"
DENIED = Outcome.DENIED


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


@BOOK.fires(CANARY, "touched", "again")
def one_that_the_log_named_is_opened_again(story: Story) -> None:
    touched(story, APP)
    touched(story, PERSON, op="canary.again")


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
