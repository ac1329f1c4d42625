"""Changes through the pages: named people, stamps in order, drift of storage, the plan reviewed after a major one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.changes import Facts, caller_of, evidence, facts_of, named
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.changes.overseeing import PLAN_WITHIN
from strongroom.compliance.overseen import DutyId
from strongroom.policy.limits import REVIEW_EVERY

XSS = '"><script>alert(1)</script>'
TEXTS = {
    "title": "A larger disk for the vault",
    "what": "The disk of the vault is replaced by a larger one of the same kind.",
    "back_out": "The old disk stays for a week and is put back.",
    "risk": "The vault is away for an hour.",
}


def verdict(home: DeskHome, duty: str) -> str:
    finding = home.system.assurance.changes_overseen.findings(home.now)[DutyId(duty)]
    return finding.verdict.value


@pytest.fixture
def facts(ada: Member) -> Facts:
    """Have the machine say what the test says of storage."""
    return facts_of(ada.browser.home)


@pytest.fixture
def ben(ada: Member) -> Member:
    """Give a second person who oversees."""
    return overseer(ada)


def approved(ada: Member, ben: Member, kind: str = "storage_volume") -> str:
    """Return the path of a change that ada opened and tested, and ben verified and approved."""
    home = ada.browser.home
    page = ada.browser.post(
        "/changes/new", {**ada.browser.form_fields("/changes/new"), **TEXTS, "kind": kind}
    )
    assert page.said.startswith("The change is open"), page.text
    path = page.path
    page = ada.browser.submit(
        page, f"{path}/test", passed="yes", result="A copy opened.", evidence=str(evidence(home))
    )
    assert page.said == "The result is kept.", page.text
    ben.prove("changes")
    for step in ("verify", "approve"):
        page = ben.browser.submit(ben.browser.get(path), f"{path}/{step}")
        assert "on your name" in page.said or "may be done now" in page.said, page.text
    return path


@pytest.mark.clause("2.7-f")
def test_storage_is_unknown_then_green_red_by_a_difference_and_green_by_its_change(
    ada: Member, ben: Member, facts: Facts
) -> None:
    home = ada.browser.home
    assert verdict(home, "2.7-f") == "unknown"
    named(ada, ben, "ada")
    ada.prove("changes")
    page = ada.browser.submit(ada.browser.get("/changes"), "/changes/storage")
    assert page.said == "What this installation lies on is recorded.", page.text
    assert verdict(home, "2.7-f") == "pass"

    facts.now["home.volume"] = "another"
    assert verdict(home, "2.7-f") == "fail"
    dues = [due.what for due in home.system.assurance.changes_overseen.dues(home.now)]
    assert any("home.volume" in what for what in dues)

    path = approved(ada, ben)
    assert verdict(home, "2.7-f") == "pass", "an approved change is under way"
    ada.prove("changes")
    page = ada.browser.submit(
        ada.browser.get(path), f"{path}/close", major="no", reason="Same kind of disk.", done=""
    )
    assert page.said == "The change is closed.", page.text
    assert verdict(home, "2.7-f") == "pass"
    assert not home.system.assurance.changes.drift().names

    facts.now["database.device"] = "/dev/sdz"
    assert verdict(home, "2.7-f") == "fail"


@pytest.mark.clause("2.7-f")
def test_a_change_explains_only_what_its_kind_changes(
    ada: Member, ben: Member, facts: Facts
) -> None:
    home = ada.browser.home
    named(ada, ben, "ada")
    ada.prove("changes")
    ada.browser.submit(ada.browser.get("/changes"), "/changes/storage")
    facts.now |= {"home.volume": "another", "machine.system": "debian 13"}
    path = approved(ada, ben, "environment")
    ada.browser.submit(
        ada.browser.get(path), f"{path}/close", major="no", reason="The next release.", done=""
    )
    assert home.system.assurance.changes.drift().names == ("home.volume",)
    assert verdict(home, "2.7-f") == "fail"


@pytest.mark.clause("2.7-g")
def test_who_may_change_storage_is_red_until_named_and_red_again_by_age_and_leaving(
    ada: Member, ben: Member, facts: Facts
) -> None:
    del facts
    home = ada.browser.home
    assert verdict(home, "2.7-g") == "fail"
    place = home.system.assurance.changes.administrators.name(caller_of(ben), "ada", home.now)
    assert verdict(home, "2.7-g") == "fail", "one person's word does not count"
    third = home.system.accounts.console("otto", home.now)
    home.system.assurance.changes.administrators.approve(third, place.id, home.now)
    assert verdict(home, "2.7-g") == "pass"

    home.now += REVIEW_EVERY
    assert verdict(home, "2.7-g") == "fail"
    home.system.assurance.changes.administrators.review(third, home.now)
    assert verdict(home, "2.7-g") == "pass"

    home.system.accounts.end("ada", caller=home.console, now=home.now)
    assert verdict(home, "2.7-g") == "fail"


@pytest.mark.clause("1.6-g")
def test_a_major_change_wants_the_plan_reviewed_after_it(
    ada: Member, ben: Member, facts: Facts
) -> None:
    home = ada.browser.home
    assert verdict(home, "1.6-g") == "unknown"
    facts.now["home.volume"] = "one"
    path = approved(ada, ben, "supply_chain")
    ada.prove("changes")
    page = ada.browser.submit(
        ada.browser.get(path), f"{path}/close", major="yes", reason="A new carrier.", done=""
    )
    assert page.said == "The change is closed.", page.text
    assert verdict(home, "1.6-g") == "pass"
    (due,) = (d for d in home.system.assurance.changes_overseen.dues(home.now) if d.duty == "1.6-g")
    assert due.due_at == home.now + PLAN_WITHIN

    home.now += PLAN_WITHIN
    assert verdict(home, "1.6-g") == "fail"
    ada.sign_on()
    ben.sign_on()
    practices = home.system.compliance.incidents.practices
    practices.review("The new carrier is in the plan.", home.console, home.now)
    assert verdict(home, "1.6-g") == "pass"

    home.now += timedelta(minutes=1)
    path = approved(ada, ben, "risk_level")
    home.now += timedelta(minutes=1)
    ada.prove("changes")
    ada.browser.submit(ada.browser.get(path), f"{path}/close", major="yes", reason="More.", done="")
    home.now += PLAN_WITHIN
    assert verdict(home, "1.6-g") == "fail", "an earlier review is none of a later change"


@pytest.mark.clause("2.7")
def test_what_people_write_is_shown_as_text(ada: Member) -> None:
    fields = ada.browser.form_fields("/changes/new") | dict.fromkeys(TEXTS, XSS)
    page = ada.browser.post("/changes/new", {**fields, "kind": "system"})
    assert page.said.startswith("The change is open")
    for shown in (page, ada.browser.get("/changes")):
        assert "<script>alert" not in shown.body
        assert "&lt;script&gt;" in shown.body
    missing = ada.browser.post("/changes/new", {**fields, "kind": "system", "risk": " "})
    assert missing.status == 400
    assert "<script>alert" not in missing.body


@pytest.mark.clause("2.7")
def test_pages_are_for_who_oversees(ada: Member) -> None:
    home = ada.browser.home
    stranger = home.member("carla")
    for path in ("/changes", "/changes/new", "/changes/people"):
        assert stranger.browser.get(path).status == 403
