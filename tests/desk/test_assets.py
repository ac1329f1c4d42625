"""Pages of the inventory."""

from __future__ import annotations

import orjson
import pytest
from tests.assurance.test_assets import DIGEST, FLEET
from tests.support.pages import Member

from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.terms import AuthMethod, Caller, PrincipalKind

NASTY = '"><script>alert(1)</script>'


def _added(ada: Member, **fields: str) -> str:
    page = ada.browser.get("/assets/new")
    given = {"kind": "computer", "name": "packing-3", "owner": "ada", "pii": "yes"} | fields
    page = ada.browser.submit(page, "/assets/new", **given)
    assert page.status == 200, page.text
    return page.path


@pytest.mark.clause("2.3")
def test_an_asset_is_added_changed_stated_and_retired(ada: Member) -> None:
    assert "The inventory is empty so far" in ada.browser.get("/assets").text
    path = _added(ada, serial="SN-7", place="Hall 2", note="two\nlines")
    page = ada.browser.get(path)
    assert page.h1 == "packing-3"
    assert "confirmed" in page.text
    assert "unknown" in page.text
    given = {
        "present": "yes",
        "running": "yes",
        "guarded": "yes",
        "disk": "yes",
        "lock": "yes",
        "signatures": "2026-03-09",
        "patches": "2026-03-01",
        "scan": "2026-03-08",
    }
    refused = ada.browser.submit(page, f"{path}/state", **given, digest="no")
    assert refused.status == 400
    page = ada.browser.submit(page, f"{path}/state", **given, digest=DIGEST)
    assert page.said == "Your statement counts for 90 days."
    assert "unknown" not in page.text.partition("How it stands")[2].partition("State how")[0]
    assert "1 pass" in ada.browser.get("/assets/posture").text
    page = ada.browser.submit(
        page, f"{path}/change", kind="computer", name="packing-4", owner="ada", pii="yes"
    )
    assert page.h1 == "packing-4"
    held = ada.browser.submit(page, f"{path}/retire", disposal="none_held")
    assert held.status == 409
    page = ada.browser.submit(page, f"{path}/retire", disposal="destroy", digest=DIGEST)
    assert "Destroy: shredded" in page.text
    assert "packing-4" not in ada.browser.get("/assets").text
    assert "packing-4" in ada.browser.get("/assets?show=retired").text
    assert "packing-4" in ada.browser.get("/assets?show=every&q=sn-7").text
    assert ada.browser.get("/assets?show=nothing").status == 400


@pytest.mark.clause("2.3")
def test_a_file_is_shown_before_it_is_applied(ada: Member) -> None:
    fields = ada.browser.form_fields("/assets/imports") | {"feed": "fleet", "name": ""}
    page = ada.browser.upload("/assets/imports", fields, "hosts.json", orjson.dumps(FLEET))
    assert page.h1 == "Import 1", page.text
    assert "Nothing is changed yet" in page.text
    assert "The inventory is empty so far" in ada.browser.get("/assets").text
    page = ada.browser.submit(page, "/assets/imports/1/apply")
    assert page.said == "The import is applied."
    listed = ada.browser.get("/assets?show=open")
    assert "mac-1" in listed.text
    shown = listed.form("/assets/confirm")["shown"].split(",")
    page = ada.browser.submit(
        listed, "/assets/confirm", owner="ada", **{f"a{id_}": "1" for id_ in shown}
    )
    assert page.said == "It is recorded that you vouch for it."
    assert "mac-1" not in page.text
    bad = ada.browser.upload("/assets/imports", fields, "hosts.json", b"{")
    assert (bad.status, "no JSON" in bad.text) == (400, True)
    own = ada.browser.get("/assets/imports")
    assert own.status == 200


