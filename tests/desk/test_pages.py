"""What people do on the desk's pages, without JavaScript: join, sign on, see and change their own access."""

from __future__ import annotations

import re

import pytest
from tests.support.pages import PASSWORD, SAFARI, DeskHome, Member, Visitor

from strongroom.policy.limits import SESSION_IDLE
from strongroom.policy.network import NetworkScope

OTHER = "Kx3#granite-Lantern"


@pytest.mark.clause("1.2", "1.4")
def test_the_first_administrator_comes_in_by_a_link_with_an_app(home: DeskHome) -> None:
    member = home.first("ada")
    assert len(set(member.recovery)) == 10
    page = member.browser.get("/profile")
    assert page.h1 == "ada"
    assert "administer" in page.text
    assert "2026-06-08" in page.text  # the grant ends in 90 days, and so does the password
    assert member.browser.get("/locks").status == 200


def test_who_is_invited_comes_in_and_administers_nothing(ada: Member) -> None:
    ben = ada.browser.home.member("ben")
    assert ben.browser.get("/profile").h1 == "ben"
    page = ben.browser.get("/locks")
    assert (page.status, page.h1) == (403, "This is not allowed")
    assert ben.browser.home.events("desk.request.refused")[-1].body["reason"] == "no_grant"
    assert "/locks" not in ben.browser.get("/profile").body


def test_a_link_takes_the_whole_link_too_and_no_other_code(home: DeskHome) -> None:
    link = home.system.joining.first_link(home.console, home.now)
    visitor = home.visitor()
    page = visitor.submit(visitor.get("/welcome"), "/welcome", code="x" * 43)
    assert (page.status, page.path) == (401, "/welcome")
    assert "not valid" in page.text
    page = visitor.submit(page, "/welcome", code=link.url("https://localhost:8445"))
    assert page.h1 == "First administrator"


def test_joining_says_all_that_is_wrong_and_keeps_the_secret_that_was_scanned(
    home: DeskHome,
) -> None:
    link = home.system.joining.first_link(home.console, home.now)
    visitor = home.visitor()
    page = visitor.submit(visitor.get("/welcome"), "/welcome", code=link.code)
    page = visitor.submit(page, "/join/name", name="office")
    assert (page.status, page.h1) == (403, "First administrator")
    page = visitor.submit(page, "/join/name", name="ada")
    secret = page.form("/join")["secret"]

    page = visitor.submit(page, "/join", password="short", again="other")
    assert (page.status, "The two passwords differ." in page.text) == (400, True)
    page = visitor.submit(page, "/join", password="short", again="short")
    assert "It is shorter than 12 characters." in page.text
    page = visitor.submit(page, "/join", password=PASSWORD, again=PASSWORD, code="000000")
    assert (page.status, "The code does not fit" in page.text) == (401, True)
    assert page.form("/join")["secret"] == secret
    assert PASSWORD not in page.body
    member = Member("ada", visitor, secret)
    page = visitor.submit(page, "/join", password=PASSWORD, again=PASSWORD, code=member.code())
    assert page.h1 == "Your recovery codes"
    assert visitor.get("/join").said == "Open your one-time link again, or paste its code here."


def test_sign_on_is_password_then_code(ada: Member) -> None:
    browser = ada.browser.home.visitor()
    page = browser.get("/")
    assert (page.path, page.h1) == ("/sign-on", "Sign on")
    page = ada.sign_on(browser)
    assert (page.path, page.h1) == ("/today", "Today")
    assert browser.get("/sign-on").path == "/today"
    assert "__Host-step" not in browser.cookies


def test_who_asked_for_a_page_comes_to_it_after_signing_on(ada: Member) -> None:
    browser = ada.browser.home.visitor()
    for asked in ("/documents", "/clauses/1.1-a"):
        assert browser.get(asked).path == "/sign-on"
        page = ada.sign_on(browser)
        assert (page.path, page.status) == (asked, 200)
        assert "__Host-asked" not in browser.cookies
        browser.submit(page, "/sign-out")
    assert ada.sign_on(browser).path == "/today"


@pytest.mark.parametrize(
    "value", ["~~evil.example", "https:~~evil.example", "~.~evil.example", "~sign-out~%2f", "~"]
)
def test_what_was_asked_for_leads_to_no_other_site(ada: Member, value: str) -> None:
    browser = ada.browser.home.visitor()
    browser.get("/sign-on")
    browser.cookies["__Host-asked"] = value
    assert ada.sign_on(browser).path == "/today"


