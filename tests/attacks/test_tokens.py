"""Tokens that were edited, guessed, or made somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.vault.conftest import APP, NOW, World, order

from strongroom.crypto.token import Mint, as_email, as_ip
from strongroom.errors import Denied, Malformed, StrongroomError
from strongroom.terms import Environment, Purpose, RecordNumber, SellerId
from strongroom.vault import store

pytestmark = pytest.mark.clause("1.3", "2.6")

REJECTED = "vault.token.rejected"


@pytest.fixture
def world(sqlite_world: World) -> World:
    sqlite_world.grant()
    return sqlite_world


@pytest.fixture
def token(world: World) -> str:
    (token,) = world.put(order())
    return token


def attempt(world: World, token: str) -> tuple[type[StrongroomError], str]:
    """Return the kind and text of the error that a token ends in."""
    with pytest.raises(StrongroomError) as caught:
        world.read(token)
    assert token not in str(caught.value)
    return type(caught.value), str(caught.value)


def attempt_named(world: World, token: str) -> type[StrongroomError]:
    """Return the kind of error that a real token ends in; its text may name the token."""
    with pytest.raises(StrongroomError) as caught:
        world.read(token)
    return type(caught.value)


def edited(token: str, position: int) -> str:
    """Return the token with one character changed to another of the alphabet."""
    other = "7" if token[position] != "7" else "8"
    return token[:position] + other + token[position + 1 :]


def test_an_edited_token_is_refused_at_every_character(world: World, token: str) -> None:
    """Number, slot and MAC alike end in one answer, with one event each: no position tells more."""
    before = len(world.events())
    answers = {attempt(world, edited(token, position)) for position in range(2, 20)}
    assert len(answers) == 1
    ((kind, _text),) = answers
    assert issubclass(kind, Denied)
    assert world.events()[before:] == [(REJECTED, "denied", "forged_token")] * 18


def test_a_forged_token_answers_alike_whether_or_not_its_record_exists(
    world: World, token: str
) -> None:
    """The MAC is checked before anything is looked up, so there is nothing to time or to tell."""
    never = Mint(bytes(32), Environment.TEST).record(RecordNumber(2**39)).token(8)
    there = Mint(bytes(32), Environment.TEST).record(RecordNumber(1024)).token(8)
    assert attempt(world, never) == attempt(world, there) == attempt(world, edited(token, 19))


def test_a_forged_token_asks_the_database_for_nothing(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(store, "by_number", lambda *given: asked.append(given))
    attempt(world, edited(token, 15))
    assert asked == []


@pytest.mark.parametrize("rendering", [as_email, as_ip, str.lower])
def test_a_rendering_is_checked_as_its_token_is(
    world: World, token: str, rendering: Callable[[str], str]
) -> None:
    assert world.read(rendering(token)) == "Jürgen Groß"
    assert attempt(world, rendering(edited(token, 13)))[1] == "token does not verify"


@pytest.mark.clause("2.5")
def test_a_token_of_the_other_environment_is_refused(world: World, token: str) -> None:
    """Made with the very same key: the environment is part of what the MAC covers."""
    key = world.keystore.secret("token", NOW)
    foreign = Mint(key, Environment.PRODUCTION).record(RecordNumber(1024)).token(8)
    kind, _text = attempt(world, foreign)
    assert issubclass(kind, Denied)
    assert world.events()[-1] == (REJECTED, "denied", "foreign_environment")
    # Nor does changing its prefix help.
    attempt(world, "ST" + foreign[2:])
    assert world.events()[-1] == (REJECTED, "denied", "forged_token")


def test_a_token_of_another_home_is_refused(
    make_world: Callable[[str], World], tmp_path: Path
) -> None:
    """Two homes give the same record numbers; their tokens do not open each other's records."""
    ours, theirs = make_world("ours"), make_world("theirs")
    ours.grant()
    (_own,) = ours.put(order())
    (foreign,) = theirs.put(order())
    assert issubclass(attempt(ours, foreign)[0], Denied)
    assert ours.events()[-1] == (REJECTED, "denied", "forged_token")


def test_a_token_of_another_selling_partner_needs_a_grant_there(sqlite_world: World) -> None:
    (foreign,) = sqlite_world.put(order(), seller=2)
    sqlite_world.grant(sellers=frozenset({SellerId(1)}))
    assert issubclass(attempt_named(sqlite_world, foreign), Denied)
    assert sqlite_world.events()[-1] == ("vault.record.revealed", "denied", "wrong_seller")


def test_a_real_token_without_a_grant_tells_no_more_than_why(world: World, token: str) -> None:
    """The refusal comes before the record's values are opened; it names none of them."""
    with pytest.raises(Denied) as caught:
        world.vault.reveal(APP, token, purpose=Purpose.TAX, now=NOW)
    assert str(caught.value) == f"erp may not read token {token}: wrong_purpose"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ST",
        "ST" + "0" * 17,
        "ST" + "0" * 19,
        "ST" + "U" * 18,
        "ST0000010008ILO00000",
        "\x00" * 20,
        "S\u212a" + "0" * 18,
        "\u017ft" + "0" * 18,  # the long s
        "ST" + "\u0660" * 18,  # digits of another script
        "st000001000@token.invalid.example",
        "fd53:5200::1%eth0",
        "A" * 1_000_000,
        "ST0000010008\n0000000",
    ],
)
def test_what_has_not_the_form_of_a_token_is_malformed(world: World, text: str) -> None:
    before = len(world.events())
    with pytest.raises(Malformed) as caught:
        world.read(text)
    assert str(caught.value) == "not a token"
    # It is a slip rather than an attack, and whoever sends megabytes of it fills no log.
    assert len(world.events()) == before


def test_guessing_is_recorded_guess_by_guess(world: World, token: str) -> None:
    """Forty bits stand against guesses, each of which costs a durable event that alarms count."""
    before = len(world.events())
    for guess in range(50):
        tail = f"{guess:08d}"
        attempt(world, token[:12] + tail)
    assert world.events()[before:] == [(REJECTED, "denied", "forged_token")] * 50
