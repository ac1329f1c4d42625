"""Somebody tries to be rid of an incident: by a command, in another's name, with another case's number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.pages import Member

from strongroom.errors import Conflict, Denied, Malformed, StrongroomError
from strongroom.operations import run
from strongroom.request import Json, Request

__all__ = ["ada", "home", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.6")


def _asks(ada: Member, operation: str, **arguments: object) -> Json:
    home = ada.browser.home
    return run(home.system, Request(operation, arguments, now=home.now.isoformat()), "olga")


def _opened(ada: Member) -> int:
    texts: Mapping[str, str] = {"title": "Reads"}
    return int(_asks(ada, "incident.open", kind="access", texts=texts)["incident"])


def test_no_command_closes_a_case_that_amazon_was_not_told_of(ada: Member) -> None:
    number = _opened(ada)
    with pytest.raises(Conflict, match="Amazon was told"):
        _asks(ada, "incident.close", incident=number)
    now = ada.browser.home.now
    for at in (now + timedelta(hours=1), now - timedelta(days=1)):
        with pytest.raises(Malformed):
            _asks(
                ada,
                "incident.notified",
                incident=number,
                name="x.eml",
                file="eA==",
                sent_at=at.isoformat(),
            )


def test_no_command_moves_the_clock_later_or_signs_twice(ada: Member) -> None:
    number = _opened(ada)
    later = (ada.browser.home.now + timedelta(minutes=5)).isoformat()
    with pytest.raises(Conflict):
        _asks(ada, "incident.clock", incident=number, detected_at=later)
    texts = {"description": "d", "root_cause": "c", "remediation": "r"}
    _asks(ada, "incident.write", incident=number, texts=texts)
    with pytest.raises(Denied):
        _asks(ada, "incident.approve", incident=number)
    _asks(ada, "incident.none", incident=number, reason="a test")
    with pytest.raises(Denied):
        _asks(ada, "incident.none", incident=number, reason="I agree with me", agree=True)


def test_a_name_of_evidence_leads_nowhere_and_a_file_is_base64(ada: Member) -> None:
    kept = _asks(ada, "evidence.keep", name="../../etc/passwd", file="eA==", said="x")
    assert kept["name"] == "passwd"
    with pytest.raises(Malformed):
        _asks(ada, "evidence.keep", name="a", file="no base64", said="x")
    with pytest.raises(StrongroomError):
        _asks(ada, "evidence.take", evidence=kept["evidence"], why="curiosity")
