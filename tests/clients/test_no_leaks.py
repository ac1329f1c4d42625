"""Five hundred orders whose every personal value carries a mark, and no mark where it must not be.

Looked through are all files of the home while it is served and afterwards, what the process printed,
everything an app received, and what a crash leaves behind.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import dying
from tests.support.client import (
    EVERY_DATASET,
    EVERY_ELEMENT,
    MARKETPLACES,
    ORDERS,
    ORDERS_2026,
    VIEWS,
    Client,
)
from tests.support.home import COMMAND, App, Home
from tests.support.tokens import tokens_in

from strongroom.errors import Denied
from strongroom.leaks import Needles, search_tree
from strongroom.policy.catalogue.slots import spec_of
from strongroom.policy.purposes import may_serve
from strongroom.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from strongroom.terms import Purpose

pytestmark = [pytest.mark.clause("2.4", "2.6"), pytest.mark.timeout(240)]

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TWO_YEARS_BACK = (NOW - timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%SZ")
RECENT = NOW - timedelta(days=27)
CORES = ["/bin/sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$0" "$@"', str(COMMAND)]


@dataclass
class Story:
    """What was done to one home, and where its traces are."""

    simulator: Simulator
    home: Home
    app: App
    received: list[bytes] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def needles(self) -> Needles:
        """Return every mark that any answer of Amazon's may have carried so far."""
        return Needles(self.simulator.markers())

    def client(self, stack: ExitStack) -> Client:
        return stack.enter_context(Client(self.home.endpoint, self.home.tls(), self.app))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Serve a home from which everything is pulled, in every view, with changes in between."""
    with ExitStack() as stack:
        config = SimulatorConfig(orders=500, seed=3, markers=True, clock=lambda: NOW)
        simulator = stack.enter_context(Simulator(config))
        home = stack.enter_context(Home.make(tmp_path_factory.mktemp("leaks"), now=NOW))
        home.start(wrapper=CORES, extra={"PYTHONFAULTHANDLER": "1"})
        home.add_seller(simulator, simulator.sellers[0])
        (app,) = home.add_app("erp", simulator.sellers[0].name)
        home.read_log()
        for form in ("ocsf", "native"):
            path = str(home.work.with_name(f"{form}.jsonl"))
            home.ask("feed.add.jsonl", name=form, path=path, format=form)
        story = Story(simulator, home, app)
        with ExitStack() as clients:
            _pull_everything(story, story.client(clients))
        yield story


def _pull_everything(story: Story, client: Client) -> None:
    for restricted in (False, True):
        pages = list(client.pages(restricted=restricted, CreatedAfter=TWO_YEARS_BACK))
        assert [page.status for page in pages] == [200] * 5
    query = {"marketplaceIds": MARKETPLACES, "includedData": EVERY_DATASET}
    cursor = {"createdAfter": TWO_YEARS_BACK}
    while cursor:
        page = client.get(ORDERS_2026, **query, **cursor).json
        following = page.get("pagination", {}).get("nextToken")
        cursor = {"createdAfter": TWO_YEARS_BACK, "paginationToken": following} if following else {}
    recent = [order for order in story.simulator.orders() if order.created_at > RECENT]
    for order in recent:
        for view in VIEWS:
            assert client.view(view, order.order_id).status == 200
    for number, order in enumerate(recent[:20]):
        changes = {
            "recipient.name": f"ZqMoved{number:04d}XWVQJK",
            "recipient.city": "ZqTown77XWVQJK",
        }
        story.simulator.update_order(order.order_id, changes)
        assert client.view("address", order.order_id).status == 200
    # The door gives values to whoever may have them; nothing of them may stay behind.
    truth = story.simulator.truth(recent[-1].order_id)
    asked = {"purpose": "fulfilment", "email": truth["buyer.email"]}
    (found,) = story.home.ask("find", as_=story.app, **asked)["records"]
    for slot, token in found["tokens"].items():
        spec = spec_of(slot)
        # A purpose that the value does not serve is refused, and a refusal may say nothing either.
        allowed = may_serve(Purpose.FULFILMENT, spec.category, spec.subject)
        with nullcontext() if allowed else pytest.raises(Denied):
            story.home.ask(
                "reveal.token",
                as_=story.app,
                token=token,
                purpose="fulfilment",
                reason="a test asks",
            )
    story.received += client.received


def test_apps_receive_tokens_and_no_mark(story: Story) -> None:
    content = b"\n".join(story.received)
    assert story.needles().search(content) == []
    assert len(content) > 1_000_000
    pages = (
        json.loads(part) for part in story.received if part.startswith(b'{"payload":{"Orders"')
    )
    assert len(set().union(*map(tokens_in, pages))) > 5_000


def test_no_file_of_a_served_home_holds_a_mark(story: Story) -> None:
    """The write-ahead logs and shared memory of both databases are there, and hold none."""
    names = {path.name for path in story.home.path.iterdir()}
    assert {"vault.db", "vault.db-wal", "vault.db-shm", "keys.db", "keys.db-wal"} <= names
    assert search_tree(story.home.path, story.needles()) == []


def test_a_planted_mark_is_found(story: Story, tmp_path: Path) -> None:
    """The same search over the same home, with one mark more in each of some hiding places."""
    planted = tmp_path / "home"
    shutil.copytree(story.home.path, planted, ignore=shutil.ignore_patterns("*.sock"))
    marks = story.simulator.markers()
    with (planted / "vault.db-wal").open("ab") as file:
        file.write(marks[0].encode())
    (planted / "log" / "strongroom.log").write_bytes(base64.b64encode(b"x" + marks[1].encode()))
    (planted / "log" / marks[2]).touch()
    (planted / "work.tmp").write_bytes(marks[3].encode("utf-16-le"))
    found = search_tree(planted, story.needles())
    assert {hit.hit.index for hit in found} == {0, 1, 2, 3}


def test_no_mark_leaves_by_a_feed(story: Story) -> None:
    """The whole log as collectors get it, in both formats."""
    until = time.monotonic() + 60
    while any(row["lag"] > 5 for row in story.home.ask("feed.list")["feeds"]):
        assert time.monotonic() < until, "the feeds did not catch up"
        time.sleep(0.2)
    for form in ("ocsf", "native"):
        content = story.home.work.with_name(f"{form}.jsonl").read_bytes()
        assert b"vault.record.revealed" in content
        assert story.needles().search(content) == []


FAULTS = {
    "echo 400": Fault(FaultKind.ECHO_PII, status=400),
    "echo 403": Fault(FaultKind.ECHO_PII, status=403, code="Unauthorized"),
    "echo 404": Fault(FaultKind.ECHO_PII, status=404),
    "echo 429": Fault(FaultKind.ECHO_PII, status=429, code="QuotaExceeded"),
    "echo 500": Fault(FaultKind.ECHO_PII, status=500),
    "echo 503": Fault(FaultKind.ECHO_PII, status=503),
    "unknown members": Fault(FaultKind.UNKNOWN_PII),
    "wrong types": Fault(FaultKind.WRONG_TYPES),
    "truncated": Fault(FaultKind.TRUNCATED),
    "invalid UTF-8": Fault(FaultKind.INVALID_UTF8),
    "wrong content type": Fault(FaultKind.WRONG_CONTENT_TYPE),
    "reset half-way": Fault(FaultKind.RESET_MID_BODY),
    "deep": Fault(FaultKind.DEEP),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_wrong_answer_of_amazons_shows_no_mark(story: Story, fault: Fault) -> None:
    """Whatever is wrong with it: the app sees no value, and neither log nor files keep one."""
    order = next(o for o in story.simulator.orders() if o.created_at > RECENT and o.slots)
    with ExitStack() as stack:
        client = story.client(stack)
        token = client.restrict(ORDERS, *EVERY_ELEMENT)
        client.restrict(f"{ORDERS}/{{orderId}}/address")
        story.simulator.add_fault(fault)
        stack.callback(story.simulator.clear_faults)
        query = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": TWO_YEARS_BACK}
        answers = [
            client.get(ORDERS, token, **query),
            client.view("address", order.order_id),
            client.view("order_2026", order.order_id),
        ]
        for answer in answers:
            if fault.status:
                assert answer.status >= 400
        content = b"\n".join(client.received)
    assert story.needles().search(content) == []


def test_an_error_of_our_own_shows_no_mark(story: Story) -> None:
    """An exception that holds the whole document, raised between sealing and answering."""
    story.home.restart(
        wrapper=[sys.executable, dying.__file__],
        extra={
            "STRONGROOM_TEST_POINT": "answer.replace.before",
            "STRONGROOM_TEST_TEXT": story.simulator.markers()[0],
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    order = next(o for o in story.simulator.orders() if o.created_at > RECENT and o.slots)
    with ExitStack() as stack:
        client = story.client(stack)
        refused = client.view("address", order.order_id)
        assert refused.status in {500, 502}
        assert client.view("address", order.order_id).status == 200
        assert story.needles().search(b"\n".join(client.received)) == []
    story.home.stop()
    printed = story.home.outputs[-1]
    assert story.needles().search(printed) == []


def test_a_crash_leaves_no_mark(story: Story) -> None:
    """Aborted in the middle of its work, with a fault handler and cores allowed by its parent."""
    story.home.restart(wrapper=CORES, extra={"PYTHONFAULTHANDLER": "1"})
    limits = Path(f"/proc/{story.home.pid}/limits")
    if limits.exists():
        # Where the system hands cores to a program, none would lie in the working directory.
        (line,) = [text for text in limits.read_text().splitlines() if "core file" in text]
        assert line.split()[4:6] == ["0", "0"]
    order = next(o for o in story.simulator.orders() if o.created_at > RECENT and o.slots)
    with ExitStack() as stack:
        client = story.client(stack)
        client.view("address", order.order_id)
        # A slow answer keeps one request open, its values not yet sealed.
        story.simulator.add_fault(Fault(FaultKind.DRIP, operation="getOrderAddress", seconds=3))
        stack.callback(story.simulator.clear_faults)
        client._connection.request(
            "GET",
            f"{ORDERS}/{order.order_id}/address",
            headers={"x-amz-access-token": client.restrict(f"{ORDERS}/{{orderId}}/address")},
        )
        with contextlib.suppress(TimeoutError):
            client._connection.sock.settimeout(0.7)
            client._connection.sock.recv(1)
        assert story.home.kill(signal.SIGABRT) == -signal.SIGABRT
    assert b"Fatal Python error: Aborted" in story.home.outputs[-1]
    assert list(story.home.work.iterdir()) == []
    assert story.needles().search(b"\n".join(story.home.outputs)) == []
    assert search_tree(story.home.path, story.needles()) == []


def test_nothing_was_printed_that_holds_a_mark(story: Story) -> None:
    """Standard output and error of every run, and the files of the home after all of it."""
    story.home.restart()
    assert story.home.verify()["ok"]
    assert story.home.stop() == 0
    assert story.needles().search(b"\n".join(story.home.outputs)) == []
    assert search_tree(story.home.path, story.needles()) == []
