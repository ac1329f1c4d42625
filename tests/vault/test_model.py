"""The vault against a plain dictionary: whatever is done in whatever order, it holds what it must and nothing else.

Copies are taken at any moment and met with every key that exists later: what was erased for good, or is past its day,
opens in none of them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from strongroom.crypto.root import FileRoot
from strongroom.db.engine import Database
from strongroom.errors import Gone, NotFound
from strongroom.policy.retention import DAY, Progress
from strongroom.terms import Action, Environment, SellerId
from strongroom.vault import By, Keystore, Vault, Wanted, store
from strongroom.vault.archive import ArchivePlace
from tests.support import tables
from tests.vault.conftest import (
    APP,
    CONSOLE,
    COPY_LIFETIME,
    EMAIL,
    NAME,
    NOW,
    World,
    created,
    order,
)

pytestmark = pytest.mark.clause("2.1", "1.7")

SELLER = SellerId(1)
ORDERS = st.sampled_from([f"902-{n}" for n in range(4)])


@dataclass
class Known:
    """What the dictionary knows of one order."""

    name: str
    email: str
    token: str
    seen_open: datetime
    due: int | None = None
    """The day of disposal; None while it is seen undelivered."""


@dataclass
class Copied:
    """One copy of the data, and what could be read in it when it was taken."""

    path: Path
    at: datetime
    held: dict[str, str] = field(default_factory=dict)


class VaultModel(RuleBasedStateMachine):
    """Rules are what happens to a vault; invariants are what it promises."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = Path(tempfile.mkdtemp(prefix="model-", dir=_scratch()))
        vault, keys = (tables.copy_to(self._directory / name) for name in ("vault.db", "keys.db"))
        self.world = created(World(self._directory, vault, keys))
        self.now = NOW
        self.live: dict[str, Known] = {}
        self.erased: set[str] = set()
        self.copies: list[Copied] = []
        self.roots = 0

    @initialize()
    def grants(self) -> None:
        self.world.grant(days=90)
        self.world.grant(CONSOLE, action=Action.ERASE, days=90)

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self._directory)

    # -- what happens --------------------------------------------------------------------------

    @rule(id_=ORDERS, n=st.integers(0, 99))
    def put(self, id_: str, n: int) -> None:
        """It is seen, not delivered, with values that may be new."""
        name, email = f"Buyer {n}", f"buyer{n}@example.com"
        (token,) = self.world.put(order(id_, {NAME: name, EMAIL: email}), now=self.now)
        if id_ in self.erased:
            # What is gone comes to life while Amazon says that it is open; what was erased never does.
            return
        known = self.live.get(id_)
        if known is not None and known.due is not None:
            known.name, known.email = name, email
            return
        self.live[id_] = Known(name, email, token, self.now)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), late=st.integers(0, 3))
    def deliver(self, data: st.DataObject, late: int) -> None:
        """A carrier delivered it just now, or some days ago."""
        id_ = data.draw(st.sampled_from(sorted(self.live)))
        known = self.live[id_]
        if known.due is not None:
            return
        shipped = self.now - timedelta(days=late)
        told = order(id_, {}, status=Progress.DELIVERED, purchased=shipped, shipped=shipped)
        self.world.vault.put(SELLER, [told], caller=APP, op="ordersV0.getOrders", now=self.now)
        with self.world.database.read() as tx:
            ref = self.world.vault._ref(SELLER, "order", id_)
            due_at = store.by_subject(tx, SELLER, [ref])[ref].due_at
        assert due_at is not None
        # Never later than the law allows, never before the delivery's own thirty days less a copy's life.
        latest = max(shipped, known.seen_open) + timedelta(days=30) - COPY_LIFETIME
        assert due_at <= latest.timestamp()
        assert due_at > latest.timestamp() - 2 * DAY
        known.due = due_at // DAY

    @precondition(lambda self: self.live)
    @rule(data=st.data(), final=st.booleans())
    def erase(self, data: st.DataObject, final: bool) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.live)))
        self.world.vault.eraser.erase(
            CONSOLE, Wanted(By.ORDER, id_, (SELLER,)), final=final, now=self.now
        )
        self._forget([id_], final=final)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), final=st.booleans())
    def erase_buyer(self, data: st.DataObject, final: bool) -> None:
        email = data.draw(st.sampled_from(sorted({k.email for k in self.live.values()})))
        wanted = Wanted(By.EMAIL, email.upper(), (SELLER,))
        done = self.world.vault.eraser.erase(CONSOLE, wanted, final=final, now=self.now)
        meant = [id_ for id_, known in self.live.items() if known.email == email]
        assert done.records == len(meant)
        self._forget(meant, final=final)

    @precondition(lambda self: self.now < NOW + timedelta(days=55))  # grants end with their review
    @rule(days=st.sampled_from([0, 1, 2, 6, 31]))
    def sweep(self, days: int) -> None:
        """Time goes on, with a sweep on each day as `serve` makes them."""
        for _ in range(max(days, 1)):
            self.now += timedelta(days=1 if days else 0)
            self.world.vault.sweep(self.now)
            self._expire()

    @rule()
    def rotate(self) -> None:
        """A new root, a new master, and new period keys."""
        self.roots += 1
        root = FileRoot("file:root.key", bytes([self.roots]) * 32, Environment.TEST)
        keystore = self.world.keystore
        keystore.admit_root(root, self.now)
        keystore.use_root(root)
        assert keystore.retire_roots() == 1
        keystore.rotate_master(self.now)
        self.world.vault.rewrapping.run(CONSOLE, self.now)
        # Every key that any copy was made under is gone.
        for copy in self.copies:
            copy.held.clear()

    @precondition(lambda self: len(self.copies) < 4)
    @rule()
    def copy(self) -> None:
        """Take a copy of the data, as a backup or a thief does: never of the keys."""
        target = self._directory / f"copy{len(self.copies)}"
        target.mkdir()
        for file in self._directory.glob("vault.db*"):
            shutil.copy(file, target)
        held = {id_: known.name for id_, known in self.live.items()}
        self.copies.append(Copied(target, self.now, held))

    # -- what it promises ----------------------------------------------------------------------

    @invariant()
    def it_holds_what_the_dictionary_holds(self) -> None:
        for known in self.live.values():
            assert self.world.read(known.token, now=self.now) == known.name

    @invariant()
    def what_was_erased_or_is_past_its_day_is_gone(self) -> None:
        with self.world.database.read() as tx:
            refs = {self.world.vault._ref(SELLER, "order", id_): id_ for id_ in self.erased}
            for row in store.by_subject(tx, SELLER, list(refs)).values():
                assert row.blob is None
                assert row.wrapped is None
            live = tx.exec_driver_sql("SELECT count(*) FROM record_key").scalar()
            tags = tx.exec_driver_sql("SELECT count(*) FROM search_tag").scalar()
        assert live == tags == len(self.live)

    @invariant()
    def a_copy_opens_nothing_that_must_be_gone(self) -> None:
        for copied in self.copies:
            for id_, shown in self._readable(copied).items():
                assert copied.held.get(id_) == shown, f"{id_} still opens in a copy"

    # -- private -------------------------------------------------------------------------------

    def _forget(self, ids: list[str], *, final: bool) -> None:
        for id_ in ids:
            del self.live[id_]
            self.erased.add(id_)
            if final:
                for copied in self.copies:
                    copied.held.pop(id_, None)

    def _expire(self) -> None:
        seconds = self.now.timestamp()
        for id_, known in list(self.live.items()):
            last = known.seen_open.replace(hour=0, minute=0, second=0, microsecond=0)
            unseen = last + timedelta(days=30) - COPY_LIFETIME
            due = unseen.timestamp() // DAY if known.due is None else known.due
            if due * DAY <= seconds:
                del self.live[id_]
                for copied in self.copies:
                    copied.held.pop(id_, None)

    def _readable(self, copied: Copied) -> dict[str, str]:
        """Read a copy with every key that exists, past every check but the keys themselves."""
        found = {}
        with _over(self.world, copied.path) as vault:
            box = vault._box(SELLER)
            for n in range(4):
                id_ = f"902-{n}"
                with vault._database.read() as tx:
                    ref = vault._ref(SELLER, "order", id_)
                    row = store.by_subject(tx, SELLER, [ref]).get(ref)
                if row is None or row.blob is None:
                    continue
                try:
                    found[id_] = str(box.open(row, box.dek(row))[NAME])
                except (Gone, NotFound):
                    continue
        return found


@contextmanager
def _over(world: World, path: Path) -> Iterator[Vault]:
    data = Database(f"sqlite:///{path / 'vault.db'}")
    keys = Database(world.keystore_url)
    keystore = Keystore(keys, world.keystore._master.provider, Environment.TEST, "home-1")
    keystore.open()
    try:
        yield Vault(
            data,
            keystore,
            world.audit,
            environment=Environment.TEST,
            token_key=bytes(32),
            subject_key=world.keystore.secret("subject", NOW),
            copy_lifetime=COPY_LIFETIME,
            archive=ArchivePlace(world.archive, one_person=True),
        )
    finally:
        data.close()
        keys.close()


def _scratch() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        VaultModel,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # Shrinking takes minutes here, and the steps are few.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_vault_is_a_dictionary_that_forgets() -> None:
    _run(examples=4, steps=12)


@pytest.mark.long
def test_the_vault_is_a_dictionary_that_forgets_over_long_lives() -> None:
    _run(examples=120, steps=40)
