"""Stories of Amazon's notices and their clocks."""

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from tests.support.story import PERSON, Book, Story

BOOK = Book()
LATE = "notice_overdue"


def comes(story: Story, number: str = "1") -> None:
    said(story, EventType.DELETION_REGISTERED, number, n=int(story.now.timestamp()))


def said(story: Story, type_: EventType, number: str = "1", **fields: object) -> None:
    about = {"obj_kind": ObjKind.NOTICE, "obj_ref": number}
    story.record(type_, Outcome.SUCCESS, PERSON, **about, **fields)


def runs(story: Story, number: str = "1") -> None:
    said(story, EventType.DELETION_STEPPED, number, op="files")


@BOOK.fires(LATE, "soon")
def two_days_pass_and_nothing_is_done(story: Story) -> None:
    comes(story)
    story.wait(hours=48)
    story.wait(hours=1)


@BOOK.fires(LATE, "soon", "late")
def three_days_pass(story: Story) -> None:
    comes(story)
    story.wait(hours=50)
    story.wait(hours=23)


@BOOK.fires(LATE, "late")
def a_run_is_not_ended(story: Story) -> None:
    comes(story)
    said(story, EventType.DELETION_STEPPED, op="erase")
    story.wait(hours=73)


@BOOK.fires(LATE, "unconfirmed")
def somebody_has_not_confirmed(story: Story) -> None:
    comes(story)
    for party in ("principal.7", "destination.2"):
        said(story, EventType.DELETION_ASKED, op=party)
    runs(story)
    said(story, EventType.DELETION_CONFIRMED, op="principal.7")
    story.wait(hours=73)


@BOOK.fires(LATE, "live")
def ninety_days_pass_and_it_is_not_closed(story: Story) -> None:
    comes(story)
    runs(story)
    story.wait(days=91)


@BOOK.fires(LATE, "late")
def one_of_two_notices_is_late(story: Story) -> None:
    comes(story)
    comes(story, "2")
    runs(story, "2")
    said(story, EventType.DELETION_CLOSED, "2")
    story.wait(hours=73)


@BOOK.silent(LATE)
def a_day_passes(story: Story) -> None:
    comes(story)
    story.wait(hours=47)


@BOOK.silent(LATE)
def it_is_done_in_time(story: Story) -> None:
    comes(story)
    runs(story)
    story.wait(hours=80)


@BOOK.silent(LATE)
def everybody_confirms_and_it_is_closed(story: Story) -> None:
    comes(story)
    said(story, EventType.DELETION_ASKED, op="principal.7")
    runs(story)
    said(story, EventType.DELETION_CONFIRMED, op="principal.7")
    said(story, EventType.DELETION_CLOSED)
    story.wait(days=100)


@BOOK.silent(LATE)
def somebody_was_refused_to_register_one(story: Story) -> None:
    story.record(
        EventType.DELETION_REGISTERED,
        Outcome.DENIED,
        PERSON,
        reason=Reason.NOT_AUTHORIZED,
        obj_kind=ObjKind.NOTICE,
        obj_ref="0",
    )
    story.wait(days=100)


@BOOK.silent(LATE)
def what_is_said_of_no_notice_counts_for_none(story: Story) -> None:
    said(story, EventType.DELETION_ASKED, "9", op="principal.7")
    story.wait(days=100)
