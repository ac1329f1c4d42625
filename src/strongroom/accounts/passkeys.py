"""What a browser and we say to each other about a passkey: WebAuthn's two ceremonies [1.4].

A passkey stands for both factors: it is something its owner has, opened by something they know or are, so user
verification is required in both ceremonies. Origin and RP id are compared as wholes; a frame of another site is
refused. No attestation is asked for: which make an authenticator is decides nothing here. Pure; py_webauthn does the
parsing and the signatures (W3C Web Authentication Level 3, sections 7.1 and 7.2).
"""

from dataclasses import dataclass
from typing import Final

import orjson
import webauthn
from webauthn.helpers import (
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from strongroom.accounts.visits import Site
from strongroom.errors import Unauthenticated

CHALLENGE_BYTES: Final = 32

_LONGEST_RESPONSE: Final = 16 * 1024
_LONGEST_CREDENTIAL_ID: Final = 1023  # WebAuthn Level 3, section 7.1
_TIMEOUT_MS: Final = 300_000
_FORMATS: Final = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""Some password managers sign themselves though nobody asked. The other formats carry certificates: never parsed."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A passkey that a browser made: all public."""

    credential_id: bytes
    public_key: bytes
    counter: int


def registration_options(
    site: Site, *, name: str, handle: bytes, challenge: bytes, known: list[bytes]
) -> str:
    """Return what `navigator.credentials.create` takes, as JSON; `known` are passkeys its owner has already."""
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name="Strongroom",
        user_name=name,
        user_id=handle,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=id_) for id_ in known],
    )
    return webauthn.options_to_json(options)


def registered(site: Site, challenge: bytes, response: str) -> Registered:
    """Return the passkey that answers this challenge. Raises: Unauthenticated."""
    try:
        credential = parse_registration_credential_json(_bounded(response))
        _refuse_framed(credential.response.client_data_json)
        _refuse_certificates(credential.response.attestation_object)
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - parsers of a stranger's bytes fail in many ways; each means: nothing was proved
        raise _refusal() from None
    if (
        len(found.credential_id) > _LONGEST_CREDENTIAL_ID
        or found.credential_id != credential.raw_id
    ):
        raise _refusal()
    return Registered(found.credential_id, found.credential_public_key, found.sign_count)


def assertion_options(site: Site, challenge: bytes, known: list[bytes]) -> str:
    """Return what `navigator.credentials.get` takes, as JSON; where none is `known`, any passkey of this site."""
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=id_) for id_ in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def claimed(response: str) -> bytes:
    """Return which passkey an answer claims to be of; it has proved nothing yet. Raises: Unauthenticated."""
    try:
        return parse_authentication_credential_json(_bounded(response)).raw_id
    except Exception:  # noqa: BLE001 - as above
        raise _refusal() from None


def asserted(site: Site, challenge: bytes, response: str, public_key: bytes) -> int:
    """Return the signature counter of a right answer to this challenge; whether it rose is the caller's to see.

    Raises:
        Unauthenticated: another challenge, origin, RP id or key; or its user was not verified.

    """
    try:
        credential = parse_authentication_credential_json(_bounded(response))
        _refuse_framed(credential.response.client_data_json)
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=public_key,
            # The library compares before it checks the signature; only a signed counter says something.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - as above
        raise _refusal() from None
    return found.new_sign_count


def _bounded(response: str) -> str:
    if len(response) > _LONGEST_RESPONSE or not isinstance(orjson.loads(response), dict):
        raise _refusal()
    return response


def _refuse_framed(client_data: bytes) -> None:
    if parse_client_data_json(client_data).cross_origin:
        raise _refusal()


def _refuse_certificates(attestation_object: bytes) -> None:
    attestation = parse_attestation_object(attestation_object)
    if attestation.fmt not in _FORMATS or attestation.att_stmt.x5c:
        raise _refusal()


def _refusal() -> Unauthenticated:
    return Unauthenticated("the passkey's answer proves nothing here")
