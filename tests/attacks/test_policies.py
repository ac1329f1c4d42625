"""Against the house's own documents: one's own approval, texts changed afterwards, other people's words, scripts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.compliance.test_policies import FAIL, PASS, House, house
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.pages import Member
from tests.support.policies import approved, filled_in, overseer

from strongroom.compliance.policies import Kind, markup
from strongroom.compliance.policies.text import digest
from strongroom.db import schema
from strongroom.db.suspensions import suspend
from strongroom.errors import Conflict, Denied, Tampered
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["ada", "home", "house", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.6", "2.2")

SCRIPT = '"><script>alert(1)</script>'
_versions = schema.policy_version


def edited(house: House, number: int, **values: object) -> None:
    """Change a row as somebody with the database would."""
    with house.system.database.write() as tx:
        tx.execute(_versions.update().where(_versions.c.id == number).values(**values))


def test_nobody_approves_what_they_wrote_or_submitted(house: House) -> None:
    policies = house.policies
    draft = house.draft(Kind.INCIDENT_PLAN)
    # Ben writes a word, and Ada submits: neither of the two is another person.
    draft = policies.write(draft.id, draft.text + "\nAnd so on.\n", house.ben, house.now)
    version = policies.submit(draft.id, house.ada, house.now)
    for own in (house.ada, house.ben):
        with pytest.raises(Denied, match="another person"):
            policies.approve(version.id, version.digest, own, house.now)
    denied = [e for e in house.home.events("policy.approved") if e.outcome == "denied"]
    assert [e.body["reason"] for e in denied] == ["self_review", "self_review"]
    assert policies.current(Kind.INCIDENT_PLAN, house.now) is None
    cleo = house.system.accounts.console("cleo", house.now)
    policies.approve(version.id, version.digest, cleo, house.now)
    assert house.verdict("1.6-a") is PASS


def test_a_second_person_who_is_suspended_or_oversees_nothing_is_none(house: House) -> None:
    version = house.policies.submit(house.draft(Kind.DATA_HANDLING).id, house.ada, house.now)
    with house.system.database.write() as tx:
        suspend(tx, house.ben.principal, why="test", frozen=False, now=house.now)
    ben = Caller(house.ben.principal, PrincipalKind.PERSON, "ben", AuthMethod.SESSION)
    stranger = house.system.accounts.add_person("dora", caller=house.ada, now=house.now).person
    dora = Caller(stranger.id, PrincipalKind.PERSON, "dora", AuthMethod.CREDENTIAL)
    app = Caller(PrincipalId(99), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    for caller in (ben, dora, app):
        with pytest.raises(Denied):
            house.policies.approve(version.id, version.digest, caller, house.now)
    with pytest.raises(Denied):
        house.policies.acknowledge(version.id, version.digest, app, house.now)


def test_a_text_that_is_changed_after_its_approval_holds_no_more(house: House) -> None:
    version = house.approve(Kind.INCIDENT_PLAN)
    assert house.verdict("1.6-a") is PASS
    weaker = version.text.replace("24 hours", "24 days")
    edited(house, version.id, text=weaker)
    assert house.verdict("1.6-a") is FAIL
    assert "not what was approved" in house.why("1.6-a")
    # Whoever changes the digest with it has not changed the log.
    edited(house, version.id, digest=digest(weaker))
    assert house.verdict("1.6-a") is FAIL
    with pytest.raises(Tampered):
        house.policies.current(Kind.INCIDENT_PLAN, house.now)
    edited(house, version.id, text=version.text, digest=version.digest)
    assert house.verdict("1.6-a") is PASS


def test_neither_a_later_date_nor_a_row_taken_away_or_made_up_helps(house: House) -> None:
    first = house.approve(Kind.VULNERABILITY_PLAN)
    house.now += timedelta(days=200)
    assert house.verdict("2.7-a") is FAIL
    edited(house, first.id, approved_at=house.now)
    assert house.verdict("2.7-a") is FAIL
    with house.system.database.write() as tx:
        row = dict(tx.execute(sa.select(_versions)).mappings().one())
        row |= {"id": 77, "number": 2, "approved_at": house.now}
        tx.execute(_versions.insert().values(**row))
    assert house.verdict("2.7-a") is FAIL
    with house.system.database.write() as tx:
        tx.execute(_versions.delete().where(_versions.c.id == 77))
    second = house.approve(Kind.VULNERABILITY_PLAN)
    assert house.verdict("2.7-a") is PASS
    with house.system.database.write() as tx:
        tx.execute(_versions.delete().where(_versions.c.id == second.id))
    assert house.verdict("2.7-a") is FAIL


def test_nobody_acknowledges_for_another_not_even_in_the_database(house: House) -> None:
    version = house.approve(Kind.ACCEPTABLE_USE)
    house.acknowledge(Kind.ACCEPTABLE_USE, house.ada)
    with house.system.database.write() as tx:
        tx.execute(
            schema.policy_acknowledgement.insert().values(
                version_id=version.id,
                person_id=house.ben.principal,
                digest=version.digest,
                at=house.now,
            )
        )
    assert house.verdict("1.2-f") is FAIL
    assert "not yet ben" in house.why("1.2-f")
    with pytest.raises(Conflict, match="not the one you read"):
        house.policies.acknowledge(version.id, "0" * 64, house.ben, house.now)
    house.acknowledge(Kind.ACCEPTABLE_USE, house.ben)
    assert house.verdict("1.2-f") is PASS


@pytest.mark.parametrize(
    "written",
    [
        SCRIPT,
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](//evil.example/x)",
        "[a](http://evil.example/x)",
        "[a](/\\evil.example)",
        "![a](https://evil.example/x.png)",
        '<https://evil.example/"onmouseover=alert(1)>',
        "<javascript:alert(1)>",
        "[a]: javascript:alert(1)\n\n[a]",
        "| <b onclick=x>a</b> |\n|:-:|\n| <script>x</script> |",
        "```<script>\n</script>\n```",
        "## <svg onload=alert(1)>",
        "[a](https://example.com/[2.1-a]) [2.1-a]",
    ],
)
def test_nothing_in_a_text_runs_or_loads(written: str) -> None:
    made = markup.html(f"# T\n\n{written}\n")
    tags = set(re.findall(r"<([a-z0-9]+)", made))
    assert tags <= {
        "p",
        "a",
        "h2",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
        "code",
        "span",
    }
    attributes = set(re.findall(r'<[a-z0-9]+ ([a-z]+)="', made))
    assert attributes <= {"href", "scope", "class"}
    for target in re.findall(r'href="([^"]*)"', made):
        assert re.match(r"https://|/(?![/\\])", target), target


def test_what_is_typed_into_pages_stays_text(ada: Member) -> None:
    ben = overseer(ada)
    page = filled_in(ada, "privacy-policy", SCRIPT)
    for shown in (page, ada.browser.get(page.path)):
        assert "<script>alert" not in shown.body
        assert "alert(1)" in shown.body
    page = ada.browser.submit(page, f"{page.path}/submit")
    ben.prove("documents")
    seen = ben.browser.get(page.path)
    ben.browser.submit(seen, f"{page.path}/approve")
    public = ada.browser.home.visitor().get("/policy/privacy")
    assert public.status == 200
    assert "<script" not in public.body
    assert "script-src 'self'" in public.header("content-security-policy")


def test_the_public_page_shows_no_draft_and_nothing_that_was_changed(ada: Member) -> None:
    ben, stranger = overseer(ada), ada.browser.home.visitor()
    approved(ada, ben, "privacy-policy")
    browser, home = ben.browser, ada.browser.home
    page = browser.submit(
        browser.get("/documents/privacy-policy"), "/documents/privacy-policy/begin"
    )
    page = browser.submit(page, f"{page.path}/write", text="# Draft\n\nsecret plans\n")
    number = page.path.rpartition("/")[2]
    assert "secret plans" not in stranger.get("/policy/privacy").body
    for path in (page.path, f"{page.path}/text", f"{page.path}/pdf", "/documents"):
        assert stranger.get(path).path == "/sign-on"
    for path in (f"/policy/{number}", "/policy/privacy/pdf", "/policy/data-handling"):
        assert stranger.get(path).status == 404
    with home.system.database.write() as tx:
        tx.execute(_versions.update().values(text="# X\n\nchanged\n"))
    shown = stranger.get("/policy/privacy")
    assert (shown.status, "changed" in shown.text) == (500, False)


def test_forms_need_their_token_and_a_part_in_overseeing(ada: Member) -> None:
    ben, cleo = overseer(ada), ada.browser.home.member("cleo")
    held = approved(ada, ben, "acceptable-use")
    number = re.search(r"/documents/versions/(\d+)/pdf", held.body)
    assert number is not None
    shown = re.findall(r'name="digest" value="([0-9a-f]{64})"', held.body)[0]
    path = f"/documents/versions/{number[1]}/acknowledge"
    assert cleo.browser.post(path, {"digest": shown}).status == 403
    assert "cleo" in ada.browser.get("/documents/acceptable-use").text.partition("Not yet")[2]
    fields = cleo.browser.form_fields("/profile")
    draft = filled_in(ben, "incident-plan")
    for action in (
        "/documents/incident-plan/begin",
        "/documents/incident-plan/begin-anew",
        "/documents/compare",
        *(
            f"{draft.path}/{verb}"
            for verb in ("fill", "write", "submit", "return", "drop", "approve")
        ),
    ):
        assert cleo.browser.post(action, {**fields, "text": "x"}).status == 403, action
    missing = cleo.browser.post(f"{draft.path}/acknowledge", {**fields, "digest": shown})
    assert missing.status == 404


def test_an_approval_wants_proof_of_presence(ada: Member) -> None:
    ben = overseer(ada)
    page = filled_in(ada, "data-handling")
    page = ada.browser.submit(page, f"{page.path}/submit")
    ada.browser.home.passes(minutes=11)
    fields = ben.browser.form_fields("/documents")
    shown = re.findall(r"SHA-256 ([0-9a-f]{64})", page.text)[0]
    led = ben.browser.post(f"{page.path}/approve", {**fields, "digest": shown})
    assert led.path == "/prove/documents"
    assert ada.browser.home.events("policy.approved") == []
