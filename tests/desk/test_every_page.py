"""Every page that the head leads to is there, and shows a house that keeps its records."""

from __future__ import annotations

import pytest
from tests.support.filled import fill, fill_records
from tests.support.pages import Member

from strongroom.desk.navigation import SECTIONS

PATHS = [entry for section in SECTIONS for entry in section.entries]


@pytest.mark.clause("1.6", "2.2", "2.3", "2.7", "3")
def test_every_page_of_the_head_is_there_and_true(ada: Member) -> None:
    home = ada.browser.home
    fill(home, ada)
    fill_records(home, ada)
    for entry in PATHS:
        page = ada.browser.get(entry.path)
        assert (page.status, page.path) == (200, entry.path)
    incidents = ada.browser.get("/incidents").body
    assert "Reads at night by an app" in incidents
    assert "AMZ-2026-0310" in ada.browser.get("/notices").body
    assert "somebody@buyers.example" not in ada.browser.get("/requests").body
    assert "CVE-2019-14697" in ada.browser.get("/findings").body
    assert "packing-3" in ada.browser.get("/assets").body
    assert "packing-4" in ada.browser.get("/assets/posture?state=fail").body
