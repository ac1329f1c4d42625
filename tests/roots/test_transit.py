"""A root key in a transit engine: the calls as OpenBao and Vault document them, and what their refusals mean [2.4]."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from tests.support.transit import Engine, Key, serving

from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.roots.address import TransitAddress, parse
from strongroom.roots.transit import TransitRoot

pytestmark = pytest.mark.clause("2.4")

KEY, CONTEXT = bytes(range(32)), b"environment and home"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with serving(tmp_path_factory.mktemp("transit")) as engine:
        yield engine


@pytest.fixture
def engine(served: Engine) -> Engine:
    served.status, served.silent_for, served.body = 0, 0.0, b'{"errors":[]}'
    served.tokens, served.keys = {"s.first"}, {"root": served.keys.get("root", Key())}
    served.give_token("s.first")
    served.asked.clear()
    return served


def opened(engine: Engine, key: str = "root", more: str = "") -> TransitRoot:
    uri = engine.address(key, more)
    address = parse(uri)
    assert isinstance(address, TransitAddress)
    return TransitRoot(uri, address, wait=lambda _seconds: None)


def test_the_wire_is_as_documented(engine: Engine) -> None:
    wrapped = opened(engine, more="&namespace=team/a").wrap(KEY, CONTEXT)
    assert opened(engine).unwrap(wrapped, CONTEXT) == KEY

    (about, encrypt, decrypt) = engine.asked
    assert [(one[0], one[1]) for one in engine.asked] == [
        ("GET", "/v1/transit/keys/root"),
        ("POST", "/v1/transit/encrypt/root"),
        ("POST", "/v1/transit/decrypt/root"),
    ]
    assert about[2]["x-vault-token"] == "s.first"
    assert encrypt[2]["x-vault-namespace"] == "team/a"
    sent = json.loads(encrypt[3])
    assert base64.b64decode(sent["plaintext"]) == KEY
    assert sent["context"] == sent["associated_data"]
    assert CONTEXT in base64.b64decode(sent["context"])
    assert json.loads(decrypt[3])["ciphertext"].startswith("vault:v1:")


def test_what_it_wraps_it_alone_opens_and_in_its_context(engine: Engine) -> None:
    root = opened(engine)
    wrapped = root.wrap(KEY, CONTEXT)
    with pytest.raises(Tampered):
        root.unwrap(wrapped, b"another home")
    for place in (0, 1, 3, 6, 20, len(wrapped) - 5):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            root.unwrap(bytes(changed), CONTEXT)
    engine.keys["root"] = Key()
    with pytest.raises(Tampered):
        root.unwrap(wrapped, CONTEXT)


def test_the_version_is_recorded_and_an_older_one_opens_until_it_is_ended(engine: Engine) -> None:
    root = opened(engine)
    old = root.wrap(KEY, CONTEXT)
    engine.keys["root"].versions.append(bytes(32))
    new = root.wrap(KEY, CONTEXT)
    first = len(engine.keys["root"].versions) - 1
    assert f"transit/root:v{first}".encode() in old
    assert f"transit/root:v{first + 1}".encode() in new
    assert root.unwrap(old, CONTEXT) == root.unwrap(new, CONTEXT) == KEY
    engine.keys["root"].oldest = first + 1
    with pytest.raises(Misconfigured):
        root.unwrap(old, CONTEXT)
    engine.keys["root"] = Key()


@pytest.mark.parametrize(
    "key",
    [Key(derived=False), Key(exportable=True), Key(type="rsa-4096")],
    ids=["binds-none", "can-leave", "no-aes"],
)
def test_a_key_that_binds_no_context_or_can_leave_is_refused(engine: Engine, key: Key) -> None:
    engine.keys["soft"] = key
    with pytest.raises(Misconfigured, match="not derived"):
        opened(engine, "soft").wrap(KEY, CONTEXT)
    with pytest.raises(Misconfigured, match="no transit key"):
        opened(engine, "absent").wrap(KEY, CONTEXT)


def test_a_token_that_was_renewed_is_read_again(engine: Engine) -> None:
    root = opened(engine)
    wrapped = root.wrap(KEY, CONTEXT)
    engine.tokens = {"s.second"}
    with pytest.raises(Misconfigured, match="refuses the token"):
        root.unwrap(wrapped, CONTEXT)
    assert len(engine.asked) == 3  # a token that did not change is not tried again
    engine.give_token("s.second")
    assert root.unwrap(wrapped, CONTEXT) == KEY


def test_a_token_that_others_can_read_is_refused(engine: Engine) -> None:
    engine.token_file.chmod(0o644)
    with pytest.raises(Misconfigured, match="open to others"):
        opened(engine).wrap(KEY, CONTEXT)


@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [
        (503, Unavailable, 3),
        (500, Unavailable, 3),
        (429, Unavailable, 3),
        (473, Unavailable, 3),
        (403, Misconfigured, 1),
        (404, Misconfigured, 1),
        (400, Misconfigured, 1),
        (301, Misconfigured, 1),
        (200, Unavailable, 1),
    ],
)
def test_a_refusal_is_bounded_and_nothing_of_it_is_repeated(
    engine: Engine, status: int, kind: type[StrongroomError], calls: int
) -> None:
    root = opened(engine)
    wrapped = root.wrap(KEY, CONTEXT)
    engine.asked.clear()
    engine.status, engine.body = status, b'{"errors":["said s.first to nobody"]}'
    with pytest.raises(kind) as told:
        root.unwrap(wrapped, CONTEXT)
    assert "s.first" not in str(told.value)
    assert len(engine.asked) == calls


def test_a_server_that_no_authority_vouches_for_gets_no_token(engine: Engine) -> None:
    uri = engine.address().partition("&ca-file")[0]
    address = parse(uri)
    assert isinstance(address, TransitAddress)
    with pytest.raises(Unavailable, match="tls"):
        TransitRoot(uri, address, wait=lambda _seconds: None).wrap(KEY, CONTEXT)
    assert engine.asked == []


@pytest.mark.long
def test_a_server_that_is_silent_is_left_in_time(engine: Engine) -> None:
    root = opened(engine)
    wrapped = root.wrap(KEY, CONTEXT)
    engine.silent_for = 4.0
    with pytest.raises(Unavailable, match="timeout"):
        root.unwrap(wrapped, CONTEXT)
