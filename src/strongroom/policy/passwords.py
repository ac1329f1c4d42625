"""What a person's password must be: the rules of clause 1.4, and what every guesser tries first [1.4].

Pure: text in, the list of all that is wrong with it out, in words that never repeat it. A password is judged and hashed
in Unicode's NFKC form, as NIST SP 800-63B-4 section 3.1.1.2 asks, so that it is the same from every keyboard.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from strongroom.errors import Misconfigured
from strongroom.policy.limits import BASELINE, CURRENT, LONGEST_PASSWORD, PasswordProfile

FEWEST_DIFFERENT: Final = 5
"""Our own: different characters that a password has at least."""

SHORTEST_NAME_PART: Final = 4
"""Our own: so many characters of a user name in a row are a part of it; a shorter name counts whole, without signs."""

_PROFILES: Final = {profile.name: profile for profile in (BASELINE, CURRENT)}

_SHORTEST_STEM: Final = 4
"""Characters: shorter stems stand in every list and say nothing."""

_OURS: Final = frozenset(
    ("amazon", "desk", "sellercentral", "sellingpartner", "sellingpartnerapi", "strongroom")
)
"""Words of this service, which SP 800-63B-4 counts with the common ones."""

_LEET: Final = tuple(
    str.maketrans("013456789@$!|+(€", f"o{one}easgtbgas{one}{one}tce") for one in ("i", "l")
)
"""What stands for which letter; a one is an `i` to some and an `l` to others."""

_KINDS: Final = (
    ("an upper case letter", str.isupper),
    ("a lower case letter", str.islower),
    ("a digit", str.isdecimal),
    ("a special character", lambda c: unicodedata.category(c)[0] in "PSZ"),
)

_UNUSABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Categories nobody types on purpose. What Unicode has not assigned yet may get another normal form later."""

_SEPARATORS: Final = re.compile(r"[._-]+")
_LEAD: Final = re.compile(r"^[\W\d_]+")
_TAIL: Final = re.compile(r"[\W\d_]+$")


def profile_named(name: str) -> PasswordProfile:
    """Return the profile of a revision.

    Raises:
        Misconfigured: there is none of this name.

    """
    found = _PROFILES.get(name)
    if found is None:
        raise Misconfigured("no such password profile", hint=f"one of {', '.join(_PROFILES)}")
    return found


def normalized(password: str) -> str:
    """Return the one form in which a password is judged and hashed."""
    return unicodedata.normalize("NFKC", password)


def rules(profile: PasswordProfile) -> list[str]:
    """Return what a profile asks of a password, a sentence each, for who chooses one."""
    found = [
        f"at least {profile.shortest} characters",
        f"characters of all {profile.classes} kinds: upper case, lower case, digit, special",
        "not among the passwords that are guessed first, also with digits or signs around it",
    ]
    if profile.refuses_user_name:
        found.append("no part of your user name")
    if profile.history:
        found.append(f"none of your last {profile.history} passwords")
    return found


def faults(
    password: str, *, name: str, profile: PasswordProfile, is_common: Callable[[str], bool]
) -> list[str]:
    """Return all that is wrong with a password, in words, for the person who chose it; nothing where it is good.

    `is_common` tells whether a text in lower case is one of the passwords that are guessed first.
    """
    if len(password) > LONGEST_PASSWORD:
        # Before any work on it: normal forms of some texts are many times as long.
        return [f"it is longer than {LONGEST_PASSWORD} characters"]
    text = normalized(password)
    found = []
    if len(text) > LONGEST_PASSWORD:
        found.append(f"it is longer than {LONGEST_PASSWORD} characters")
    if len(text) < profile.shortest:
        found.append(f"it is shorter than {profile.shortest} characters")
    if any(unicodedata.category(character) in _UNUSABLE for character in text):
        found.append("it holds a character that cannot be typed")
    missing = [kind for kind, is_of in _KINDS if not any(map(is_of, text))]
    if len(_KINDS) - len(missing) < profile.classes:
        found.append(f"it lacks {', '.join(missing)}")
    if text and len(set(text.casefold())) < FEWEST_DIFFERENT:
        found.append(f"it has fewer than {FEWEST_DIFFERENT} different characters")
    if profile.refuses_user_name and _holds_name(text, name):
        found.append("it holds a part of the user name")
    if any(form in _OURS or is_common(form) for form in _guessed_as(text[:LONGEST_PASSWORD])):
        found.append("it is one of the passwords that are guessed first")
    return found


def _holds_name(password: str, name: str) -> bool:
    pieces = [piece for piece in _SEPARATORS.split(name) if piece]
    texts = {"".join(pieces), *pieces}
    parts = {
        text[start : start + SHORTEST_NAME_PART]
        for text in texts
        for start in range(len(text) - SHORTEST_NAME_PART + 1)
    }
    if not parts:
        # As `al`, `j.li` or `a---`. A single letter is a part of every password.
        parts = {text for text in (name, "".join(pieces)) if len(text) > 1}
    # Both are read alike: a name may have digits in it, too.
    read_parts = zip(*map(_readings, sorted(parts)), strict=True)
    for told, wanted in zip(_readings(password), read_parts, strict=True):
        bare = _SEPARATORS.sub("", told)
        if any(part in told or part in bare for part in wanted):
            return True
    return False


def _guessed_as(password: str) -> Iterator[str]:
    """Give each form a guessing program would have come to this password from, in lower case.

    Such programs take a list and put capitals, digits and signs on each word of it: this takes them off again.
    """
    whole = _without_marks(password.casefold())
    for text in {whole, _LEAD.sub("", whole), _unit(whole)}:
        tail = _TAIL.search(text)
        shortest = len(text) if tail is None else tail.start()
        # Each cut of the tail: what looks like a digit may be the word's last letter, as in `hell0`.
        for end in range(max(shortest, _SHORTEST_STEM), len(text) + 1):
            for form in {text[:end], _unit(text[:end])}:
                if len(form) >= _SHORTEST_STEM:
                    yield from (form, *(form.translate(letters) for letters in _LEET))


def _readings(text: str) -> Iterator[str]:
    """Give a text as it may be read: in lower case, and with letters for the signs that stand for them."""
    plain = _without_marks(text.casefold())
    yield plain
    for letters in _LEET:
        yield plain.translate(letters)


def _without_marks(text: str) -> str:
    """Return the text without accents."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _unit(text: str) -> str:
    """Return what a text repeats, or the text."""
    return text[: (text + text).find(text, 1)]
