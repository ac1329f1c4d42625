"""Whoever ends TLS on the way, against the client: plain answers for sealed ones, one token's value for another's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.client import ApiError, Client
from strongroom.crypto.message import parse_public_key, seal_message
from strongroom.crypto.token import as_email, as_ip, as_url

WHY = {"purpose": "fulfilment", "reason": "label 4711"}
ASKED, OTHER = "ST000001000HB2RG8HFV", "ST000001000HB2RG8HFW"
LOGIN = {"access_token": "srapi_x", "token_type": "Bearer", "expires_in": 3600}


def value(token: str) -> dict[str, Any]:
    return {
        "token": token,
        "slot": "recipient.name",
        "category": "name",
        "seller": "acme",
        "record": 1024,
        "value": "Mallory",
    }


class Between(Client):
    """A client whose answers come from somebody on the way."""

    def __init__(self, answer: Any, *, seal_for: str | None = None, **options: Any) -> None:
        super().__init__("https://127.0.0.1:8444", "id", "secret", **options)
        self._answer, self._seal_for = answer, seal_for

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        content = json.dumps(LOGIN if path == "/v1/token" else self._answer).encode()
        if self._seal_for is not None and path != "/v1/token":
            return 200, {"content-type": "application/jose"}, seal_message(self._seal_for, content)
        return 200, {"content-type": "application/json"}, content


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    """Give a private key as PEM, and the JWK that seals for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), parse_public_key(public.decode())


@pytest.mark.clause("1.5")
def test_a_plain_answer_is_refused_where_a_sealed_one_is_due(pair: tuple[str, str]) -> None:
    private, jwk = pair
    record = {"record": 1, "seller": "acme", "state": "live", "tokens": {}}
    page = {"records": [record], "cursor": None}
    batch = {"results": [{"token": ASKED, "value": value(ASKED)}]}
    calls: list[tuple[Any, Any]] = [
        (value(ASKED), lambda c: c.reveal(ASKED, **WHY)),
        (batch, lambda c: c.reveal_batch([ASKED], **WHY)),
        ({"values": [value(ASKED)]}, lambda c: c.reveal_order("902-1", seller="acme", **WHY)),
        (page, lambda c: list(c.search(order="902-1", **WHY))),
        (record, lambda c: c.record(1)),
    ]
    for answer, call in calls:
        with pytest.raises(ApiError) as caught:
            call(Between(answer, private_key=private))
        assert caught.value.kind == "plain"
        assert "Mallory" not in str(caught.value)
        assert call(Between(answer, private_key=private, seal_for=jwk))
        assert call(Between(answer))
    # An app's own grants hold nothing to seal.
    assert Between({"grants": []}, private_key=private).grants() == []


@pytest.mark.clause("1.5")
def test_a_value_of_another_token_is_refused_sealed_or_not(pair: tuple[str, str]) -> None:
    private, jwk = pair
    for options in ({}, {"private_key": private, "seal_for": jwk}):
        swapped = {"results": [{"token": ASKED, "value": value(OTHER)}]}
        turned = {"results": [{"token": t, "value": value(t)} for t in (OTHER, ASKED)]}
        calls: list[tuple[Any, Any]] = [
            (value(OTHER), lambda c: c.reveal(ASKED, **WHY)),
            (swapped, lambda c: c.reveal_batch([ASKED], **WHY)),
            (turned, lambda c: c.reveal_batch([ASKED, OTHER], **WHY)),
        ]
        for answer, call in calls:
            with pytest.raises(ApiError, match="another token"):
                call(Between(answer, **options))


def test_every_spelling_of_a_token_is_the_token() -> None:
    for asked in (ASKED, ASKED.lower(), as_email(ASKED), as_url(ASKED), as_ip(ASKED)):
        assert Between(value(ASKED)).reveal(asked, **WHY).value == "Mallory"
        with pytest.raises(ApiError):
            Between(value(OTHER)).reveal(asked, **WHY)
