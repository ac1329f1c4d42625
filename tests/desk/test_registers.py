"""Scope, risks and laws through the pages: red until they are answered and reviewed, and red again by what changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.offline import Offline
from tests.support.pages import DeskHome, Member

from strongroom.compliance.overseen import DutyId, Finding
from strongroom.compliance.registers import (
    KINDS,
    LAWS_EVERY,
    QUESTIONS,
    RISKS_EVERY,
    SCOPE_EVERY,
    shipped_laws,
    shipped_risks,
)
from strongroom.policy.holds import MARKETPLACES
from strongroom.vault import LwaCredentials

XSS = '"><script>alert(1)</script>'
ERP = {
    "title": "The ERP",
    "kind": "erp",
    "hosting": "A data centre",
    "country": "DE",
    "categories.name": "yes",
    "categories.address": "yes",
    "pii": "yes",
    "tls": "process",
    "sealed": "no",
    "owner": "ada",
}


def finding(home: DeskHome, duty: str) -> Finding:
    return home.system.compliance.registers.findings(home.now)[DutyId(duty)]


def verdict(home: DeskHome, duty: str) -> str:
    return finding(home, duty).verdict.value


def write(member: Member, path: str, answers: dict[str, str], id_: str = "new") -> None:
    fields = member.browser.form_fields(path) | answers
    page = member.browser.post(f"{path}/{id_}", fields)
    assert page.said.startswith("The entry is kept"), page.text


def review(member: Member, path: str) -> None:
    page = member.browser.get(path)
    page = member.browser.submit(page, f"{path}/review", note="all of it")
    assert page.said == "Your review is recorded.", page.text


def sell(home: DeskHome, name: str, marketplace: str) -> None:
    home.system.sellers.add(
        home.console,
        name=name,
        region="eu",
        marketplaces=(marketplace,),
        credentials=LwaCredentials("client", "secret", "refresh"),
        now=home.now,
    )


@pytest.mark.clause("1.5", "2")
def test_a_new_integration_is_red_until_it_is_answered_and_reviewed(ada: Member) -> None:
    home = ada.browser.home
    duties = ("0-a", "1.5-c", "2-c")
    assert {verdict(home, duty) for duty in duties} == {"unknown"}
    write(ada, "/scope", ERP)
    assert {verdict(home, duty) for duty in duties} == {"fail"}
    review(ada, "/scope")
    assert {verdict(home, duty) for duty in duties} == {"pass"}

    home.system.accounts.add_app("shop-sync", "ada", caller=home.console, now=home.now)
    assert {verdict(home, duty) for duty in duties} == {"fail"}
    page = ada.browser.get("/scope")
    assert "Seen, and not in the register: shop-sync" in page.text
    page = ada.browser.submit(page, "/scope/begin")
    assert "nobody answered where TLS ends" in finding(home, "1.5-c").why
    entry = home.system.compliance.registers.by_name["scope"].entries()[-1]
    assert ada.browser.get(f"/scope/{entry.id}").h1 == "shop-sync"
    home.passes(minutes=1)
    app = ERP | {"title": "shop-sync", "kind": "app", "pii": "no"}
    write(ada, "/scope", app, str(entry.id))
    assert verdict(home, "1.5-c") == "fail"
    review(ada, "/scope")
    assert {verdict(home, duty) for duty in duties} == {"pass"}
    standing = {s.work.name: s for s in home.system.compliance.work.standing(home.now)}
    assert standing["scope-review"].last_at == home.now

    # Half a year later nobody has looked again.
    home.now += SCOPE_EVERY
    assert {verdict(home, duty) for duty in duties} == {"fail"}


@pytest.mark.clause("1.5")
def test_tls_that_ends_on_shared_hardware_wants_sealed_messages(ada: Member) -> None:
    home = ada.browser.home
    write(ada, "/scope", ERP | {"tls": "shared"})
    review(ada, "/scope")
    assert "shared hardware and messages are not sealed: The ERP" in finding(home, "1.5-c").why
    number = str(home.system.compliance.registers.by_name["scope"].entries()[0].id)
    write(ada, "/scope", ERP | {"tls": "shared", "sealed": "yes"}, number)
    review(ada, "/scope")
    assert verdict(home, "1.5-c") == "pass"


@pytest.mark.clause("1")
def test_risks_begin_with_the_catalogue_and_are_reviewed_each_year(ada: Member) -> None:
    home = ada.browser.home
    assert "empty" in finding(home, "1-b").why
    page = ada.browser.submit(ada.browser.get("/risks"), "/risks/begin")
    assert "Likelihood and impact" in page.text
    assert "no owner or treatment" in finding(home, "1-b").why
    registers = home.system.compliance.registers
    book = registers.by_name["risk"]
    for entry in book.entries():
        answers = {**entry.facts, **entry.words, "owner": "ada"}
        registers.write(home.console, "risk", answers, home.now, entry.id)
    assert "not reviewed within a year" in finding(home, "1-b").why
    review(ada, "/risks")
    assert verdict(home, "1-b") == "pass"
    # A changed entry was not seen by that review.
    home.passes(minutes=1)
    entry = book.entries()[0]
    changed = {**entry.facts, **entry.words, "impact": "5"}
    write(ada, "/risks", changed, str(entry.id))
    assert verdict(home, "1-b") == "fail"
    review(ada, "/risks")
    home.now += RISKS_EVERY - timedelta(minutes=1)
    assert verdict(home, "1-b") == "pass"
    home.passes(minutes=1)
    assert verdict(home, "1-b") == "fail"


@pytest.mark.clause("1")
def test_each_system_in_scope_has_a_risk(ada: Member) -> None:
    home = ada.browser.home
    write(ada, "/scope", ERP)
    number = home.system.compliance.registers.by_name["scope"].entries()[0].id
    risk = {
        "title": "Paper",
        "threat": "It lies around",
        "systems": "9999",
        "controls": "2.3 2.3-f",
        "likelihood": "2",
        "impact": "2",
        "treatment": "reduce",
        "owner": "ada",
    }
    write(ada, "/risks", risk)
    review(ada, "/risks")
    assert "no risk is about these systems in scope: The ERP" in finding(home, "1-b").why
    entry = home.system.compliance.registers.by_name["risk"].entries()[0]
    write(ada, "/risks", risk | {"systems": str(number)}, str(entry.id))
    review(ada, "/risks")
    assert verdict(home, "1-b") == "pass"


@pytest.mark.clause("2.2")
def test_a_country_in_traffic_without_a_row_is_red(ada: Member) -> None:
    home = ada.browser.home
    assert verdict(home, "2.2-d") == "unknown"
    sell(home, "acme", "A1PA6795UKMFR9")
    assert finding(home, "2.2-d").why == "countries in traffic without a row: DE"
    assert any(
        d.what == "Name the laws of DE" for d in home.system.compliance.registers.dues(home.now)
    )
    page = ada.browser.submit(ada.browser.get("/laws"), "/laws/begin")
    assert "GDPR; BDSG" in page.text
    number = str(home.system.compliance.registers.by_name["law"].entries()[0].id)
    laws = {"laws": "GDPR; BDSG", "sources": "gesetze-im-internet.de", "owner": "ada"}
    write(ada, "/laws", laws, number)
    review(ada, "/laws")
    assert verdict(home, "2.2-d") == "pass"
    sell(home, "globex", "A13V1IB3VIYZZH")
    assert finding(home, "2.2-d").why == "countries in traffic without a row: FR"
    write(ada, "/laws", laws | {"country": "FR"})
    review(ada, "/laws")
    assert verdict(home, "2.2-d") == "pass"
    home.now += LAWS_EVERY
    assert finding(home, "2.2-d").why.startswith("not reviewed within 90 days")


def test_what_people_write_is_escaped_sealed_and_in_no_log(ada: Member) -> None:
    home = ada.browser.home
    write(ada, "/scope", ERP | {"title": XSS, "hosting": XSS, "owner": XSS, "note": XSS})
    page = ada.browser.post("/scope/review", ada.browser.form_fields("/scope") | {"note": XSS})
    number = home.system.compliance.registers.by_name["scope"].entries()[0].id
    for path in ("/scope", f"/scope/{number}", "/risks", "/today", "/cadence"):
        page = ada.browser.get(path)
        assert page.status == 200, path
        assert "<script>alert" not in page.body
    assert "script" not in str([event.body for event in home.events()])
    assert b"script>alert" not in (home.system.home.root / "vault.db").read_bytes()


def test_a_form_says_what_is_wrong_and_loses_nothing(ada: Member) -> None:
    fields = ada.browser.form_fields("/scope") | ERP
    for wrong, said in (
        ({"country": "Germany"}, "two capital letters"),
        ({"kind": "spaceship"}, "choose from the list"),
        ({"title": ""}, "an answer is missing"),
        ({"title": "a\nb"}, "one line of text"),
        ({"title": "x" * 200}, "too long"),
        ({"tls": "none", "sealed": "yes"}, "not sealed on its way"),
    ):
        page = ada.browser.post("/scope/new", fields | wrong)
        assert (page.status, said in page.text.lower()) == (400, True), wrong
        assert "A data centre" in page.body
    page = ada.browser.post("/laws/new", fields | {"country": "XX", "laws": "a", "owner": "b"})
    assert "no country of a marketplace" in page.text
    page = ada.browser.post("/scope/review", fields)
    assert (page.status, "register is empty" in page.text) == (409, True)
    assert ada.browser.get("/scope/999").status == 404
    assert not ada.browser.home.system.compliance.registers.by_name["scope"].entries()


def test_the_registers_are_for_who_oversees(ada: Member) -> None:
    ben = ada.browser.home.member("ben")
    token = ben.browser.form_fields("/profile")
    for path in ("/scope", "/risks", "/laws"):
        assert ben.browser.get(path).status == 403
        for action in ("begin", "review", "new", "1", "1/end"):
            assert ben.browser.post(f"{path}/{action}", token | ERP).status == 403
    assert not ada.browser.home.system.compliance.registers.by_name["scope"].entries()


def test_what_ships_fits_its_questions_and_every_marketplace() -> None:
    assert set(shipped_laws()) == set(MARKETPLACES.values())
    assert len(shipped_risks()) >= 20
    assert {q.name for q in QUESTIONS["scope"]} >= {"kind", "pii", "tls", "owner", "country"}
    assert {"app", "destination", "feed", "paper", "import"} <= set(KINDS)


def test_commands_do_the_same(tmp_path) -> None:
    offline = Offline.make(tmp_path / "one")
    assert offline.command("register", "begin", "risk")["begun"] == len(shipped_risks())
    answers = tmp_path / "erp.json"
    answers.write_text(
        '{"title": "ERP", "kind": "erp", "hosting": "here", "country": "DE", "categories": "name",'
        ' "pii": "yes", "tls": "own", "sealed": "no", "owner": "me"}'
    )
    made = offline.command("register", "write", "scope", "--answers", str(answers))
    assert (made["title"], made["open"]) == ("ERP", [])
    note = tmp_path / "note"
    note.write_text("minutes")
    offline.command("register", "review", "scope", "--note-file", str(note))
    shown = offline.command("register", "show", "scope")
    assert shown["findings"]["1.5-c"]["verdict"] == "pass"
    assert offline.attempt("register", "end", "scope", str(made["entry"]))[0] == 2
    offline.command("register", "end", "scope", str(made["entry"]), "--yes")
    assert offline.command("register", "show", "scope")["entries"] == []
    assert offline.attempt("register", "show", "planets")[0] == 1
