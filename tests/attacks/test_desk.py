"""What other sites, thieves of cookies and signed-on neighbours try on the desk's pages."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.guarded import at
from tests.support.pages import ORIGIN, PASSWORD, SAFARI, Member

from strongroom.desk.exchange import Answer, Route
from strongroom.desk.routes import all_routes
from strongroom.policy.network import NetworkScope

__all__ = ["ada", "home", "joined", "made_for_two"]

MARK = "mark-of-a-value"
REFUSED = "desk.request.refused"
XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def _number(member: Member) -> int:
    return member.browser.home.system.accounts.find(member.name).id


def _refusals(member: Member) -> list[tuple[str | None, str | None]]:
    events = member.browser.home.events(REFUSED)
    return [(event.body.get("reason"), event.body.get("op")) for event in events]


# -- other sites -----------------------------------------------------------------------------------------------


@pytest.mark.clause("1.2", "1.5")
def test_a_form_of_another_site_changes_nothing(ada: Member) -> None:
    """Even with the right cookies and a stolen token: a browser says where a form was."""
    fields = ada.browser.form_fields("/sessions")
    for origin, site in (
        ("https://evil.example", "cross-site"),
        ("https://evil.example", ""),
        ("null", "same-origin"),
        ("", "same-site"),
        ("", "none"),
        ("", ""),
        (ORIGIN.replace("https", "http"), ""),
        (ORIGIN + ".evil.example", ""),
    ):
        before = len(_refusals(ada))
        page = ada.browser.post("/sign-out/everywhere", fields, origin=origin, sec_fetch_site=site)
        assert (page.status, page.h1) == (403, "This form is out of date")
        assert _refusals(ada)[before:] == [("cross_site", "POST:/sign-out/everywhere")]
    assert ada.browser.get("/profile").h1 == "ada"


@pytest.mark.clause("1.2")
def test_a_form_without_our_token_changes_nothing(ada: Member) -> None:
    foreign = ada.browser.home.member("ben").browser.form_fields("/profile")
    for fields in ({}, {"token": ""}, {"token": "0" * 64}, foreign):
        page = ada.browser.post("/sign-out/everywhere", fields or {"a": "1"})
        assert page.status == 403
        assert _refusals(ada)[-1] == ("cross_site", "POST:/sign-out/everywhere")
    assert ada.browser.get("/profile").h1 == "ada"


def test_nobody_is_signed_on_by_another_sites_form(ada: Member) -> None:
    """Login CSRF: the token of a stranger's own browser is not good in the victim's."""
    stranger, victim = ada.browser.home.visitor(), ada.browser.home.visitor()
    fields = stranger.get("/sign-on").form("/sign-on")
    fields |= {"name": "ada", "password": PASSWORD}
    assert victim.post("/sign-on", fields).status == 403
    victim.get("/sign-on")
    assert victim.post("/sign-on", fields).status == 403
    assert not ada.browser.home.events("signon.failed")


def test_a_get_and_a_head_change_nothing(ada: Member) -> None:
    home = ada.browser.home
    before = len(home.events())
    for route in all_routes(_rooms()):
        if route.method == "GET" and "{" not in route.path:
            ada.browser.send("HEAD", route.path)
            ada.browser.send("GET", route.path)
    told = {event.type for event in home.events()[before:]}
    # Seeing a session is noted in its row, not in the log; the refusal of a page without a link may be. Whoever looks
    # at the log is in it.
    assert told <= {REFUSED, "signon.failed", "session.refused", "log.read"}
    assert ada.browser.get("/profile").h1 == "ada"


def _rooms() -> Any:
    class _Any:
        def __getattr__(self, name: str) -> Any:
            return None if name == "provider" else self

        def __getitem__(self, name: str) -> Any:
            return self

    return _Any()


def _address(route: Route) -> str:
    """Return an address of a route, whether there is such a thing or not."""
    known = {"id": "1", "duty": "1.1-a"}
    return re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "factors"), route.path)


@pytest.mark.clause("1.5")
def test_every_answer_forbids_frames_foreign_scripts_and_caches(ada: Member) -> None:
    stranger = ada.browser.home.visitor()
    pages = [ada.browser.get(p) for p in ("/profile", "/factors", "/nothing")]
    pages += [stranger.get(p) for p in ("/sign-on", "/welcome", "/nothing")]
    pages.append(stranger.send("PUT", "/sign-on"))
    pages.append(stranger.send("GET", "/sign-on", headers={"host": "evil.example"}))
    pages.append(stranger.send("GET", "/profile"))
    static = re.findall(r'(?:href|src)="(/static/[^"]+)"', pages[0].body + pages[3].body)
    assert len(static) >= 3
    for page in [*pages, *(stranger.send("GET", path) for path in static)]:
        assert page.header("content-security-policy") == CSP
        assert page.header("x-frame-options") == "DENY"
        assert page.header("x-content-type-options") == "nosniff"
        assert page.header("strict-transport-security") == "max-age=63072000"
        assert page.header("referrer-policy") == "same-origin"
        assert page.header("cross-origin-opener-policy") == "same-origin"
        assert page.header("cross-origin-resource-policy") == "same-origin"
        assert "publickey-credentials-get=(self)" in page.header("permissions-policy")
        immutable = page.path.startswith("/static/")
        expected = "public, max-age=31536000, immutable" if immutable else "no-store"
        assert page.header("cache-control") == expected
        assert "<script>" not in page.body
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", page.body) or immutable


def test_a_page_under_another_name_is_not_served(ada: Member) -> None:
    """A rebound name would be an origin of the attacker's, with our pages in it."""
    for host in ("evil.example", "127.0.0.1:8445", "localhost", "", "localhost:8445, evil.example"):
        page = ada.browser.send("GET", "/profile", headers={"host": host or " "})
        assert (page.status, page.h1) == (421, "The desk has another address")
        assert not re.search(r"\bada\b", page.text)  # a request's id may have these digits in it
        assert f'href="{ORIGIN}/"' in page.body
        assert "evil" not in page.body