def test_a_wrong_password_and_an_unknown_name_get_the_same_page(ada: Member) -> None:
    pages = []
    for name in ("ada", "nobody-here"):
        browser = ada.browser.home.visitor()
        page = browser.submit(browser.get("/sign-on"), "/sign-on", name=name, password="wrong")
        # Only the token of the form and what was typed differ.
        pages.append((page.status, re.sub(r"[0-9a-f]{64}", "", page.body).replace(name, "")))
    assert pages[0] == pages[1]
    assert pages[0][0] == 401


def test_a_recovery_code_stands_in_once(ada: Member) -> None:
    home = ada.browser.home
    for expected in ("/today", "/sign-on/recovery"):
        browser = home.visitor()
        page = browser.submit(
            browser.get("/sign-on"), "/sign-on", name="ada", password=ada.password
        )
        page = browser.get("/sign-on/recovery")
        page = browser.submit(page, "/sign-on/recovery", code=ada.recovery[0])
        assert page.path == expected
    assert page.status == 401
    assert page.form("/sign-on/recovery")["code"] == ""


def test_a_second_factor_without_a_first_leads_back(home: DeskHome) -> None:
    browser = home.visitor()
    for path in ("/sign-on/second", "/sign-on/recovery"):
        page = browser.get(path)
        assert page.path == "/sign-on"
        assert page.said.startswith("This sign-on took too long")


def test_too_many_tries_say_when_to_come_back(ada: Member) -> None:
    browser = ada.browser.home.visitor()
    for _ in range(6):
        page = browser.submit(browser.get("/sign-on"), "/sign-on", name="ada", password="wrong")
    assert (page.status, "Too many failed tries." in page.text) == (429, True)
    assert int(page.header("retry-after")) > 0
    assert "Try again in" in page.text


@pytest.mark.clause("1.2")
def test_signing_out_ends_the_session_not_only_the_cookie(ada: Member) -> None:
    kept = dict(ada.browser.cookies)
    page = ada.browser.submit(ada.browser.get("/profile"), "/sign-out")
    assert (page.path, page.said) == ("/sign-on", "You have signed out.")
    assert "__Host-session" not in ada.browser.cookies
    thief = ada.browser.home.visitor(cookies=kept)
    page = thief.get("/profile")
    assert (page.path, page.said) == (
        "/sign-on",
        "Your session has ended. Sign on again to continue.",
    )


def test_signing_out_of_what_is_over_leads_to_the_sign_on_page(ada: Member) -> None:
    """Signed out in another tab, or idle for too long: that is what was wanted, and no fault."""
    home = ada.browser.home
    page = ada.browser.get("/profile")
    home.passes(minutes=31)
    again = ada.browser.submit(page, "/sign-out")
    assert (again.path, again.said) == (
        "/sign-on",
        "Your session has ended. Sign on again to continue.",
    )
    again = ada.browser.submit(page, "/sign-out")
    assert (again.status, again.path) == (200, "/sign-on")


def test_a_notice_is_said_once(ada: Member) -> None:
    ada.browser.submit(ada.browser.get("/profile"), "/sign-out")
    assert ada.browser.get("/sign-on").said == ""


def test_an_idle_session_ends(ada: Member) -> None:
    ada.browser.home.now += SESSION_IDLE
    assert ada.browser.get("/profile").path == "/sign-on"


def test_sessions_are_listed_and_ended(ada: Member) -> None:
    home = ada.browser.home
    phone = home.visitor(agent=SAFARI)
    ada.sign_on(phone)
    page = ada.browser.get("/sessions")
    assert "Safari on iPhone" in page.text
    assert "this one" in page.text
    # One's own stands first.
    other = [action for action in page.actions if action.endswith("/end")][-1]
    page = ada.browser.submit(page, other)
    assert (page.path, page.said) == ("/sessions", "The session was ended.")
    assert phone.get("/profile").path == "/sign-on"

    ada.sign_on(phone)
    page = ada.browser.submit(ada.browser.get("/sessions"), "/sessions/end-others")
    assert page.said == "All your other sessions were ended."
    assert phone.get("/profile").path == "/sign-on"

    ada.sign_on(phone)
    page = ada.browser.submit(ada.browser.get("/sessions"), "/sign-out/everywhere")
    assert page.path == "/sign-on"
    assert phone.get("/profile").path == "/sign-on"


