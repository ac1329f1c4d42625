"""Addresses of root keys: what they name, and what is refused without being repeated [2.4, 2.5]."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Misconfigured, Tampered
from strongroom.roots.address import (
    KmsAddress,
    Pkcs11Address,
    TransitAddress,
    parse,
    provider_of,
    secret_file,
)
from strongroom.roots.wrapped import Kind, Wrapped, pack, unpack

pytestmark = pytest.mark.clause("2.4", "2.5")

MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"
PIN = "pin-source=file:/etc/strongroom/pin"


def test_a_token_is_named_as_rfc_7512_has_it() -> None:
    found = parse(f"pkcs11:token=My%20HSM;object=root;id=%01%ff;serial=%30?{MODULE}&{PIN}")
    assert found == Pkcs11Address(
        Path("/usr/lib/softhsm/libsofthsm2.so"),
        Path("/etc/strongroom/pin"),
        "root",
        "My HSM",
        b"0",
        b"\x01\xff",
    )
    assert secret_file(found) == Path("/etc/strongroom/pin")


def test_a_kms_key_is_named_by_arn_or_alias() -> None:
    arn = "arn:aws:kms:eu-central-1:111122223333:key/0b1f0d4c-1b9c-4c1a-8d6e-0d6a5a3f7c11"
    assert parse(f"aws-kms:{arn}") == KmsAddress(
        arn, "eu-central-1", "https://kms.eu-central-1.amazonaws.com"
    )
    found = parse("aws-kms:alias/strongroom?region=cn-north-1")
    assert found == KmsAddress(
        "alias/strongroom", "cn-north-1", "https://kms.cn-north-1.amazonaws.com.cn"
    )
    assert secret_file(found) is None


def test_a_transit_key_is_the_last_of_its_path() -> None:
    found = parse(
        "transit:https://bao.example:8200/team/transit/root?token-file=/run/token&namespace=a/b"
    )
    assert found == TransitAddress(
        "https://bao.example:8200", "team/transit", "root", Path("/run/token"), None, "a/b"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "", "root.key", "http:x", "aws-kms", "pkcs11:", "aws-kms:", "transit:",
        f"pkcs11:object=root?{MODULE}&{PIN}",
        f"pkcs11:token=t?{MODULE}&{PIN}",
        f"pkcs11:token=t;object=root?{MODULE}",
        f"pkcs11:token=t;object=root?{PIN}",
        f"pkcs11:token=t;object=root?module-path=lib.so&{PIN}",
        f"pkcs11:token=t;object=root;type=private?{MODULE}&{PIN}",
        f"pkcs11:token=t;token=u;object=root?{MODULE}&{PIN}",
        f"pkcs11:token=%ff;object=root?{MODULE}&{PIN}",
        f"pkcs11:token=t;object=root?{MODULE}&pin-source=|cat",
        f"pkcs11:token=t;object=root;pin-value=1234?{MODULE}&{PIN}",
        f"pkcs11:token=t;object=root?{MODULE}&{PIN}&pin-value=1234",
        "aws-kms:alias/x", "aws-kms:alias/x?region=../..", "aws-kms:x?region=eu-central-1",
        "aws-kms:alias/x?region=eu-central-1&endpoint=http://kms.example",
        "aws-kms:alias/x?region=eu-central-1&endpoint=https://me:1234@kms.example",
        "aws-kms:arn:aws:kms:eu-central-1:1:key/x",
        "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/x?region=eu-west-1",
        "transit:http://bao.example/transit/root?token-file=/t",
        "transit:https://bao.example/root?token-file=/t",
        "transit:https://bao.example/transit/../root?token-file=/t",
        "transit:https://bao.example/transit/root",
        "transit:https://bao.example/transit/root?token-file=t",
        "transit:https://bao.example/transit/root?token-file=/t&token-value=1234",
        "transit:https://u:1234@bao.example/transit/root?token-file=/t",
    ],
)  # fmt: skip
def test_an_address_of_another_form_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(Misconfigured) as told:
        parse(uri)
    assert "1234" not in str(told.value)


def test_a_file_has_an_address_of_its_own() -> None:
    assert provider_of("file:root.key") == "file"
    with pytest.raises(Misconfigured):
        parse("file:root.key")


@given(st.sampled_from(Kind), st.text(max_size=40), st.binary(min_size=1, max_size=200))
def test_what_was_wrapped_is_read_as_it_was_written(kind: Kind, key: str, body: bytes) -> None:
    raw = pack(kind, key, body)
    assert unpack(kind, raw) == Wrapped(key, body)
    for other in set(Kind) - {kind}:
        with pytest.raises(Tampered):
            unpack(other, raw)


@given(st.sampled_from(Kind), st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(kind: Kind, raw: bytes) -> None:
    with contextlib.suppress(Tampered):
        unpack(kind, raw)


def test_the_bytes_are_as_documented() -> None:
    assert pack(Kind.TRANSIT, "transit/root:v1", b"body").hex() == (
        "0103000f" + b"transit/root:v1body".hex()
    )
