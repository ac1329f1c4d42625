"""Stories of the provider of the root key."""

from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from tests.support.story import Book, Story

BOOK = Book()
ROOT = "root_unreachable"


def fails(story: Story, reason: Reason = Reason.UNREACHABLE, op: str = "unreachable") -> None:
    probed(story, Outcome.FAILURE, reason, op)


def comes_back(story: Story) -> None:
    probed(story, Outcome.SUCCESS, None, "reached")


def probed(story: Story, outcome: Outcome, reason: Reason | None, op: str) -> None:
    story.record(
        EventType.ROOT_PROBED, outcome, reason=reason, op=op, obj_kind=ObjKind.KEY, obj_ref="root"
    )


@BOOK.fires(ROOT, "away")
def a_token_is_pulled_out(story: Story) -> None:
    fails(story)


@BOOK.fires(ROOT, "away")
def a_role_is_taken_back(story: Story) -> None:
    fails(story, Reason.MISCONFIGURED)


@BOOK.fires(ROOT, "away", "shut")
def a_provider_stays_away(story: Story) -> None:
    fails(story)
    story.wait(hours=4)
    fails(story, Reason.UNAVAILABLE, "shut")


@BOOK.fires(ROOT, "shut")
def a_call_hangs(story: Story) -> None:
    fails(story, Reason.UNAVAILABLE, "shut")


@BOOK.fires(ROOT, "other")
def another_key_answers(story: Story) -> None:
    fails(story, Reason.TAMPERED)


@BOOK.silent(ROOT)
def a_provider_is_back(story: Story) -> None:
    comes_back(story)


@BOOK.silent(ROOT)
def a_root_is_rotated(story: Story) -> None:
    about = {"obj_kind": ObjKind.KEY, "obj_ref": "root"}
    story.record(EventType.KEY_ROTATED, op="root.admitted", **about)
    story.record(EventType.KEY_ROTATED, op="root.retired", **about)


@BOOK.silent(ROOT)
def a_home_is_opened(story: Story) -> None:
    story.record(EventType.MASTER_KEY_OPENED, obj_kind=ObjKind.KEY, obj_ref="master")


@BOOK.silent(ROOT)
def days_pass_and_nobody_has_anything_to_tell(story: Story) -> None:
    story.record(EventType.LOG_HEARTBEAT)
    story.wait(days=3)


@BOOK.silent(ROOT)
def another_task_fails(story: Story) -> None:
    story.record(
        EventType.SYSTEM_ERROR, Outcome.ERROR, reason=Reason.UNAVAILABLE, op="task.backups"
    )