@pytest.mark.clause("1.4")
def test_a_password_is_changed_under_the_rules(ada: Member) -> None:
    home = ada.browser.home
    home.passes(days=2)
    ada.sign_on()
    page = ada.browser.get("/password")
    assert "At least 12 characters." in page.text
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER + "x")
    assert (page.status, "The two new passwords differ." in page.text) == (400, True)
    page = ada.browser.submit(page, "/password", old=PASSWORD, new="ada", again="ada")
    assert (page.status, "It is shorter than 12 characters." in page.text) == (400, True)
    page = ada.browser.submit(page, "/password", old="wrong", new=OTHER, again=OTHER)
    assert page.status == 401
    before = ada.browser.cookies["__Host-session"]
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert (page.path, page.said[:26]) == ("/profile", "Your password was changed.")
    assert ada.browser.cookies["__Host-session"] != before
    ada.password = OTHER
    assert ada.sign_on(home.visitor()).path == "/today"


@pytest.mark.clause("1.4")
def test_an_old_password_opens_nothing_but_its_change(ada: Member) -> None:
    ada.browser.home.passes(days=91)
    page = ada.sign_on()
    assert (page.path, page.h1) == ("/password", "Change your password")
    assert "older than a quarter" in page.text
    for path in ("/profile", "/factors", "/sessions", "/locks", "/network"):
        assert ada.browser.get(path).path == "/password"
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert page.path == "/profile"


def test_factors_change_after_a_fresh_proof_only(ada: Member) -> None:
    home = ada.browser.home
    home.passes(minutes=11)
    page = ada.browser.get("/factors")
    assert page.actions == ["/sign-out"]
    assert "prove first that it is you" in page.text
    before = ada.browser.cookies["__Host-session"]
    page = ada.prove("factors")
    assert page.path == "/factors"
    assert ada.browser.cookies["__Host-session"] != before

    page = ada.browser.submit(page, "/factors/totp")
    assert page.h1 == "Add an authenticator app"
    second = Member("ada", ada.browser, page.form("/factors/totp/confirm")["secret"])
    page = ada.browser.submit(page, "/factors/totp/confirm", code="000000", label="tablet")
    assert (page.status, page.form("/factors/totp/confirm")["secret"]) == (401, second.secret)
    page = ada.browser.submit(page, "/factors/totp/confirm", code=second.code(), label="tablet")
    assert page.said == "The second factor was added."
    assert "tablet" in page.text

    first = next(a for a in page.actions if a.endswith("/remove"))
    page = ada.browser.submit(page, first)
    assert page.said == "The second factor was removed."
    (last,) = (a for a in page.actions if a.endswith("/remove"))
    page = ada.browser.submit(page, last)
    assert page.status == 409

    page = ada.browser.submit(ada.browser.get("/factors"), "/factors/recovery")
    codes = re.findall(r"<li>([A-Z2-7-]{32})</li>", page.body)
    assert len(set(codes) - set(ada.recovery)) == 10


def test_a_code_proves_again_as_well_and_a_wrong_one_does_not(ada: Member) -> None:
    ada.browser.home.passes(minutes=11)
    page = ada.browser.get("/prove/network")
    page = ada.browser.submit(page, "/prove/network", code="123456")
    assert (page.status, page.path) == (401, "/prove/network")
    page = ada.browser.submit(page, "/prove/network", code=ada.code())
    assert (page.status, page.path) == (200, "/network")


@pytest.mark.clause("1.2", "1.4")
def test_who_has_a_second_factor_proves_with_it_and_not_with_the_password(ada: Member) -> None:
    home = ada.browser.home
    home.passes(minutes=11)
    page = ada.browser.get("/prove/factors")
    assert set(page.form("/prove/factors")) == {"token", "code"}
    assert "the code of your authenticator app; a password is not enough here" in page.text
    page = ada.browser.submit(page, "/prove/factors", password=PASSWORD)
    assert (page.status, page.path) == (403, "/prove/factors")
    assert "A password is no fresh proof for who has a second factor" in page.text
    assert "prove first that it is you" in ada.browser.get("/factors").text
    assert home.events("session.proved") == []


