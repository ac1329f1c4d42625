"""A root key in a token: made there, never out of it, found again after a restart, and never locked by us [2.4]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType
from tests.support.hsm import PIN, TOKEN, Hsm, plugged

from strongroom.errors import Misconfigured, Tampered, Unavailable
from strongroom.roots import make_root, open_root
from strongroom.roots.tokens import TokenRoot
from strongroom.terms import Environment

pytestmark = pytest.mark.clause("2.4")

KEY, CONTEXT = bytes(range(32)), b"environment and home"
TEST = Environment.TEST


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with plugged(tmp_path_factory.mktemp("hsm")) as hsm:
        make_root(hsm.address(), TEST, "home1")
        yield hsm


@pytest.fixture
def hsm(token: Hsm) -> Iterator[Hsm]:
    yield token
    if (token.directory / "away").exists():
        token.put_back()
    token.set_pin(PIN)
    token.restart()


def opened(hsm: Hsm, name: str = "root", more: str = "") -> TokenRoot:
    root = open_root(hsm.address(name, more), TEST, "home1", passphrase=lambda: "never asked for")
    assert isinstance(root, TokenRoot)
    return root


def test_what_a_token_wraps_it_alone_opens_and_in_its_context(hsm: Hsm) -> None:
    wrapped = opened(hsm).wrap(KEY, CONTEXT)

    assert opened(hsm).unwrap(wrapped, CONTEXT) == KEY
    assert KEY not in wrapped
    assert opened(hsm).key_id == f"{TOKEN}/root"
    for other in (b"another home", b""):
        with pytest.raises(Tampered):
            opened(hsm).unwrap(wrapped, other)
    for place in (0, 1, 3, len(wrapped) - 60, len(wrapped) - 40, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            opened(hsm).unwrap(bytes(changed), CONTEXT)
    for short in (b"", wrapped[:-1], wrapped[:5], bytes(61)):
        with pytest.raises(Tampered):
            opened(hsm).unwrap(short, CONTEXT)


def test_the_key_was_made_in_the_token_and_cannot_leave_it(hsm: Hsm) -> None:
    session = hsm.session()
    (key,) = session.get_objects({Attribute.LABEL: "root"})
    kept = (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE)
    assert all(key[one] for one in kept)
    assert not key[Attribute.EXTRACTABLE]
    assert key[Attribute.VALUE_LEN] == 32
    with pytest.raises(pkcs11.PKCS11Error):
        key[Attribute.VALUE]
    session.close()


def test_making_it_again_takes_the_one_that_is_there(hsm: Hsm) -> None:
    """An `init` that was killed after the key was made finds it."""
    wrapped = opened(hsm).wrap(KEY, CONTEXT)
    assert make_root(hsm.address(), TEST, "home1").unwrap(wrapped, CONTEXT) == KEY


def test_another_key_of_the_token_opens_nothing(hsm: Hsm) -> None:
    wrapped = opened(hsm).wrap(KEY, CONTEXT)
    other = make_root(hsm.address("root-2"), TEST, "home1")
    with pytest.raises(Tampered):
        other.unwrap(wrapped, CONTEXT)


def test_a_key_that_could_have_left_its_token_is_refused(hsm: Hsm) -> None:
    session = hsm.session()
    session.generate_key(
        KeyType.AES, 256, label="soft", store=True,
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )  # fmt: skip
    session.close()
    with pytest.raises(Misconfigured, match="could have left its token"):
        opened(hsm, "soft").wrap(KEY, CONTEXT)


def test_two_keys_of_one_name_need_an_id(hsm: Hsm) -> None:
    make_root(hsm.address("twin", ";id=%01"), TEST, "home1")
    make_root(hsm.address("twin", ";id=%02"), TEST, "home1")
    with pytest.raises(Misconfigured, match="more than one"):
        opened(hsm, "twin").wrap(KEY, CONTEXT)
    wrapped = opened(hsm, "twin", ";id=%02").wrap(KEY, CONTEXT)
    assert opened(hsm, "twin", ";id=%02").unwrap(wrapped, CONTEXT) == KEY


def test_a_key_that_is_not_there_is_named(hsm: Hsm) -> None:
    with pytest.raises(Misconfigured, match="holds no key nowhere"):
        opened(hsm, "nowhere").wrap(KEY, CONTEXT)


def test_a_token_that_restarts_is_opened_again(hsm: Hsm) -> None:
    root = opened(hsm)
    wrapped = root.wrap(KEY, CONTEXT)
    for _ in range(3):
        hsm.restart()
        assert root.unwrap(wrapped, CONTEXT) == KEY


def test_a_token_that_is_pulled_out_is_unavailable_until_it_is_back(hsm: Hsm) -> None:
    root = opened(hsm)
    wrapped = root.wrap(KEY, CONTEXT)
    hsm.remove()
    for _ in range(2):
        with pytest.raises(Unavailable):
            root.unwrap(wrapped, CONTEXT)
    with pytest.raises(Unavailable):
        opened(hsm).unwrap(wrapped, CONTEXT)
    hsm.put_back()
    assert root.unwrap(wrapped, CONTEXT) == KEY


def test_a_wrong_pin_is_tried_once(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token locks itself after a few: the same PIN is not tried again, a new one is."""
    tried: list[str] = []
    wrapped = opened(hsm).wrap(KEY, CONTEXT)
    hsm.restart()
    hsm.set_pin("00000000")
    root = opened(hsm)
    before = root._opened

    def counted(*, rw: bool) -> object:
        known = root._refused
        try:
            return before(rw=rw)
        finally:
            if root._refused != known:
                tried.append("login")

    monkeypatch.setattr(root, "_opened", counted)
    for _ in range(5):
        with pytest.raises(Misconfigured, match="does not take the PIN") as told:
            root.unwrap(wrapped, CONTEXT)
        assert "00000000" not in str(told.value)
    assert tried == ["login"]
    hsm.set_pin(PIN)
    assert root.unwrap(wrapped, CONTEXT) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_pin_that_others_can_read_is_refused(hsm: Hsm, mode: int) -> None:
    hsm.pin_file.chmod(mode)
    with pytest.raises(Misconfigured, match="open to others"):
        opened(hsm).wrap(KEY, CONTEXT)


@pytest.mark.parametrize("content", [None, "", "two\nlines"])
def test_a_pin_file_that_holds_no_pin_is_refused(hsm: Hsm, content: str | None) -> None:
    hsm.pin_file.unlink()
    if content is not None:
        hsm.set_pin(content)
    with pytest.raises(Misconfigured):
        opened(hsm).wrap(KEY, CONTEXT)


def test_a_module_that_is_none_is_told(hsm: Hsm, tmp_path: Path) -> None:
    text = tmp_path / "module.so"
    for content in (None, "no library"):
        if content is not None:
            text.write_text(content)
        uri = hsm.address().replace(hsm.module, str(text))
        with pytest.raises(Misconfigured, match="module"):
            make_root(uri, TEST, "home1")


def test_a_root_in_a_token_is_not_printed_or_pickled(hsm: Hsm) -> None:
    root = opened(hsm)
    assert PIN not in repr(root) + str(root.uri)
    with pytest.raises(TypeError):
        root.__reduce__()
