"""What monitoring sees: how much and how quick, and nobody."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from strongroom.alarms import Severity
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType
from strongroom.metrics import Meter, Metrics
from strongroom.policy.secrets import SecretState
from strongroom.terms import SellerId
from strongroom.vault.keystore import PeriodKind
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.pages import Member

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("2.6")

LABELS = {
    "listener": {"gateway", "api", "desk", "health", "witness"},
    "status": {"1xx", "2xx", "3xx", "4xx", "5xx", "none"},
    "type": {type_.value for type_ in EventType},
    "outcome": {outcome.value for outcome in Outcome},
    "severity": {severity.value for severity in Severity},
    "state": {state.value for state in SecretState},
}
"""Every word that may stand in a label. `le` is a bucket's bound."""


def read(metrics: Metrics) -> tuple[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]:
    text = metrics.exposition([], 0.0).decode()
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return text, found


def test_what_the_log_records_is_counted_once(ada: Member) -> None:
    home = ada.browser.home
    metrics = Metrics(home.system)
    name = "strongroom_events_total"
    added = (name, (("outcome", "success"), ("type", "principal.added")))
    assert added not in read(metrics)[1]
    home.system.accounts.add_person("clara", caller=home.console, now=home.now)
    home.system.accounts.add_person("dora", caller=home.console, now=home.now)
    assert read(metrics)[1][added] == 2
    assert read(metrics)[1][added] == 2
    size = home.system.audit.counts(None)[0]
    assert read(metrics)[1]["strongroom_log_entries", ()] == size


def test_labels_are_words_of_closed_lists_and_name_nobody(ada: Member) -> None:
    home = ada.browser.home
    metrics = Metrics(home.system)
    served = metrics.meter.around("desk", answering(200))
    asyncio.run(asked(served))
    home.system.accounts.add_person("clara", caller=home.console, now=home.now)
    ada.browser.send("GET", "/profile")
    text, found = read(metrics)
    assert "strongroom_requests_total" in text
    for name, labels in found:
        if not name.startswith("strongroom_"):
            assert not labels, name
            continue
        for label, value in labels:
            assert label == "le" or value in LABELS[label], (name, label)
    for mark in ("ada", "clara"):
        assert not re.search(rf"\b{mark}\b", text)


@pytest.mark.clause("2.1")
def test_a_key_that_outlives_its_day_is_counted_until_it_is_destroyed(ada: Member) -> None:
    system = ada.browser.home.system
    metrics, now = Metrics(system), system.clock()
    today = int(now.timestamp()) // 86400
    made = [
        system.keystore.period(SellerId(1), PeriodKind.DAY, day, now)
        for day in (today - 1, today + 1)
    ]
    found = read(metrics)[1]
    assert found["strongroom_periods_live", ()] == 2
    assert found["strongroom_periods_overdue", ()] == 1
    system.keystore.destroy([made[0][0].id], now)
    assert read(metrics)[1]["strongroom_periods_overdue", ()] == 0


def answering(status: int | None) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if status is None:
            raise ConnectionResetError
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def asked(app: Any, kind: str = "http") -> None:
    async def nothing(_message: Any = None) -> None:
        pass

    await app({"type": kind}, nothing, nothing)


@pytest.mark.parametrize(
    ("status", "label"), [(200, "2xx"), (404, "4xx"), (503, "5xx"), (None, "none")]
)
def test_each_answer_is_counted_by_the_class_of_its_status(status: int | None, label: str) -> None:
    registry = CollectorRegistry()
    app = Meter(registry).around("api", answering(status))
    if status is None:
        with pytest.raises(ConnectionResetError):
            asyncio.run(asked(app))
    else:
        asyncio.run(asked(app))
    wanted = {"listener": "api", "status": label}
    assert registry.get_sample_value("strongroom_requests_total", wanted) == 1
    assert registry.get_sample_value("strongroom_request_seconds_count", {"listener": "api"}) == 1


def test_a_listener_starting_is_no_request() -> None:
    registry = CollectorRegistry()
    app = Meter(registry).around("api", answering(200))
    asyncio.run(asked(app, "lifespan"))
    assert registry.get_sample_value("strongroom_request_seconds_count", {"listener": "api"}) == 0


def test_the_page_lists_every_metric(ada: Member) -> None:
    text = Metrics(ada.browser.home.system).exposition([], 0.0).decode()
    exposed = set(re.findall(r"^# TYPE (strongroom_\w+)", text, re.MULTILINE))
    page = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    # What counts also says since when, as `_created`.
    assert set(re.findall(r"^\| `(strongroom_\w+)`", page, re.MULTILINE)) == {
        name for name in exposed if not name.endswith("_created")
    }
