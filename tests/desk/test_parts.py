"""What the door is made of: cookies, forms and their tokens, agents, refusals, words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.accounts.guard import Disposition, LockReason
from strongroom.desk import words
from strongroom.desk.agent import UNKNOWN, agent_of
from strongroom.desk.cookies import Cookie, kept, shown
from strongroom.desk.exchange import Route
from strongroom.desk.forms import MEDIA_TYPE, Form, FormTokens, read_form, same
from strongroom.desk.refusals import TELL_EVERY, Refusals
from strongroom.desk.said import WORDS, Said, said_by
from strongroom.errors import Malformed
from strongroom.terms import Environment

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))


def test_only_our_cookies_are_read_and_none_that_comes_twice() -> None:
    header = "a=b; __Host-session=S; __Host-device=one; session=x; __Host-device=two; __Host-step"
    assert shown(header) == {Cookie.SESSION: "S"}
    assert shown("__Host-session=<script>; __Host-form=ok~1.-_") == {Cookie.FORM: "ok~1.-_"}
    assert shown("") == {}


def test_a_cookie_that_could_end_its_header_is_never_set() -> None:
    for value in ("a; Domain=evil.example", "a\r\nset-cookie: b", "", "ä"):
        with pytest.raises(ValueError, match="no value for"):
            kept({Cookie.SESSION: value})
    (header,) = kept({Cookie.DEVICE: "d"})
    assert header == (
        b"__Host-device=d; Max-Age=15552000; Path=/; Secure; HttpOnly; SameSite=Strict"
    )
    assert kept({Cookie.SESSION: None})[0].startswith(b"__Host-session=; Max-Age=0; ")


@given(
    st.dictionaries(
        st.text("abc", min_size=1), st.text().filter(lambda t: "\0" not in t), max_size=9
    )
)
def test_a_form_comes_out_as_it_was_filled_in(fields: dict[str, str]) -> None:
    try:
        body = urlencode(fields).encode()
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    form = read_form(body, f"{MEDIA_TYPE}; charset=utf-8")
    assert {name: form.text(name, longest=10_000) for name in fields} == fields


def test_a_form_prints_nothing_and_bounds_its_fields() -> None:
    form = Form({"password": "secret", "name": "  ada  ", "long": "x" * 600})
    assert "secret" not in f"{form!r} {form}"
    assert (form.word("name"), form.text("missing")) == ("ada", "")
    for read in (form.text, form.word):
        with pytest.raises(Malformed):
            read("long")
    with pytest.raises(Malformed):
        form.word("name", longest=2)


def test_tokens_differ_by_session_browser_and_home() -> None:
    tokens = FormTokens(KEY, Environment.TEST)
    found = {
        tokens.of_session(1),
        tokens.of_session(2),
        tokens.of_browser("1"),
        FormTokens(KEY, Environment.PRODUCTION).of_session(1),
        FormTokens(KEY[::-1], Environment.TEST).of_session(1),
    }
    assert len(found) == 5
    assert same(tokens.of_session(1), tokens.of_session(1))
    assert not same(tokens.of_session(1), "ä")
    assert KEY.hex() not in repr(tokens)


@pytest.mark.parametrize(
    ("header", "agent"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Safari/537.36",
            "Chrome on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("<script>anna@mail.example</script>", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_an_agent_is_a_word_of_a_closed_list(header: str, agent: str) -> None:
    assert agent_of(header) == agent


def test_refusals_are_told_at_once_then_by_number() -> None:
    refusals = Refusals()
    assert [refusals.untold("a", "wrong_path", NOW) for _ in range(4)] == [1, 0, 0, 0]
    assert refusals.untold("b", "wrong_path", NOW) == 1
    assert refusals.untold("a", "cross_site", NOW) == 1
    assert refusals.untold("a", "wrong_path", NOW + TELL_EVERY) == 4
    # A clock set back tells rather than hides.
    assert refusals.untold("a", "wrong_path", NOW - timedelta(hours=1)) == 1


def test_many_addresses_do_not_fill_the_memory() -> None:
    refusals = Refusals()
    told = sum(refusals.untold(f"{n}", "wrong_path", NOW) for n in range(3000))
    assert told < 1100
    assert len(refusals._seen) <= 1025


def test_every_notice_has_its_sentence_and_nothing_else_is_said() -> None:
    assert WORDS.keys() == set(Said)
    assert said_by("signed-out") == "You have signed out."
    for other in (None, "", "SIGNED_OUT", "<b>", "signed-out "):
        assert said_by(other) is None


def test_every_name_of_a_room_has_its_words() -> None:
    assert words.LOCK_REASONS.keys() == set(LockReason)
    assert words.DISPOSITIONS.keys() == set(Disposition) - {Disposition.EXPIRED}
    assert words.disposition(Disposition.EXPIRED) == words.ENDED_BY_ITSELF
    assert words.method("password.totp") == "password and authenticator app"
    assert words.sentence("no such page") == "No such page."
    assert words.told(Malformed("it will not do: a; b", hint="c")) == ["a", "b", "c"]
    assert words.told(Malformed("one: thing")) == ["one: thing"]


def test_a_route_is_called_in_the_log_by_what_the_log_takes() -> None:
    route = Route("POST", "/sessions/{id}/end", lambda _exchange: None)  # type: ignore[arg-type,return-value]
    assert route.op == "POST:/sessions/id/end"
    assert [route.open, route.old_password, route.needs] == [False, False, frozenset()]
