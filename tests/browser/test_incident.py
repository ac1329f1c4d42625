"""An incident from the touch of a canary to its closed post-mortem, in a real browser, by two people."""

from __future__ import annotations

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Stage
from tests.support.incidents import oversees, touch_canary
from tests.support.pages import ORIGIN, Member

from strongroom.accounts.visits import Site

EML = b"From: us\r\nTo: security@amazon.com\r\nMessage-ID: <1@us>\r\n\r\nWe report it.\r\n"


def _people(stage: Stage) -> tuple[Member, Member]:
    """Let two people in who oversee, before the browser comes."""
    home = stage.home
    home.system.signon.site = Site.of(ORIGIN)
    # In a thread: the browser's own event loop has this one.
    with ThreadPoolExecutor(1) as pool:
        ada, boris = pool.submit(lambda: (home.first("ada"), home.member("boris"))).result()
    oversees(home, "boris", approver="ada")
    home.system.signon.site = Site.of(stage.origin)
    return ada, boris


def _sign_on(stage: Stage, page: Page, member: Member) -> None:
    """Sign on anew: no session outlives the hours that pass here."""
    stage.home.passes(seconds=31)
    page.goto(f"{stage.origin}/sign-on")
    page.get_by_label("User name").fill(member.name)
    page.get_by_label("Password", exact=True).fill(member.password)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("Code").fill(member.code())
    page.get_by_role("button", name="Sign on").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def _prove(stage: Stage, page: Page, member: Member) -> None:
    stage.home.passes(seconds=31)
    page.goto(f"{stage.origin}/prove/incidents")
    page.get_by_label("Code").fill(member.code())
    page.get_by_role("button", name="Go on").last.click()
    expect(page.get_by_role("heading", name="Incidents", level=1)).to_be_visible()


def _tell_and_compute(page: Page, now: datetime, begun: datetime) -> None:
    page.get_by_role("link", name="Write to Amazon").click()
    page.get_by_text("I sent it otherwise").click()
    page.get_by_label("Sent at, UTC").fill(f"{now:%Y-%m-%dT%H:%M}")
    page.get_by_label("What was sent").set_input_files(
        {"name": "told.eml", "mimeType": "message/rfc822", "buffer": EML}
    )
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("Amazon told in time")).to_be_visible()

    page.get_by_role("button", name="It is contained").click()
    page.get_by_label("Whose doings").fill("erp")
    page.get_by_label("From, UTC").fill(f"{begun - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Compute").click()
    expect(page.get_by_text("1 canaries")).to_be_visible()
    page.get_by_label("Add a note").fill("The app was frozen by the alarm at once.")
    page.get_by_role("button", name="Add it").click()


def _work_through(page: Page, now: datetime) -> None:
    page.get_by_role("link", name="Checklist").click()
    page.locator("summary").first.click()
    page.get_by_label("Why not").first.fill("The alarm says it.")
    page.get_by_role("button", name="It does not apply").first.click()
    done = page.get_by_role("button", name=re.compile("^Done"))
    for rest_of in range(done.count(), 0, -1):
        done.first.click()
        expect(done).to_have_count(rest_of - 1)

    page.get_by_role("link", name="Report and close").click()
    page.get_by_label("What happened").fill("An app asked for a record that nobody needs.")
    page.get_by_label("Root cause").fill("A job walked through all numbers.")
    page.get_by_label("What was done").fill("The app was stopped; its grant was narrowed.")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_label("What keeps it from happening again").fill("A budget of records a day.")
    page.get_by_label("Who does it").select_option("boris")
    page.get_by_label("Until, UTC").fill(f"{now + timedelta(days=14):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("The post-mortem's approval by another person.")).to_be_visible()


def _approve_and_close(stage: Stage, page: Page, case: str, ada: Member, boris: Member) -> None:
    second = stage.context().new_page()
    _sign_on(stage, second, boris)
    second.goto(f"{case}/report")
    second.get_by_role("button", name="Approve what ada wrote").click()
    expect(second.get_by_text("approved by boris")).to_be_visible()

    _prove(stage, page, ada)
    page.goto(f"{case}/report")
    page.get_by_role("button", name="Sign and close").click()
    expect(page.get_by_text("closed by ada")).to_be_visible()


@pytest.mark.clause("1.6", "2.6")
@pytest.mark.timeout(240)
def test_an_incident_from_a_canary_to_its_closed_post_mortem(stage: Stage) -> None:
    home, (ada, boris) = stage.home, _people(stage)
    begun = home.now
    alarm = touch_canary(home, owner="ada", approver="boris")
    page = stage.context().new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))

    _sign_on(stage, page, ada)
    page.goto(f"{stage.origin}/incidents?alarm={alarm}")
    page.get_by_label("What happened, in a line").fill("An app read a canary")
    page.get_by_label("Type").select_option("access")
    page.get_by_role("button", name="Open the case").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("An app read a canary")
    case = page.url

    # The clock counts from the touch itself.
    left = {4: "19 h 59 min", 12: "11 h 59 min", 20: "3 h 59 min", 23: "59 min"}
    for hours, rest in left.items():
        home.now = begun + timedelta(hours=hours)
        home.system.compliance.incidents.remind(home.now)
        _sign_on(stage, page, ada)
        page.goto(case)
        expect(page.locator(".clock").first).to_contain_text(f"{rest} left")
    assert [e.body["op"] for e in home.events("incident.due")] == ["4h", "12h", "20h", "23h"]

    _tell_and_compute(page, home.now, begun)
    _work_through(page, home.now)
    _approve_and_close(stage, page, case, ada, boris)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Export the pack").click()
    with zipfile.ZipFile(io.BytesIO(taken.value.path().read_bytes())) as pack:
        names = pack.namelist()
    assert {"report.pdf", "case.json", "log.json", "SHA256SUMS"} < set(names)
    assert [name for name in names if name.startswith("evidence/")]
    assert [e.body["op"] for e in home.events("incident.closed")] == ["incident"]
    assert complaints == []