@pytest.mark.clause("1.2", "1.4")
def test_a_found_session_and_the_password_make_no_new_password(ada: Member) -> None:
    home = ada.browser.home
    home.passes(days=2)
    page = ada.sign_on()
    page = ada.browser.get("/password")
    home.passes(minutes=11)
    assert ada.browser.get("/password").path == "/prove/password"
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert page.path == "/prove/password"
    assert home.events("session.refused")[-1].body["reason"] == "not_proved_lately"
    page = ada.prove("password")
    assert page.path == "/password"
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert page.path == "/profile"


@pytest.mark.clause("1.4")
def test_who_let_the_password_grow_old_proves_again_and_changes_it(ada: Member) -> None:
    home = ada.browser.home
    home.passes(days=91)
    assert ada.sign_on().path == "/password"
    home.passes(minutes=11)
    page = ada.browser.get("/profile")
    assert (page.status, page.path, page.h1) == (200, "/prove/password", "Prove that it is you")
    page = ada.browser.submit(page, "/prove/password", code="000000")
    assert (page.status, page.h1) == (401, "Prove that it is you")
    page = ada.prove("password")
    assert page.path == "/password"
    page = ada.browser.submit(page, "/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert page.path == "/profile"


@pytest.mark.clause("1.2", "1.4")
def test_who_let_the_password_grow_old_signs_out_everywhere(ada: Member) -> None:
    home = ada.browser.home
    home.passes(days=91)
    phone = home.visitor(agent=SAFARI)
    ada.sign_on(phone)
    page = ada.sign_on()
    home.passes(minutes=11)
    page = ada.browser.submit(page, "/sign-out/everywhere")
    assert (page.status, page.path) == (200, "/prove/sessions")
    page = ada.prove("sessions")
    assert page.path == "/password"
    assert ada.browser.submit(page, "/sign-out/everywhere").path == "/sign-on"
    assert phone.get("/profile").path == "/sign-on"


@pytest.mark.clause("1.2")
def test_a_new_device_is_told_of_and_can_be_disowned(ada: Member) -> None:
    home = ada.browser.home
    phone = home.visitor(agent=SAFARI)
    ada.sign_on(phone)
    page = ada.browser.get("/profile")
    assert "A new device signed on as you: Safari on iPhone" in page.text
    mine = next(a for a in page.actions if a.endswith("/mine"))
    page = ada.browser.submit(page, mine)
    assert page.said.startswith("Thank you.")
    assert "A new device" not in page.text

    tablet = home.visitor(agent=SAFARI)
    ada.sign_on(tablet)
    page = ada.browser.get("/profile")
    not_mine = next(a for a in page.actions if a.endswith("/not-mine"))
    ada.browser.submit(page, not_mine)
    assert tablet.get("/profile").path == "/sign-on"
    assert home.events("lock.set")[-1].body["reason"] == "wrong_device"


@pytest.mark.clause("1.2")
def test_a_lock_is_lifted_by_another_administrator_who_says_what_it_was(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    for _ in range(10):
        home.passes(minutes=6)
        stranger = home.visitor()
        stranger.submit(stranger.get("/sign-on"), "/sign-on", name="ben", password="wrong")
    ada.sign_on()
    page = ada.browser.get("/locks")
    assert "Too many wrong passwords in a row" in page.text
    (lift,) = (a for a in page.actions if a.endswith("/lift"))
    refused = ada.browser.submit(page, lift, disposition="")
    assert refused.status == 400
    page = ada.browser.submit(page, lift, disposition="forgotten_password")
    assert page.said == "The lock was lifted."
    assert "Nobody is locked" in page.text
    page = ada.browser.get("/locks/all")
    assert "The person had forgotten the password" in page.text
    assert home.events("lock.lifted")[-1].body["actor"]["auth"] == "session"


@pytest.mark.clause("1.1")
def test_a_network_change_needs_another_person(ada: Member) -> None:
    home = ada.browser.home
    page = ada.browser.get("/network")
    page = ada.browser.submit(page, "/network", where="desk", cidr="192.0.2.7/24")
    assert page.status == 400
    page = ada.browser.submit(page, "/network", where="desk", cidr="192.0.2.0/24")
    assert page.said.startswith("The change is asked for.")
    assert "Yours: somebody else approves it." in page.text
    (row,) = home.system.networks.listed()
    forged = ada.browser.form_fields("/network") | {}
    page = ada.browser.post(f"/network/{row.id}/approve", forged)
    assert page.status == 403
    assert home.system.networks.listed()[0].state == "pending"

    # What somebody else asks for, she approves; what she asked for, she may take back.
    asked = home.system.networks.request_add(
        NetworkScope.LISTENER, "gateway", "198.51.100.0/24", home.console, home.now
    )
    page = ada.browser.get("/network")
    page = ada.browser.submit(page, f"/network/{asked.id}/approve")
    assert page.said == "The change of the network list has taken effect."
    page = ada.browser.submit(page, f"/network/{row.id}/reject")
    assert page.said == "The change of the network list was rejected."
    page = ada.browser.submit(page, f"/network/{asked.id}/remove")
    assert home.system.networks.listed()[0].state == "leaving"


def test_a_name_that_is_taken_is_told_before_anything_else_is_typed(home: DeskHome) -> None:
    home.system.accounts.add_person("robert", caller=home.console, now=home.now)
    code = home.system.joining.first_link(home.console, home.now).code
    visitor = home.visitor()
    page = visitor.submit(visitor.get("/welcome"), "/welcome", code=code)
    page = visitor.submit(page, "/join/name", name="robert")
    assert (page.status, page.actions) == (409, ["/join/name"])
    assert "The name is taken." in page.text


def test_a_code_that_was_forgotten_is_asked_for(ada: Member) -> None:
    """Nobody is told to look at their clock for an empty field."""
    home = ada.browser.home
    visitor = home.visitor()
    code = home.system.joining.invite("ben", home.console, home.now).link.code
    page = visitor.submit(visitor.get("/welcome"), "/welcome", code=code)
    page = visitor.submit(page, "/join", password=PASSWORD, again=PASSWORD)
    assert page.status == 400
    assert "Type the code that your app shows, or finish with a passkey." in page.text
    assert "clock" not in page.text


def test_only_the_field_that_is_wrong_is_marked(ada: Member) -> None:
    browser = ada.browser
    wrong = re.compile(r'<input [^>]*name="(\w+)"[^>]*aria-invalid')
    page = browser.submit(browser.get("/password"), "/password", old="x", new="y", again="y")
    assert wrong.findall(page.body) == ["old"]
    page = browser.submit(browser.get("/password"), "/password", old="x", new="y", again="z")
    assert wrong.findall(page.body) == ["new", "again"]
    browser.home.passes(minutes=11)
    fields = browser.form_fields("/prove/factors")
    page = browser.post("/prove/factors", fields | {"code": "000000"})
    assert wrong.findall(page.body) == ["code"]
    visitor = browser.home.visitor()
    page = visitor.submit(visitor.get("/sign-on"), "/sign-on/passkey", response="{}")
    assert (page.status, wrong.findall(page.body)) == (401, [])


def test_every_page_has_one_heading_a_language_and_its_clause(ada: Member) -> None:
    stranger = ada.browser.home.visitor()
    signed_on = ("/profile", "/sessions", "/password", "/factors", "/prove/locks", "/locks")
    pages = [ada.browser.get(path) for path in (*signed_on, "/locks/all", "/network", "/nothing")]
    pages += [stranger.get(path) for path in ("/sign-on", "/welcome", "/nothing")]
    for page in pages:
        assert page.body.count("<h1") == 1, page.path
        assert '<html lang="en">' in page.body
        assert "Amazon Data Protection Policy" in page.text
        assert re.search(r"<title>[^<]+ · Strongroom</title>", page.body)
        fields = re.findall(r'<(?:input type="(?:text|password)"|select) id="([\w-]+)"', page.body)
        for name in fields:
            assert f'<label for="{name}"' in page.body
        shown = re.findall(r"<(?:input|select)\b[^>]*>", page.body)
        unlabelled = [one for one in shown if " id=" not in one and "hidden" not in one]
        assert unlabelled == []


def test_a_link_from_another_site_is_asked_for_once_more(ada: Member) -> None:
    """The browser keeps strict cookies back from such a request; the page then asks itself."""
    stranger = Visitor(ada.browser.home)
    page = stranger.get("/profile", sec_fetch_site="cross-site")
    assert (page.status, page.h1) == (200, "One moment")
    assert '<meta http-equiv="refresh" content="0">' in page.body
    page = ada.browser.get("/profile", sec_fetch_site="same-origin")
    assert page.h1 == "ada"
