"""Asks a timestamp authority when a checkpoint was, and verifies what it says (RFC 3161).

The answer counts when it is signed under one of the roots the authority was added with, names our hash and repeats our
nonce: a recorded answer, or one about something else, does not.
"""

import re
from datetime import datetime
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from strongroom.anchors.rows import Failed
from strongroom.anchors.witness import send
from strongroom.audit import Reason
from strongroom.errors import Malformed
from strongroom.outbound import Outbound

_OK: Final = 200
_ASKED: Final = {"content-type": "application/timestamp-query"}
_ANSWERED: Final = "application/timestamp-reply"
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def roots_of(pem: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text. Raises: Malformed where there is none."""
    try:
        found = [x509.load_pem_x509_certificate(m.encode()) for m in _CERTIFICATE.findall(pem)]
    except ValueError:
        found = []
    if not found:
        raise Malformed("a timestamp authority is added with its root certificates in PEM")
    return found


def stamp(outbound: Outbound, place: str, pem: str, note: str) -> tuple[bytes, datetime]:
    """Return an authority's answer for this note, in DER, and the instant it names.

    Raises:
        Failed: it is not there, refuses, or what it says does not hold.

    """
    builder = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    answer = send(outbound, "POST", place, request.as_bytes(), dict(_ASKED))
    if answer.status != _OK:
        raise Failed(Reason.UPSTREAM_ERROR)
    if answer.headers.get("content-type", "").partition(";")[0].strip() != _ANSWERED:
        raise Failed(Reason.MALFORMED_UPSTREAM)
    verifier = VerifierBuilder.from_request(request)
    for root in roots_of(pem):
        verifier = verifier.add_root_certificate(root)
    try:
        found = decode_timestamp_response(answer.body)
        instant = found.tst_info.gen_time
    except (ValueError, AttributeError):
        # A refusal has no token to read.
        raise Failed(Reason.MALFORMED_UPSTREAM) from None
    try:
        verifier.build().verify_message(found, note.encode())
    except (VerificationError, ValueError):
        raise Failed(Reason.TAMPERED) from None
    return answer.body, instant
