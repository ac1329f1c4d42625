"""A passkey authenticator in software: a browser's answers to both WebAuthn ceremonies, right, or wrong on purpose."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "https://desk.example.com"
HOST = "desk.example.com"

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """Holds one passkey. Every attribute may be changed to make its answers wrong."""

    origin: str = ORIGIN
    host: str = HOST
    counter: int = 1
    """0: an authenticator that counts nothing."""
    verified: bool = True
    framed: bool = False
    kind: str | None = None
    """Stands in for the type in the client's data."""
    format: str = "none"
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: str) -> str:
        """Return what `navigator.credentials.create` gives for these options."""
        client = self._client("webauthn.create", json.loads(options)["challenge"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id
        data = self._data(_ATTESTED) + attested + cbor2.dumps(public)
        statement: dict[str, Any] = {}
        if self.format == "packed":
            statement = {"alg": -7, "sig": self._signed(data, client)}
        attestation = {"fmt": self.format, "attStmt": statement, "authData": data}
        return self._answer(
            {"clientDataJSON": _text(client), "attestationObject": _text(cbor2.dumps(attestation))}
        )

    def get(self, options: str) -> str:
        """Return what `navigator.credentials.get` gives for these options; the counter rises."""
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        if self.counter:
            self.counter += 1
        data = self._data(0)
        return self._answer(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(self._signed(data, client)),
                "userHandle": None,
            }
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps(
            {
                "type": self.kind or kind,
                "challenge": challenge,
                "origin": self.origin,
                "crossOrigin": self.framed,
            }
        ).encode()

    def _data(self, flags: int) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verified else 0)
        return sha256(self.host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def _signed(self, data: bytes, client: bytes) -> bytes:
        return self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))

    def _answer(self, response: dict[str, Any]) -> str:
        id_ = _text(self.credential_id)
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})


def altered(response: str, name: str) -> str:
    """Return an answer with one bit of a field turned over."""
    document = json.loads(response)
    text = document["response"][name]
    raw = bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[-1] ^= 1
    document["response"][name] = _text(bytes(raw))
    return json.dumps(document)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
