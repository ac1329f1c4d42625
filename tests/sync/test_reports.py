"""A report is asked for once, waited for, and its rows are sealed before anything is written."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import Malformed
from strongroom.simulator import Fault, FaultKind
from strongroom.sync import Run, State
from strongroom.sync.checkpoints import Checkpoint
from strongroom.sync.reports import check_options, check_type
from tests.gateway.conftest import CONSOLE, NOW
from tests.sync.conftest import BEGINNING, Pulling

TYPE = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"
STREAM = f"report.{TYPE}"


def pull(pulling: Pulling, options: dict[str, str] | None = None, **wanted: Any) -> Run:
    wanted.setdefault("since", BEGINNING)
    (run,) = pulling.sync.reports(
        pulling.wanted(**wanted), TYPE, options or {}, CONSOLE, lambda *_: None
    )
    return run


def asked(pulling: Pulling, operation: str, since: int = 0) -> int:
    received = pulling.simulator.requests[since:]
    return sum(r.operation == f"reports_2021-06-30.{operation}" for r in received)


@pytest.mark.clause("2.4", "4")
@pytest.mark.parametrize("packed", ["false", "true"])
def test_a_reports_rows_are_sealed_and_its_document_has_tokens(
    pulling: Pulling, tmp_path: Path, packed: str
) -> None:
    run = pull(pulling, {"packed": packed}, out=str(tmp_path / "out"))
    assert (run.state, run.seen, run.fault) == (State.DONE, 1, None)
    (path,) = (tmp_path / "out").iterdir()
    assert path.name.startswith(f"{TYPE}-acme-")
    content = path.read_bytes()
    if packed == "true":
        assert path.suffix == ".gz"
        content = gzip.decompress(content)
    assert content.count(b"\n") > 3
    assert not [m for m in pulling.simulator.markers() if m.encode() in content]
    served = [e for e in pulling.door.events() if e["type"] == "gateway.document.served"]
    assert served[-1]["actor"]["id"] == pulling.app.principal
    place = pulling.sync.checkpoints.of(pulling.app.seller, STREAM)
    assert not place.under_way
    assert place.covered_until is not None


def test_a_report_may_be_sealed_and_not_written(pulling: Pulling, tmp_path: Path) -> None:
    assert pull(pulling).state is State.DONE
    assert not list(tmp_path.glob("out*"))
    assert [e for e in pulling.door.events() if e["type"] == "gateway.document.served"]


def test_a_report_that_was_asked_for_and_whose_number_was_lost_is_found_again(
    pulling: Pulling, tmp_path: Path
) -> None:
    """Killed between Amazon's answer and the checkpoint: Amazon is not asked for a second one."""
    before = len(pulling.simulator.requests)
    pulling.sync.steps_left = 1
    pulling.simulator.add_fault(Fault(FaultKind.THROTTLED, operation="getReport"))
    cut = pull(pulling, out=str(tmp_path))
    assert cut.state is State.STOPPED
    assert not list(tmp_path.glob("*.txt"))
    place = pulling.sync.checkpoints.of(pulling.app.seller, STREAM)
    pulling.sync.checkpoints.put(
        pulling.app.seller, STREAM, Checkpoint(None, place.since, place.until), NOW
    )
    pulling.simulator.clear_faults()
    pulling.sync.steps_left = None
    run = pull(pulling, since=None, out=str(tmp_path))
    assert (run.state, run.resumed) == (State.DONE, True)
    assert asked(pulling, "createReport", before) == 1


def test_a_document_that_breaks_off_leaves_no_file_and_comes_again(
    pulling: Pulling, tmp_path: Path
) -> None:
    pulling.simulator.add_fault(Fault(FaultKind.RESET_MID_BODY, operation="document", count=1))
    run = pull(pulling, out=str(tmp_path / "out"))
    assert run.state is State.FAILED
    assert not list((tmp_path / "out").iterdir())
    again = pull(pulling, since=None, out=str(tmp_path / "out"))
    assert (again.state, again.resumed) == (State.DONE, True)
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("status", "state", "note"),
    [("CANCELLED", State.DONE, "twice: it has no rows"), ("FATAL", State.FAILED, "could not make")],
)
def test_a_report_that_amazon_does_not_make_ends_the_window_or_the_run(
    pulling: Pulling, status: str, state: State, note: str
) -> None:
    body = b'{"reportId":"1","reportType":"%b","processingStatus":"%b","createdTime":"%b"}' % (
        TYPE.encode(), status.encode(), b"2026-03-10T12:00:00Z",
    )  # fmt: skip
    pulling.simulator.add_fault(
        Fault(FaultKind.BODY, operation="getReport", body=body, content_type="application/json")
    )
    run = pull(pulling)
    assert run.state is state
    assert note in " ".join([*run.notes, run.fault or ""])
    place = pulling.sync.checkpoints.of(pulling.app.seller, STREAM)
    assert not place.under_way
    assert (place.covered_until is None) == (status == "FATAL")


@pytest.mark.clause("2.1")
def test_a_report_that_was_cancelled_is_asked_for_once_more(
    pulling: Pulling, tmp_path: Path
) -> None:
    """Whoever has the selling partner's account cancels one: its rows come all the same."""
    body = b'{"reportId":"1","reportType":"X","processingStatus":"CANCELLED"}'
    fault = Fault(
        FaultKind.BODY, operation="getReport", body=body, content_type="application/json", count=1
    )
    pulling.simulator.add_fault(fault)
    before = len(pulling.simulator.requests)
    run = pull(pulling, out=str(tmp_path / "out"))
    assert (run.state, run.seen, run.notes) == (State.DONE, 1, [])
    assert asked(pulling, "createReport", before) == 2
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_later_since_leaves_what_is_covered_where_it_was(pulling: Pulling) -> None:
    place = Checkpoint(NOW - timedelta(days=25))
    pulling.sync.checkpoints.put(pulling.app.seller, STREAM, place, NOW)
    assert pull(pulling, since=NOW - timedelta(days=1)).state is State.DONE
    assert pulling.sync.checkpoints.of(pulling.app.seller, STREAM) == place


def test_a_report_that_is_not_ready_is_waited_for(pulling: Pulling) -> None:
    body = b'{"reportId":"1","reportType":"X","processingStatus":"IN_PROGRESS"}'
    fault = Fault(
        FaultKind.BODY, operation="getReport", body=body, content_type="application/json", count=3
    )
    pulling.simulator.add_fault(fault)
    assert pull(pulling).state is State.DONE
    assert [p for p in pulling.sync.pauses if p] == [2.0, 3.0, 4.5]


def test_types_and_options_have_one_form() -> None:
    for wrong in ("get_report", "GET REPORT", "GET_X/../Y", ""):
        with pytest.raises(Malformed):
            check_type(wrong)
    assert check_options(["dateGranularity=DAY"]) == {"dateGranularity": "DAY"}
    for wrong in ("x", "a=b c", "=b", "a=" + "x" * 300):
        with pytest.raises(Malformed):
            check_options([wrong])
