"""A run that is killed between any two of its commits is finished by the next one, and nothing else is done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.noticed import ADA, BOB, DONE, Desk, fill
from tests.vault.conftest import World

from strongroom.crypto.age import new_identity
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Gone
from strongroom.policy.deletion import Asked
from strongroom.terms import Action, Purpose

pytestmark = pytest.mark.clause("1.7")

_MOST = 60


def killed_after(commits: int, directory: Path, urls: tuple[str, str], number: int) -> bool:
    """Run the notice in a child that dies right after so many commits; return whether it died."""
    child = os.fork()
    if child == 0:
        try:
            world = World(directory, *urls, boots=100)
            world.open()
            desk = Desk(world)
            _die_after(commits)
            desk.run(number)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent has to see it
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _die_after(commits: int) -> None:
    inner, left = Database.write, commits

    @contextmanager
    def outer(self: Database, **more: bool) -> Iterator[Transaction]:
        nonlocal left
        with inner(self, **more) as tx:
            yield tx
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.write = outer  # type: ignore[method-assign]


@pytest.mark.parametrize("commits", range(1, 8))
def test_a_deletion_that_is_killed_is_finished_by_the_next_run(
    make_world: Callable[[str], World], commits: int
) -> None:
    world = make_world("home")
    tokens = fill(world, 3)
    others = fill(world, 2, seller=2)
    world.grant()
    world.read(tokens[0])
    number = Desk(world).register()
    Desk(world).agree(number)
    world.close()
    urls = (world.vault_url, world.keystore_url)
    assert killed_after(commits, world.directory, urls, number)
    world.open()
    desk = Desk(world)
    desk.run(number)
    assert desk.notices.verify(number, BOB, DONE).lacks == []
    for token in tokens:
        with pytest.raises(Gone):
            world.read(token, now=DONE)
    assert world.read(others[0], now=DONE) == "Jürgen Groß"
    assert len(desk.notices.one(number).parties) == 1
    assert world.audit.verify().faults == []


@pytest.mark.long
def test_a_return_that_is_killed_anywhere_is_finished_by_the_next_run(
    make_world: Callable[[str], World],
) -> None:
    _identity, recipient = new_identity()
    for commits in range(1, _MOST):
        world = make_world(f"home-{commits}")
        fill(world, 3)
        world.grant(ADA, action=Action.EXPORT, purpose=Purpose.AMAZON_REQUEST)
        number = Desk(world).register(asked=Asked.RETURN)
        Desk(world).agree(number, recipients=[recipient])
        world.close()
        died = killed_after(commits, world.directory, (world.vault_url, world.keystore_url), number)
        world.open()
        desk = Desk(world)
        ran = desk.run(number)
        step = ran.step("package")
        assert step is not None
        assert step.content["records"] == 3
        assert (world.directory / "returned" / f"notice-{number}.age").exists()
        (world.directory / "returned" / f"notice-{number}.age").unlink()
        assert desk.notices.verify(number, BOB, DONE).lacks == []
        if not died:
            return
    raise AssertionError("a run has no end")
