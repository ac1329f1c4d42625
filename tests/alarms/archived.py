"""Stories of holds and archives."""

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from tests.alarms.refused import reveal
from tests.support.story import PERSON, Book, Story

BOOK = Book()
ARCHIVE = "archive_at_risk"
NAME = "hold-1-period-2-1a2b3c4d"


def failed(
    story: Story, op: str, reason: Reason = Reason.UNAVAILABLE, n: int | None = None
) -> None:
    story.record(
        EventType.ARCHIVE_FAILED,
        Outcome.FAILURE,
        reason=reason,
        op=op,
        obj_kind=ObjKind.PERIOD,
        obj_ref="2",
        n=n,
    )


@BOOK.fires(ARCHIVE, "lost")
def what_waited_is_destroyed_unarchived(story: Story) -> None:
    failed(story, "lost", n=3)


@BOOK.fires(ARCHIVE, "unready")
def nobody_can_open_what_would_be_written(story: Story) -> None:
    failed(story, "unready", Reason.MISCONFIGURED)


@BOOK.fires(ARCHIVE, "unready")
def holds_are_not_what_was_agreed_on(story: Story) -> None:
    failed(story, "set_aside", Reason.TAMPERED)


@BOOK.fires(ARCHIVE, "late")
def nobody_opened_an_archive_for_a_quarter(story: Story) -> None:
    story.record(EventType.ARCHIVE_FAILED, Outcome.FAILURE, reason=Reason.OVERDUE, op="drill")


@BOOK.fires(ARCHIVE, "late")
def nobody_reviewed_a_hold(story: Story) -> None:
    story.record(EventType.ARCHIVE_FAILED, Outcome.FAILURE, reason=Reason.OVERDUE, op="review")


@BOOK.silent(ARCHIVE)
def an_archive_is_written(story: Story) -> None:
    story.record(EventType.ARCHIVE_SEALED, obj_kind=ObjKind.ARCHIVE, obj_ref=NAME, n=5)


@BOOK.silent(ARCHIVE)
def a_drill_succeeds(story: Story) -> None:
    story.record(
        EventType.ARCHIVE_DRILLED, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.ARCHIVE, obj_ref=NAME
    )


@BOOK.silent(ARCHIVE)
def a_hold_ends_on_its_day(story: Story) -> None:
    story.record(EventType.HOLD_EXPIRED, obj_kind=ObjKind.HOLD, obj_ref="1")
    story.record(EventType.ARCHIVE_EXPIRED, op="file", obj_kind=ObjKind.ARCHIVE, obj_ref=NAME)


@BOOK.silent(ARCHIVE)
def a_hold_is_confirmed(story: Story) -> None:
    story.record(
        EventType.HOLD_REVIEWED, Outcome.SUCCESS, PERSON, obj_kind=ObjKind.HOLD, obj_ref="1"
    )


@BOOK.silent(ARCHIVE)
def nothing_is_held(story: Story) -> None:
    story.wait(days=1)
    reveal(story, 1)
