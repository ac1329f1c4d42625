"""Stories of backups, their drills, and the copies of the keystore."""

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from tests.support.story import PERSON, Book, Story

BOOK = Book()
MISSING = "backup_missing"


def backup(
    story: Story, type_: EventType, outcome: Outcome = Outcome.SUCCESS, **fields: object
) -> None:
    story.record(type_, outcome, obj_kind=ObjKind.BACKUP, obj_ref="7", **fields)


def copy(story: Story, outcome: Outcome, reason: Reason | None = None) -> None:
    about = {"obj_kind": ObjKind.KEY_COPY, "obj_ref": "4"}
    story.record(EventType.KEYSTORE_COPY_DESTROYED, outcome, reason=reason, **about)


@BOOK.fires(MISSING, "overdue")
def nothing_was_taken_for_two_days(story: Story) -> None:
    backup(story, EventType.BACKUP_OVERDUE, Outcome.FAILURE, reason=Reason.OVERDUE, op="backup")


@BOOK.fires(MISSING, "overdue")
def nobody_tried_a_restore_out_for_a_quarter(story: Story) -> None:
    backup(story, EventType.BACKUP_OVERDUE, Outcome.FAILURE, reason=Reason.OVERDUE, op="drill")


@BOOK.fires(MISSING, "failed")
def a_place_does_not_take_it(story: Story) -> None:
    backup(story, EventType.BACKUP_TAKEN)
    backup(story, EventType.BACKUP_STORED, Outcome.FAILURE, reason=Reason.UNAVAILABLE, op="2")


@BOOK.fires(MISSING, "failed")
def it_cannot_be_written_here(story: Story) -> None:
    backup(story, EventType.BACKUP_TAKEN, Outcome.FAILURE, reason=Reason.UNAVAILABLE)


@BOOK.fires(MISSING, "unsound")
def a_backup_is_not_what_was_written(story: Story) -> None:
    backup(story, EventType.BACKUP_VERIFIED, Outcome.FAILURE, reason=Reason.TAMPERED, op="1")


@BOOK.fires(MISSING, "unsound")
def a_drill_restores_nothing(story: Story) -> None:
    backup(story, EventType.BACKUP_DRILLED, Outcome.FAILURE, reason=Reason.TAMPERED)


@BOOK.fires(MISSING, "keys")
def a_copy_of_keys_outlives_its_time(story: Story) -> None:
    copy(story, Outcome.FAILURE, Reason.OVERDUE)


@BOOK.silent(MISSING)
def every_night_a_backup(story: Story) -> None:
    for _ in range(7):
        backup(story, EventType.BACKUP_TAKEN)
        backup(story, EventType.BACKUP_STORED, op="1")
        story.wait(days=1)


@BOOK.silent(MISSING)
def a_backup_is_verified(story: Story) -> None:
    backup(story, EventType.BACKUP_VERIFIED, op="1")


@BOOK.silent(MISSING)
def a_restore_is_tried_out(story: Story) -> None:
    backup(story, EventType.BACKUP_DRILLED, op="41.3600")


@BOOK.silent(MISSING)
def an_old_backup_is_removed(story: Story) -> None:
    backup(story, EventType.BACKUP_REMOVED, op="1")


@BOOK.silent(MISSING)
def a_copy_of_keys_ends_on_time(story: Story) -> None:
    copy(story, Outcome.SUCCESS)


@BOOK.silent(MISSING)
def a_place_is_asked_for(story: Story) -> None:
    story.record(EventType.BACKUP_CHANGE_REQUESTED, actor=PERSON, op="directory")
