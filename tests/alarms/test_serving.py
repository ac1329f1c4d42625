"""What `serve` does when a task finds the log, or its file, to be another than it was."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom import logs
from strongroom.opening import open_system
from strongroom.serve import Face, _Serving
from tests.support.offline import Offline

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def health(serving: _Serving) -> tuple[int, str]:
    sent = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/health"}
    await serving._health(scope, None, send)
    return sent[0]["status"], sent[1]["body"].decode().strip()


@pytest.mark.clause("1.6", "2.6")
def test_a_replaced_file_shows_in_the_process_log_and_in_health_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be recorded any more: so it is said where it can be."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made")
    system = open_system(home.path, starts_at=NOW)
    written = io.StringIO()
    logs.configure(written)
    try:
        serving = _Serving(system, Face.ALL)
        vault = system.home.vault_database

        async def course() -> list[tuple[int, str]]:
            seen = []
            await serving._do(logs.Task.HEARTBEAT, serving._heartbeat)
            seen.append(await health(serving))
            vault.rename(vault.with_name("moved"))
            await serving._do(logs.Task.HEARTBEAT, serving._heartbeat)
            await serving._do(logs.Task.HEARTBEAT, serving._heartbeat)
            seen.append(await health(serving))
            # Put back: the task works again, and what happened in between is not forgotten.
            vault.with_name("moved").rename(vault)
            await serving._do(logs.Task.HEARTBEAT, serving._heartbeat)
            seen.append(await health(serving))
            return seen

        assert asyncio.run(course()) == [
            (200, "ok"),
            (503, "failing: alarm heartbeat"),
            (503, "failing: alarm"),
        ]
        told = [json.loads(line) for line in written.getvalue().splitlines()]
        (alarm,) = [line for line in told if line["event"] == "alarm.outside"]
        assert (alarm["alarm"], alarm["target"]) == ("log_tampered", "task:heartbeat")
    finally:
        system.close()


@pytest.mark.clause("2.6")
def test_a_home_is_watched_from_its_first_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`init` says where the watch begins, so that nothing of a new home counts as its past."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made")
    system = open_system(home.path, starts_at=NOW)
    try:
        assert system.alarms.watch.standing().stepped_at is not None
    finally:
        system.close()