def test_a_redirect_leads_nowhere_else(ada: Member) -> None:
    """There is no address in a request that an answer repeats."""
    browser = ada.browser
    browser.home.passes(minutes=11)
    for path in ("/prove/evil", "/prove/https:--evil.example", "/prove//evil.example", "//evil"):
        page = browser.send("GET", path)
        assert page.status == 404
        assert not page.header("location")
    page = browser.send("GET", "/prove/factors?next=https://evil.example")
    assert page.status == 400
    page = browser.post(
        "/prove/factors",
        browser.get("/prove/factors").form("/prove/factors")
        | {"code": ada.code(), "next": "https://evil.example", "back": "//evil.example"},
        follow=False,
    )
    assert (page.status, page.header("location")) == (303, "/factors")
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "evil"):
        with pytest.raises(ValueError, match="a redirect leads to a page of ours"):
            _exchange().go(path)


def _exchange() -> Any:
    from strongroom.desk.exchange import Exchange  # noqa: PLC0415 - for its one method

    return Exchange.__new__(Exchange)


def test_no_query_is_read_and_nothing_of_a_url_comes_back(ada: Member) -> None:
    for target in ("/sign-on?name=ada", "/welcome?code=x", "/profile?<script>", "/%3Cscript%3E"):
        page = ada.browser.home.visitor().send("GET", target)
        assert page.status in (400, 404)
        assert "script>" not in page.body.replace("</script>", "")
    assert not any("?" in route.path for route in all_routes(_rooms()))


