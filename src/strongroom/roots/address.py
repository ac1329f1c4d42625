"""Reads the address of a root key: which provider, which key there, and which file holds what opens the provider.

Pure. An address stands in settings, in the keystore and in lists: it names files that hold secrets and never a secret
(RFC 7512 would allow `pin-value`). No error repeats an address, because one typed wrongly may hold anything.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from strongroom.errors import Misconfigured

PKCS11, AWS_KMS, TRANSIT, FILE = "pkcs11", "aws-kms", "transit", "file"

_ARN: Final = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):kms:([a-z0-9-]{4,32}):[0-9]{12}:(key/[A-Za-z0-9-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})"
)
_ALIAS: Final = re.compile(r"alias/[A-Za-z0-9/_-]{1,250}")
_REGION: Final = re.compile(r"[a-z]{2}-[a-z0-9-]{1,30}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_./-]{1,256}")
_SHORTEST_PATH: Final = 2  # a mount and a key


@dataclass(frozen=True, slots=True)
class Pkcs11Address:
    """A key in a token: `pkcs11:token=T;object=O?module-path=/P&pin-source=file:/F` (RFC 7512)."""

    module: Path
    pin_file: Path
    object: str
    token: str | None = None
    serial: bytes | None = None
    id: bytes | None = None


@dataclass(frozen=True, slots=True)
class KmsAddress:
    """A key of AWS KMS: `aws-kms:ARN`, or `aws-kms:alias/NAME?region=R`; `endpoint` is asked in place of Amazon's."""

    key: str
    region: str
    endpoint: str
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TransitAddress:
    """A key of a transit engine: `transit:https://HOST/MOUNT/KEY?token-file=/F`, and `ca-file`, `namespace`."""

    base: str
    mount: str
    key: str
    token_file: Path
    ca_file: Path | None = None
    namespace: str | None = None


Address = Pkcs11Address | KmsAddress | TransitAddress


def provider_of(uri: str) -> str:
    """Return the word before the first colon: `file`, `pkcs11`, `aws-kms` or `transit`. Raises: Misconfigured."""
    scheme = uri.partition(":")[0]
    if scheme not in (FILE, PKCS11, AWS_KMS, TRANSIT):
        raise Misconfigured(
            "the root key's address has no known scheme",
            hint="file:PATH, pkcs11:…, aws-kms:… or transit:https://… (docs/keys.md)",
        )
    return scheme


def parse(uri: str) -> Address:
    """Return what an address outside of a file names. Raises: Misconfigured."""
    rest = uri.partition(":")[2]
    match provider_of(uri):
        case "pkcs11":
            return _pkcs11(rest)
        case "aws-kms":
            return _kms(rest)
        case "transit":
            return _transit(rest)
        case _:
            raise Misconfigured("a root key in a file has no address of this kind")


def secret_file(address: Address) -> Path | None:
    """Return the file that holds what opens the provider, None where Amazon's own chain of credentials does."""
    match address:
        case Pkcs11Address():
            return address.pin_file
        case TransitAddress():
            return address.token_file
        case _:
            return None


def _pkcs11(rest: str) -> Pkcs11Address:
    path, _, query = rest.partition("?")
    form = "pkcs11:token=T;object=O?module-path=/PATH&pin-source=file:/PATH"
    found = _pairs(path.split(";"), {"token", "serial", "object", "id", "type"}, form)
    asked = _pairs(query.split("&"), {"module-path", "pin-source"}, form)
    pin = _text(asked.get("pin-source", ""), form)
    module, pin_file = _absolute(_text(asked.get("module-path", ""), form)), _absolute(pin)
    names_token = "token" in found or "serial" in found
    if (
        not names_token
        or not found.get("object")
        or _text(found.get("type", "secret-key"), form) != "secret-key"
        or module is None
        or pin_file is None
    ):
        raise _wrong(form)
    serial, id_ = found.get("serial"), found.get("id")
    return Pkcs11Address(
        module,
        pin_file,
        _text(found["object"], form),
        _text(found["token"], form) if "token" in found else None,
        unquote_to_bytes(serial) if serial else None,
        unquote_to_bytes(id_) if id_ else None,
    )


def _kms(rest: str) -> KmsAddress:
    form = "aws-kms:arn:aws:kms:REGION:ACCOUNT:key/ID, or aws-kms:alias/NAME?region=REGION"
    key, _, query = rest.partition("?")
    options = _pairs(query.split("&"), {"region", "endpoint", "ca-file"}, form)
    arn = _ARN.fullmatch(key)
    region = arn[2] if arn else options.get("region", "")
    endpoint = _text(options.get("endpoint", ""), form).rstrip("/")
    if (arn is None and not _ALIAS.fullmatch(key)) or not _REGION.fullmatch(region):
        raise _wrong(form)
    if options.get("region", region) != region or (endpoint and not _is_https(endpoint)):
        raise _wrong(form)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    ca_file = _ca_file(options, form)
    return KmsAddress(key, region, endpoint or f"https://kms.{region}.{domain}", ca_file)


def _transit(rest: str) -> TransitAddress:
    form = "transit:https://HOST/MOUNT/KEY?token-file=/PATH"
    url, _, query = rest.partition("?")
    options = _pairs(query.split("&"), {"token-file", "ca-file", "namespace"}, form)
    token_file = _absolute(_text(options.get("token-file", ""), form))
    namespace = _text(options.get("namespace", ""), form).strip("/")
    if not _is_https(url) or token_file is None:
        raise _wrong(form)
    parts = urlsplit(url)
    segments = parts.path.strip("/").split("/")
    if len(segments) < _SHORTEST_PATH or not all(map(_SEGMENT.fullmatch, segments)):
        raise _wrong(form)
    if {".", ".."} & set(segments) or (namespace and not _NAMESPACE.fullmatch(namespace)):
        raise _wrong(form)
    return TransitAddress(
        f"https://{parts.netloc}",
        "/".join(segments[:-1]),
        segments[-1],
        token_file,
        _ca_file(options, form),
        namespace or None,
    )


def _pairs(parts: Iterable[str], known: set[str], form: str) -> dict[str, str]:
    """Return the attributes, still as they were written; each is known, and named once."""
    found: dict[str, str] = {}
    for part in parts:
        if not part:
            continue
        name, equals, value = part.partition("=")
        if name in ("pin-value", "token-value"):
            raise Misconfigured(
                "the root key's address holds a secret", hint="name a file that holds it [2.4]"
            )
        if not equals or name not in known or name in found:
            raise _wrong(form)
        found[name] = value
    return found


def _text(value: str, form: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise _wrong(form) from None


def _absolute(value: str) -> Path | None:
    plain = value.removeprefix("file:")
    if plain.startswith("//"):
        plain = plain.removeprefix("//")
    return Path(plain) if PurePosixPath(plain).is_absolute() and "\0" not in plain else None


def _ca_file(options: dict[str, str], form: str) -> Path | None:
    if "ca-file" not in options:
        return None
    path = _absolute(_text(options["ca-file"], form))
    if path is None:
        raise _wrong(form)
    return path


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and port_is_sound
        and parts.username is None
        and not parts.query
        and not parts.fragment
    )


def _wrong(form: str) -> Misconfigured:
    return Misconfigured("the root key's address has another form", hint=form)
