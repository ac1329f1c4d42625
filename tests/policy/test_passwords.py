"""What a password must be: every rule of both profiles, and what guessing programs would come to."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Misconfigured
from strongroom.policy.breached import is_breached
from strongroom.policy.limits import BASELINE, CURRENT, LONGEST_PASSWORD, PasswordProfile
from strongroom.policy.passwords import faults, normalized, profile_named, rules

GOOD = "Nine Owls read 7 maps"


def wrong(
    password: str, *, name: str = "maria.kundera", profile: PasswordProfile = CURRENT
) -> list[str]:
    return faults(password, name=name, profile=profile, is_common=is_breached)


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "xK9#vQ2m!pL7",
        "Zürich und 7 Berge",
        "Tr0ub4dor&3xyz!",
        "Ωmega Neun 9 Wolken",
        "a" * 200 + "Bc3! d",
    ],
)
def test_a_password_of_four_kinds_that_nobody_guesses_first_is_taken(password: str) -> None:
    assert wrong(password) == []


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("xK9#vQ2m!pL", "shorter than 12"),
        ("xk9#vq2m!pl7", "lacks an upper case letter"),
        ("XK9#VQ2M!PL7", "lacks a lower case letter"),
        ("xKn#vQem!pLs", "lacks a digit"),
        ("xK9evQ2mepL7", "lacks a special character"),
        ("Ab1!\ud800zrwtkpq", "cannot be typed"),
        ("Ab1!\x00zrwtkpqmn", "cannot be typed"),
        ("Ab1!\u0378zrwtkpqmn", "cannot be typed"),
        ("aA1!aA1!aA1!", "different characters"),
        ("Aa1!" * (LONGEST_PASSWORD // 4) + "x", "longer than 256"),
    ],
)
def test_each_fault_is_named(password: str, fault: str) -> None:
    found = wrong(password)
    assert any(fault in one for one in found), found


@pytest.mark.clause("1.4")
def test_all_faults_are_named_at_once() -> None:
    assert len(wrong("dragon")) == 3


@pytest.mark.clause("1.4")
def test_the_baseline_asks_for_eight_characters_of_four_kinds() -> None:
    assert wrong("xK9#vQ2m", profile=BASELINE) == []
    assert wrong("xK9#vQ2", profile=BASELINE) == ["it is shorter than 8 characters"]
    assert wrong("xk9#vq2m", profile=BASELINE) == ["it lacks an upper case letter"]
    assert wrong("Kundera#9", profile=BASELINE) == []


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    "password",
    [
        "Kundera-9-forests!",
        "9 forests of KUNDERA",
        "kund9Forests! of rain",
        "9Forests of k.u.n.d.e.r.a",
        "9Forests of Kúndéra",
        "9Forests of kund3r4!",
        "9Forests of M4r|a!!",
        "R@k-9-forests, dera!",  # "dera", four characters in a row
    ],
)
def test_no_part_of_the_user_name_is_taken(password: str) -> None:
    assert "it holds a part of the user name" in wrong(password)


@pytest.mark.clause("1.4")
def test_a_short_name_counts_whole_and_its_single_letters_do_not() -> None:
    assert wrong("9 Forests of an ada!", name="ada") == ["it holds a part of the user name"]
    assert wrong("9 Forests of dark rain!", name="ada") == []


@pytest.mark.clause("1.4")
@pytest.mark.parametrize("name", ["j.li", "x_y.z", "a---", "9-.-"])
def test_a_name_of_short_pieces_counts_whole(name: str) -> None:
    letters = name.translate(str.maketrans("", "", "._-"))
    held = wrong(f"9 Forests of {name} rain!", name=name)
    assert held == ["it holds a part of the user name"]
    assert wrong("9 Forests of dark rain!", name=name) == []
    if len(letters) > 1:
        assert wrong(f"9 Forests of {letters} rain!", name=name) == held


@pytest.mark.clause("1.4")
def test_digits_of_a_name_are_part_of_it() -> None:
    assert wrong("Forests of kim77 rain!", name="kim77") == ["it holds a part of the user name"]
    assert wrong("Forests of kimtt rain7!", name="kim77") == ["it holds a part of the user name"]


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    "password",
    [
        "P@ssword2026!",
        "P4$$w0rd!!2026",
        "2026!!Password",
        "***Summer1999***",
        "Qwerty123456!",
        "1qaz2wsx3EDC!",
        "PasswordPassword1!",
        "Sunshine1!Sunshine1!",
        "Strongroom2026!",
        "Sellercentral#1",
        "Iloveyou!!!!!7",
        "Pässwörd2026!",
    ],
)
def test_a_common_password_with_something_around_it_is_refused(password: str) -> None:
    assert "it is one of the passwords that are guessed first" in wrong(password, name="kim")


@pytest.mark.clause("1.4")
def test_a_word_within_a_sentence_is_no_common_password() -> None:
    assert wrong("my Dragon eats 9 plums") == []


@pytest.mark.clause("1.4")
@given(st.text(max_size=300), st.sampled_from([BASELINE, CURRENT]))
def test_no_fault_repeats_the_password_and_judging_is_deterministic(
    text: str, profile: PasswordProfile
) -> None:
    found = wrong(text, name="kim", profile=profile)
    assert found == wrong(text, name="kim", profile=profile)
    known = {fault for fault in found if not any(c.isdigit() for c in fault)}
    if len(text) > 60:
        assert all(text not in fault for fault in known)


@pytest.mark.clause("1.4")
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_a_password_is_the_same_from_every_keyboard(text: str) -> None:
    composed, apart = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert normalized(composed) == normalized(apart)
    assert wrong(composed) == wrong(apart)


@pytest.mark.timeout(15)
def test_a_long_text_of_digits_is_judged_in_little_time() -> None:
    """Every cut of a tail is looked at; that must stay linear enough for a stranger's worst text."""
    for _ in range(20):
        wrong("x" + "1" * 254 + "2")
        wrong("\ufdfa" * LONGEST_PASSWORD)  # 18 characters each in NFKC


def test_profiles_have_names() -> None:
    assert profile_named("baseline") is BASELINE
    assert profile_named("current") is CURRENT
    with pytest.raises(Misconfigured):
        profile_named("none")


@pytest.mark.clause("1.4")
def test_who_chooses_is_told_every_rule_of_the_profile() -> None:
    assert any("12 characters" in rule for rule in rules(CURRENT))
    assert any("last 10" in rule for rule in rules(CURRENT))
    assert any("user name" in rule for rule in rules(CURRENT))
    assert not any("user name" in rule or "last" in rule for rule in rules(BASELINE))