@pytest.mark.clause("1.2")
def test_a_page_of_another_site_uses_up_no_tries_and_ends_no_sign_on(ada: Member) -> None:
    """It may have its visitor's browser ask for any page; none of our cookies goes with that."""
    home = ada.browser.home
    victim = home.visitor()
    home.passes(seconds=31)
    page = victim.submit(victim.get("/sign-on"), "/sign-on", name="ada", password=PASSWORD)
    assert page.path == "/sign-on/second"
    paths = [r.path for r in all_routes(_rooms()) if r.method == "GET" and "{" not in r.path]
    for path in [*paths, *["/join"] * 100]:
        told = victim.send("GET", path, headers={"cookie": "", "sec-fetch-site": "cross-site"})
        assert not {"__Host-step", "__Host-session", "__Host-device"} & told.cookies.keys()
    assert not home.events("signon.failed")
    home.system.guard.admit_client(victim.address, home.now)
    page = victim.submit(victim.get("/sign-on/second"), "/sign-on/second", code=ada.code())
    assert (page.path, page.h1) == ("/today", "Today")


@pytest.mark.clause("1.2", "1.4")
def test_no_page_header_or_cookie_tells_who_has_an_account(ada: Member) -> None:
    """Right or wrong password, and whoever the name is of, if of anybody: one answer for all who don't get in."""
    home = ada.browser.home
    home.system.joining.invite("ina", home.console, home.now)
    for name in ("eve", "lou"):
        home.member(name)
    home.system.accounts.end("eve", caller=home.console, now=home.now)
    lou = home.visitor()
    for _ in range(12):
        page = lou.submit(lou.get("/sign-on"), "/sign-on", name="lou", password="not this one")
        home.passes(minutes=16)
    home.passes(hours=1)
    assert home.events("lock.set")
    seen = set()
    tries = [("ada", "wrong"), ("nobody", PASSWORD), ("ina", PASSWORD), ("eve", PASSWORD)]
    for name, password in [*tries, ("lou", PASSWORD), ("lou", "wrong"), ("a" * 64, PASSWORD)]:
        stranger = home.visitor()
        form = stranger.get("/sign-on")
        page = stranger.submit(form, "/sign-on", name=name, password=password, follow=False)
        body = page.body.replace(form.form("/sign-on")["token"], "").replace(f'value="{name}"', "")
        heads = [(key, value) for key, value in page.headers if key != "x-request-id"]
        heads = [pair for pair in heads if pair[0] != "content-length"]
        seen.add((page.status, tuple(heads), body))
        home.passes(hours=1)
    assert len(seen) == 1
    assert next(iter(seen))[0] == 401


# -- what is typed ---------------------------------------------------------------------------------------------


@pytest.mark.clause("1.5", "2.6")
def test_what_is_typed_never_becomes_part_of_a_page(ada: Member) -> None:
    browser = ada.browser
    stranger = browser.home.visitor()
    page = stranger.submit(stranger.get("/sign-on"), "/sign-on", name=XSS[:60], password="x")
    assert XSS[:30] not in page.body
    page = stranger.submit(stranger.get("/welcome"), "/welcome", code=XSS)
    assert "<script>alert" not in page.body

    page = browser.submit(browser.get("/factors"), "/factors/totp")
    fields = page.form("/factors/totp/confirm")
    other = Member("ada", browser, fields["secret"])
    page = browser.submit(page, "/factors/totp/confirm", label=XSS, code="000000")
    assert "<script>alert" not in page.body
    forged = fields | {"uri": f"otpauth://totp/{XSS}", "secret": XSS, "code": "000000"}
    page = browser.post("/factors/totp/confirm", forged)
    assert "<script>alert" not in page.body
    page = browser.post("/factors/totp/confirm", fields | {"label": XSS, "code": other.code()})
    assert XSS[2:] not in page.body
    assert "&lt;script&gt;" in browser.get("/factors").body
    page = browser.submit(
        browser.get("/network"), "/network", where="principal", principal=XSS, cidr=XSS
    )
    assert "<script>alert" not in page.body


def test_the_log_has_nothing_that_was_typed(ada: Member) -> None:
    home = ada.browser.home
    stranger = home.visitor(agent="Mark-of-an-agent/1", address="203.0.113.77")
    stranger.submit(stranger.get("/sign-on"), "/sign-on", name="mark-of-a-name", password="mark-pw")
    stranger.send("GET", "/mark-of-a-path")
    stranger.send("GET", "/sign-on?mark-of-a-query")
    log = b"".join(bytes(str(event.body), "utf-8") for event in home.events())
    for mark in (b"mark-", b"Mark-", b"203.0.113.77"):
        assert mark not in log


