"""Project Wycheproof's vectors against what our crypto room is made of: the crafted ones must fail, the others open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from strongroom.crypto.derive import KEY_BYTES, keyed_states, sha256
from strongroom.crypto.envelope import open_, seal
from strongroom.errors import Tampered

pytestmark = pytest.mark.clause("2.4")

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wycheproof.json").read_text())
_VERSION = b"\x01"


def cases(name: str) -> Any:
    """Return each vector with its hexadecimal members as bytes."""
    found = []
    for one in _VECTORS[name]:
        read = {
            k: bytes.fromhex(v) if isinstance(v, str) else v
            for k, v in one.items()
            if k != "result"
        }
        found.append(pytest.param(read, one["result"], id=str(one["id"])))
    return pytest.mark.parametrize(("given", "result"), found)


@cases("aes_gcm")
def test_envelopes_are_aes_256_gcm(given: Any, result: str) -> None:
    sealed = _VERSION + given["iv"] + given["ct"] + given["tag"]
    if result == "valid":
        made = seal(given["key"], given["msg"], context=given["aad"], entropy=lambda _: given["iv"])
        assert made == sealed
        assert open_(given["key"], sealed, context=given["aad"], name="a vector") == given["msg"]
    else:
        with pytest.raises(Tampered):
            open_(given["key"], sealed, context=given["aad"], name="a vector")


@cases("hmac_sha256")
def test_keyed_states_are_hmac(given: Any, result: str) -> None:
    inner, outer = keyed_states(sha256, given["key"], given["msg"])
    outer.update(inner.digest())
    assert len(given["key"]) == KEY_BYTES
    assert (outer.digest() == given["tag"]) is (result == "valid")


@cases("hkdf_sha256")
def test_derivation_is_hkdf(given: Any, result: str) -> None:
    """Also with salt and other lengths, which `derive` never asks for."""
    if result == "valid":
        made = HKDF(SHA256(), given["size"], given["salt"] or None, given["info"])
        assert made.derive(given["ikm"]) == given["okm"]
    else:
        with pytest.raises(ValueError, match="larger"):
            HKDF(SHA256(), given["size"], given["salt"] or None, given["info"])


@cases("ed25519")
def test_signatures_are_ed25519(given: Any, result: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(given["publicKey"])
    if result == "valid":
        key.verify(given["sig"], given["msg"])
    else:
        with pytest.raises(InvalidSignature):
            key.verify(given["sig"], given["msg"])


@cases("x25519")
def test_what_messages_and_archives_agree_on_is_x25519(given: Any, result: str) -> None:
    """A point of small order gives no secret at all: refused, where the vectors leave it open."""
    private = X25519PrivateKey.from_private_bytes(given["private"])
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(given["public"]))
    except ValueError:
        assert result == "acceptable"
        assert not any(given["shared"])
        return
    assert shared == given["shared"]


@cases("aes_kw")
def test_keys_of_sealed_messages_are_wrapped_by_aes_kw(given: Any, result: str) -> None:
    if result == "valid":
        assert aes_key_unwrap(given["key"], given["ct"]) == given["msg"]
        assert aes_key_wrap(given["key"], given["msg"]) == given["ct"]
    else:
        with pytest.raises((InvalidUnwrap, ValueError)):
            aes_key_unwrap(given["key"], given["ct"])
