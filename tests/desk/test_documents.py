"""The pages of the house's own documents: drafts, approval by another person, acknowledgement, the public page."""

from __future__ import annotations

import re
from hashlib import sha256
from html import unescape

import pytest
from tests.support.pages import Member
from tests.support.policies import acknowledged, approved, filled_in, overseer


@pytest.mark.clause("1.6", "2.2")
def test_a_document_holds_once_another_person_approved_it(ada: Member) -> None:
    ben = overseer(ada)
    assert "nothing approved" in ada.browser.get("/documents").text
    page = filled_in(ada, "incident-plan")
    assert page.said == "The draft was saved."
    assert "It is complete." in page.text
    page = ada.browser.submit(page, f"{page.path}/submit")
    assert "another person approves it" in page.text
    assert f"{page.path}/approve" not in page.body
    ben.prove("documents")
    seen = ben.browser.get(page.path)
    held = ben.browser.submit(seen, f"{page.path}/approve")
    assert (held.path, held.h1) == ("/documents/incident-plan", "Incident response plan")
    assert "by ben" in held.text
    assert "review by 2026-09-10" in ada.browser.get("/documents").text


def test_a_draft_says_what_it_lacks_and_keeps_what_was_typed(ada: Member) -> None:
    browser = ada.browser
    page = browser.submit(
        browser.get("/documents/acceptable-use"), "/documents/acceptable-use/begin"
    )
    assert "Fill in company" in page.text
    page = browser.submit(page, f"{page.path}/fill", **{"blank-company": "Example Ltd"})
    assert "Example Ltd" in page.text
    assert "Company\n" not in page.text
    wrong = browser.submit(page, f"{page.path}/write", text="x" * 40_001)
    assert (wrong.status, "up to 40,000 characters" in wrong.text) == (400, True)
    page = browser.submit(page, f"{page.path}/write", text="# T\n\n## Devices\n\n - \n")
    assert "The heading “Your account” is missing." in page.text
    assert "Nothing stands below “Devices”." in page.text
    refused = browser.post(f"{page.path}/submit", browser.form_fields("/documents"))
    assert (refused.status, "“Your account” is missing" in refused.text) == (400, True)
    gone = browser.submit(page, f"{page.path}/drop")
    assert (gone.path, gone.said) == ("/documents/acceptable-use", "The draft was given up.")


@pytest.mark.clause("1.2", "2.2")
def test_each_person_acknowledges_each_version_for_themselves(ada: Member) -> None:
    home = ada.browser.home
    ben, cleo = overseer(ada), home.member("cleo")
    approved(ada, ben, "acceptable-use")
    for one in (ada, ben, cleo):
        assert "For you to read" in one.browser.get("/documents").text
    page = acknowledged(cleo, "acceptable-use")
    assert page.said == "Thank you. It is recorded that you read this version."
    assert "For you to read" not in page.text
    # Olga and Paul, who sat at the machine, are people of this home as well.
    shown = ada.browser.get("/documents/acceptable-use")
    assert "Not yet: ada, ben, olga, paul." in shown.text
    assert "20 %" in shown.text
    home.passes(minutes=10)
    approved(ben, ada, "acceptable-use")
    assert "For you to read" in cleo.browser.get("/documents").text


def test_who_only_works_here_reads_what_holds_and_nothing_else(ada: Member) -> None:
    ben, cleo = overseer(ada), ada.browser.home.member("cleo")
    held = approved(ada, ben, "data-handling")
    first = re.search(r"/documents/versions/\d+", held.body)
    draft = filled_in(ben, "data-handling")
    assert first is not None
    assert cleo.browser.get(first[0]).status == 200
    assert cleo.browser.get(f"{first[0]}/pdf").body.startswith("%PDF") is True
    for path in (draft.path, f"{draft.path}/text", f"{draft.path}/pdf", "/documents/incident-plan"):
        assert cleo.browser.get(path).status == 404, path
    page = cleo.browser.get("/documents/data-handling")
    assert "Versions" not in page.text
    assert "Not yet" not in page.text


def test_versions_are_compared(ada: Member) -> None:
    ben = overseer(ada)
    approved(ada, ben, "data-handling")
    browser = ben.browser
    page = browser.submit(browser.get("/documents/data-handling"), "/documents/data-handling/begin")
    text = page.body.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    text = unescape(text)
    page = browser.submit(
        page, f"{page.path}/write", text=text.replace("at once, at any hour", "within the hour")
    )
    changed = page.body.partition('class="compared"')[2].partition("</section>")[0]
    assert "within the hour" in changed.partition("<ins>")[2].partition("</ins>")[0]
    assert "at once, at any hour" in changed.partition("<del>")[2].partition("</del>")[0]


@pytest.mark.clause("2.2")
def test_anybody_sees_the_privacy_policy_that_holds(ada: Member) -> None:
    ben, stranger = overseer(ada), ada.browser.home.visitor()
    assert stranger.get("/policy/privacy").status == 404
    held = approved(ada, ben, "privacy-policy")
    page = stranger.get("/policy/privacy")
    assert (page.status, page.h1) == (200, "Privacy policy")
    text = stranger.get("/policy/privacy/text")
    digest = sha256(text.body.encode()).hexdigest()
    assert digest in page.body
    assert digest in held.body
    assert stranger.get("/policy/incident").status == 404
    assert "by ada" not in page.body
    assert "__Host-session" not in stranger.cookies


def test_in_a_home_of_one_person_who_wrote_it_approves_it_and_that_is_declared(
    ada: Member,
) -> None:
    ada.browser.home.system.compliance.policies.one_person = True
    page = filled_in(ada, "vulnerability-plan")
    page = ada.browser.submit(page, f"{page.path}/submit")
    ada.prove("documents")
    page = ada.browser.get(page.path)
    held = ada.browser.submit(page, f"{page.path}/approve")
    assert held.said.startswith("The version holds from now on.")
    shown = ada.browser.get(page.path)
    assert "The home is of one person, who wrote it as well." in shown.text