# -- cookies and sessions ----------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_every_cookie_is_bound_to_host_and_tls_and_hidden_from_scripts(ada: Member) -> None:
    home = ada.browser.home
    seen: dict[str, str] = {}
    browser = home.visitor()
    home.passes(seconds=31)
    page = browser.get("/sign-on", follow=False)
    seen |= page.cookies
    page = browser.submit(page, "/sign-on", name="ada", password=PASSWORD, follow=False)
    seen |= page.cookies
    page = browser.submit(
        browser.get("/sign-on/second"), "/sign-on/second", code=ada.code(), follow=False
    )
    seen |= {name: text for name, text in page.cookies.items() if "Max-Age=0" not in text}
    seen |= browser.submit(browser.get("/profile"), "/sign-out", follow=False).cookies
    assert seen.keys() == {
        "__Host-form",
        "__Host-step",
        "__Host-session",
        "__Host-device",
        "__Host-said",
    }
    for text in seen.values():
        assert text.endswith("Path=/; Secure; HttpOnly; SameSite=Strict")
        assert "domain" not in text.lower()


@pytest.mark.clause("1.2")
def test_a_session_that_somebody_else_chose_is_never_signed_on(ada: Member) -> None:
    """Fixation: whatever cookies stood there, signing on brings its own, and those stay worth nothing."""
    home = ada.browser.home
    planted = {"__Host-session": "p" * 43, "__Host-device": "d" * 43, "__Host-form": "f" * 43}
    victim = home.visitor(cookies=dict(planted))
    ada.sign_on(victim)
    assert victim.cookies["__Host-session"] != planted["__Host-session"]
    thief = home.visitor(cookies=dict(planted))
    assert thief.get("/profile").path == "/sign-on"


@pytest.mark.clause("1.2")
def test_each_proof_replaces_the_cookie_and_ends_the_one_before(ada: Member) -> None:
    home = ada.browser.home
    before = dict(ada.browser.cookies)
    ada.prove("factors")
    assert ada.browser.get("/profile").h1 == "ada"
    assert home.visitor(cookies=before).get("/profile").path == "/sign-on"


@pytest.mark.clause("1.2")
def test_a_stolen_session_is_worth_nothing_in_another_browser(ada: Member) -> None:
    home = ada.browser.home
    session = {"__Host-session": ada.browser.cookies["__Host-session"]}
    assert home.visitor(cookies=dict(session)).get("/profile").path == "/sign-on"
    both = dict(ada.browser.cookies)
    assert home.visitor(cookies=both, agent=SAFARI).get("/profile").path == "/sign-on"


def test_a_cookie_that_comes_twice_counts_as_none(ada: Member) -> None:
    session = ada.browser.cookies["__Host-session"]
    device = ada.browser.cookies["__Host-device"]
    doubled = f"__Host-session={session}; __Host-device={device}; __Host-session={session}"
    page = ada.browser.home.visitor().get("/profile", cookie=doubled)
    assert page.path == "/sign-on"


