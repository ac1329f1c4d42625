"""The page of packs: how the duty stands, building one to take along, those that were built."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.support.pages import Member

from strongroom.assurance.packs import offline

pytestmark = pytest.mark.clause("3-d")


def test_a_pack_is_built_saved_and_listed(ada: Member) -> None:
    page = ada.browser.get("/packs")
    assert page.h1 == "Packs"
    assert "No pack was built yet." in page.text
    assert "no pack of evidence was ever built" in page.text.lower()
    got = ada.browser.submit(page, "/packs", since="2025-03-10", until="2026-03-09")
    assert got.header("content-disposition") == (
        'attachment; filename="evidence-2025-03-10-to-2026-03-10.zip"'
    )
    with zipfile.ZipFile(io.BytesIO(got.raw)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    key = ada.browser.get("/packs/key").body
    assert offline.check_files(files, key).ok
    page = ada.browser.get("/packs")
    assert "sound" in page.text
    assert offline.sha256(got.raw).hexdigest() in page.text


@pytest.mark.parametrize(
    ("since", "until"),
    [("", "2026-03-09"), ("yesterday", "2026-03-09"), ("2026-03-09", "2025-03-09")],
)
def test_a_faulty_period_is_shown_again_with_what_was_typed(
    ada: Member, since: str, until: str
) -> None:
    page = ada.browser.submit(ada.browser.get("/packs"), "/packs", since=since, until=until)
    assert page.status in {400, 422}
    assert until in page.body