@pytest.mark.clause("2.3")
def test_a_campaign_is_begun_worked_through_and_signed(ada: Member) -> None:
    home = ada.browser.home
    person = home.system.accounts.find("ada").id
    caller = Caller(person, PrincipalKind.PERSON, "ada", AuthMethod.SESSION)
    page = ada.browser.submit(ada.browser.get("/assets/campaigns"), "/assets/campaigns")
    assert page.path == "/assets/campaigns/1"
    assert "Left to confirm or retire" in page.text
    early = ada.browser.post("/assets/campaigns/1/sign", ada.browser.form_fields("/assets"))
    assert early.status == 403
    shown = page.form("/assets/campaigns/1/confirm")["shown"].split(",")
    page = ada.browser.submit(
        page, "/assets/campaigns/1/confirm", owner="ada", **{f"a{id_}": "1" for id_ in shown}
    )
    assert "The IT administrator or the deputy signs it" in page.text
    offices = home.system.compliance.offices
    offices.appoint(home.console, Office.IT_ADMIN, Part.HOLDER, "ada", home.now)
    offices.accept(caller, Office.IT_ADMIN, Part.HOLDER, home.now, "ada@example.com")
    page = ada.browser.get("/assets/campaigns/1")
    page = ada.browser.submit(page, "/assets/campaigns/1/sign")
    assert page.said.startswith("The inventory is signed")
    taken = ada.browser.submit(page, "/assets/campaigns/1/take")
    assert orjson.loads(taken.raw)[0]["name"] == "Strongroom"
    assert "signed" in ada.browser.get("/assets/campaigns").text


@pytest.mark.clause("2.3")
def test_what_is_stated_of_media_and_paper_is_shown_for_each_person(ada: Member) -> None:
    page = ada.browser.get("/assets/media")
    assert "Nobody stated it yet" in page.text
    assert "No rules of acceptable use hold yet" in page.text
    _added(ada, kind="printer", name="label printer")
    assert "label printer" in ada.browser.get("/assets/media").text


@pytest.mark.clause("2.3")
def test_our_bill_of_materials_and_those_of_others(ada: Member) -> None:
    ours = ada.browser.get("/assets/sbom")
    assert orjson.loads(ours.raw)["bomFormat"] == "CycloneDX"
    path = _added(ada, kind="software", name="erp")
    fields = ada.browser.form_fields(path)
    page = ada.browser.upload(f"{path}/sbom", fields, "bom.json", ours.raw)
    assert page.said == "The bill of materials is attached."
    assert ada.browser.submit(page, f"{path}/sbom/take").raw == ours.raw


@pytest.mark.clause("1.1", "1.1-c", "2.3-c")
def test_a_person_states_how_their_own_device_stands_and_nobody_elses(ada: Member) -> None:
    ben = ada.browser.home.member("ben")
    assert "No device is yours" in ben.browser.get("/assets/mine").text
    own = _added(ada, owner="ben").rpartition("/")[2]
    other = _added(ada, name="packing-4").rpartition("/")[2]
    page = ben.browser.get("/assets/mine")
    assert ("packing-3" in page.text, "packing-4" in page.text) == (True, False)
    given = {"present": "yes", "disk": "yes", "digest": DIGEST}
    page = ben.browser.submit(page, f"/assets/mine/{own}/state", **given)
    assert page.said == "Your statement counts for 90 days."
    assert "stated" in page.text
    for id_ in (other, "999"):
        form = ben.browser.form_fields("/profile") | given
        refused = ben.browser.post(f"/assets/mine/{id_}/state", form)
        assert (refused.status, "no such asset of yours" in refused.text) == (404, True)


@pytest.mark.clause("2.3")
def test_what_is_no_number_in_a_form_or_an_address_is_no_fault_of_ours(ada: Member) -> None:
    form = ada.browser.form_fields("/assets")
    for shown in ("\u00b2", "9" * 400, "1,,x", "-1"):
        page = ada.browser.post("/assets/confirm", form | {"shown": shown, f"a{shown}": "1"})
        assert page.status in (400, 404), shown
    assert ada.browser.get("/assets?owner=%C2%B2").status == 200