@pytest.mark.clause("1.2")
def test_who_has_ended_is_signed_on_no_more(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    assert ben.browser.get("/profile").h1 == "ben"
    home.system.accounts.end("ben", caller=home.console, now=home.now)
    assert ben.browser.get("/profile").path == "/sign-on"
    page = ben.browser.home.visitor()
    assert (
        page.submit(page.get("/sign-on"), "/sign-on", name="ben", password=PASSWORD).status == 401
    )


@pytest.mark.clause("1.2")
def test_a_new_sign_on_ends_the_session_whose_place_it_takes(ada: Member) -> None:
    """Its cookie is overwritten: nobody would ever sign it out, and a copy of it would go on."""
    home = ada.browser.home
    before = dict(ada.browser.cookies)
    # From a mail: the browser shows no cookie of ours, so the form is there for somebody signed on.
    page = ada.browser.get("/sign-on", cookie="")
    home.passes(seconds=31)
    page = ada.browser.submit(page, "/sign-on", name="ada", password=PASSWORD)
    page = ada.browser.submit(page, "/sign-on/second", code=ada.code())
    assert page.path == "/today"
    assert ada.browser.get("/profile").text.count("this one") == 1
    assert home.visitor(cookies=before).get("/profile").path == "/sign-on"
    assert ada.browser.get("/profile").h1 == "ada"
    ended = home.events("session.ended")
    assert [event.body["reason"] for event in ended] == ["signed_out"]

    # And a link's, whoever it is for.
    before = dict(ada.browser.cookies)
    code = home.system.joining.invite("ben", home.console, home.now).link.code
    page = ada.browser.submit(ada.browser.get("/welcome"), "/welcome", code=code)
    app = Member("ben", ada.browser, page.form("/join")["secret"])
    page = ada.browser.submit(
        page, "/join", password=PASSWORD, again=PASSWORD, code=app.code(), label="phone"
    )
    assert page.h1 == "Your recovery codes"
    assert home.visitor(cookies=before).get("/profile").path == "/sign-on"
    assert ada.browser.get("/profile").h1 == "ben"


# -- neighbours --------------------------------------------------------------------------------------------


@pytest.mark.clause("1.2", "1.3")
def test_nobody_reaches_what_is_another_persons_by_its_number(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    # Hers are the first of each; the second ones are his own.
    hers = ["/sessions/1/end", "/factors/1/remove", "/devices/1/not-mine", "/devices/1/mine"]
    token = ben.browser.form_fields("/profile")
    for target in [*hers, "/sessions/999999/end"]:
        page = ben.browser.post(target, token)
        assert (page.status, page.h1) == (404, "There is no such page"), target
    assert ada.browser.get("/profile").h1 == "ada"
    assert len(ada.browser.get("/factors").actions) > 3
    assert not home.events("lock.set")


@pytest.mark.clause("1.3")
def test_who_does_not_administer_reaches_none_of_it(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    for route in all_routes(_rooms()):
        if not route.needs:
            continue
        path = _address(route)
        token = ben.browser.form_fields("/profile")
        page = ben.browser.get(path) if route.method == "GET" else ben.browser.post(path, token)
        assert page.status == 403, path
        assert _refusals(ada)[-1] == ("no_grant", route.op)


@pytest.mark.clause("1.2", "1.3")
def test_who_is_locked_administers_nothing_in_a_session_that_began_before(ada: Member) -> None:
    """Somebody else tried her password ten times; it may well be them, in the browser she left open."""
    home = ada.browser.home
    asked = home.system.networks.request_add(
        NetworkScope.LISTENER, "gateway", "198.51.100.0/24", home.console, home.now
    )
    person = home.system.accounts.find("ada").id
    for number in range(10):
        home.system.guard.failed("ada", person, at(number), home.now, factor=False)
    assert ada.browser.get("/profile").path == "/profile"
    token = ada.browser.form_fields("/profile")
    assert ada.browser.post(f"/network/{asked.id}/approve", token).status == 403
    assert home.system.networks.listed()[0].state == "pending"
    for path in ("/network", "/locks"):
        assert ada.browser.get(path).status == 403


@pytest.mark.clause("1.2")
def test_what_a_found_session_must_not_do_asks_for_a_proof(ada: Member) -> None:
    """Ten minutes after the last one: no factor, code, lock or network changes."""
    home = ada.browser.home
    home.passes(minutes=11)
    guarded = [route for route in all_routes(_rooms()) if route.proved is not None]
    assert len(guarded) > 8
    token = ada.browser.form_fields("/profile")
    for route in guarded:
        page = ada.browser.post(_address(route), token, follow=False)
        assert (page.status, page.header("location")) == (
            303,
            f"/prove/{route.proved}".replace("{id}", "1"),
        )
        assert _refusals(ada)[-1] == ("not_proved_lately", route.op)
    page = ada.browser.post("/factors/passkey/challenge", token)
    assert page.status == 403


@pytest.mark.clause("1.2")
def test_every_page_wants_a_session_unless_it_says_otherwise(ada: Member) -> None:
    home = ada.browser.home
    stranger = home.visitor()
    stranger.get("/sign-on")
    is_open = {route.path for route in all_routes(_rooms()) if route.open}
    assert is_open == {
        "/",
        "/sign-on",
        "/sign-on/passkey",
        "/sign-on/passkey/challenge",
        "/sign-on/second",
        "/sign-on/recovery",
        "/welcome",
        "/join",
        "/join/name",
        "/join/passkey/challenge",
        "/calendar.ics",
        "/policy/{name}",
        "/policy/{name}/text",
    }
    for route in all_routes(_rooms()):
        if route.open:
            continue
        path = _address(route)
        page = (
            stranger.get(path, follow=False)
            if route.method == "GET"
            else stranger.post(path, {"token": "x"}, follow=False)
        )
        assert (page.status, page.header("location")) == (303, "/sign-on"), path


# -- endless, slow, strange --------------------------------------------------------------------------------


def test_endless_bodies_and_strange_forms_are_refused(ada: Member) -> None:
    browser = ada.browser
    token = browser.form_fields("/profile")
    assert browser.post("/password", token | {"old": "x" * 70_000}).status == 413
    assert browser.post("/password", token | {"old": "x" * 5_000}).status == 400
    form = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
    kind = form | {"content-type": "application/x-www-form-urlencoded"}
    for headers, body in (
        (form | {"content-type": "application/json"}, b"{}"),
        (form | {"content-type": "multipart/form-data; boundary=x"}, b"--x--"),
        (form, b"a=1"),
        (kind, b"a=1&a=2"),
        (kind, b"a=%ff"),
        (kind, "a=ä".encode()),
        (kind, b"a=%00"),
        (kind, b"&".join(b"a%d=1" % i for i in range(50))),
    ):
        page = browser.send("POST", "/password", headers=headers, body=body)
        assert (page.status, page.h1) == (400, "This request can't be read"), body[:20]
    assert browser.send("DELETE", "/password", headers=form).status == 405
    assert (
        browser.send("POST", "/profile", headers=kind, body=b"a=1").header("allow") == "GET, HEAD"
    )


@pytest.mark.clause("2.6")
def test_a_flood_of_strangers_is_one_event_a_minute_with_its_number(ada: Member) -> None:
    home = ada.browser.home
    before = len(home.events(REFUSED))
    stranger = home.visitor(address="203.0.113.9")
    for _ in range(30):
        stranger.send("GET", "/wp-login.php")
    assert len(home.events(REFUSED)) == before + 1
    home.passes(minutes=1)
    stranger.send("GET", "/wp-login.php")
    assert [event.body["n"] for event in home.events(REFUSED)[before:]] == [1, 30]
    for _ in range(3):
        ada.browser.send("GET", "/nothing")
    assert [event.body["actor"]["id"] for event in home.events(REFUSED)[-3:]] == [_number(ada)] * 3
    assert len(home.events(REFUSED)) == before + 5


def test_a_fault_of_ours_shows_nothing_of_itself(
    ada: Member, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_exchange: Any) -> Answer:
        raise RuntimeError(MARK)

    desk = ada.browser.home.desk
    desk._routes._exact["/profile"]["GET"] = Route("GET", "/profile", fails)
    page = ada.browser.get("/profile")
    assert (page.status, page.h1) == (500, "Something failed")
    assert MARK not in page.body + caplog.text
    assert _refusals(ada)[-1] == ("internal", "GET:/profile")


def test_without_an_event_there_is_no_answer(ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any, **_named: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(type(ada.browser.home.system.audit), "_append", fails)
        page = ada.browser.send("GET", "/nothing")
    assert (page.status, page.body[:17]) == (503, "Not available now")


def test_what_is_no_http_is_left_alone(ada: Member) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(ada.browser.home.desk({"type": "websocket"}, None, send))
    assert sent == []
