"""What a scan found, without a value: findings, a list of allowed ones with reasons and dates, SARIF 2.1.0. Pure."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import quote

from strongroom.errors import Malformed
from strongroom.leaks.credentials import credentials
from strongroom.leaks.shapes import Kind, shapes

LONGEST_ALLOWANCE: Final = timedelta(days=366)
"""Whoever allows something looks at it again within a year."""

_SHORTEST_REASON: Final = 10
_SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RANK: Final = {"vault.canary": 100.0}
"""SARIF's own measure beyond `error`, the highest level it has: what only a thief can have left there."""

_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "vault.canary": ("error", "a canary"),
    "vault.email": ("error", "an e-mail address that is in the vault"),
    "vault.phone": ("error", "a phone number that is in the vault"),
    "vault.order": ("error", "an order id that is in the vault"),
    "shape.email": ("warning", "an e-mail address"),
    "shape.phone": ("warning", "a phone number"),
    "token.forged": ("warning", "a text in the form of a token that was not minted here"),
    "secret.lwa-client-secret": ("error", "a client secret of Login with Amazon"),
    "secret.lwa-refresh-token": ("error", "a refresh token of Login with Amazon"),
    "secret.lwa-access-token": ("warning", "an access token of Login with Amazon"),
    "secret.aws-access-key": ("warning", "the id of an AWS access key"),
    "secret.aws-secret-key": ("error", "an AWS secret key"),
    "secret.database-url": ("error", "the address of a database with its password"),
    "secret.private-key": ("error", "a private key"),
    "secret.age-secret-key": ("error", "a secret key of age"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Names where it is and what it is, never the value."""

    kind: str
    file: str
    member: str | None = None
    table: str | None = None
    column: str | None = None
    row: str | None = None
    object: str | None = None
    commit: str | None = None
    offset: int = 0
    line: int | None = None
    encoding: str = "raw"
    times: int = 1
    """How often it stands in this file, in this encoding."""
    records: tuple[int, ...] = ()
    token: str | None = None
    fingerprint: str | None = None
    ours: str | None = None
    """Of a credential issued here: whether it still works."""
    seller: int | None = None
    """Whose canary it is."""

    @property
    def what(self) -> str:
        """What it is, in words."""
        words = _RULES[self.kind][1]
        return words if self.seller is None else f"{words} of selling partner {self.seller}"

    @property
    def where(self) -> str:
        """Where it is, in one line."""
        place = self.file if self.member is None else f"{self.file}!{self.member}"
        if self.table is not None:
            return f"{place}: {self.table}.{self.column}, row {self.row}"
        if self.commit is not None or self.object is not None:
            place += f" (commit {(self.commit or '?')[:12]}, object {(self.object or '')[:12]})"
        return f"{place}:{self.line}" if self.line is not None else f"{place}, byte {self.offset}"

    def to_json(self) -> dict[str, Any]:
        """Return what is known as JSON."""
        found = {name: getattr(self, name) for name in Finding.__dataclass_fields__}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value not in (None, ())
        }


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry of an allow-list: what, where, why, and until when."""

    path: str
    kind: str
    reason: str
    expires: date
    fingerprint: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Say whether the finding is the one meant, whatever the date."""
        parts = (finding.file, finding.member, finding.table, finding.column)
        place = "/".join(part for part in parts if part is not None).replace("!", "/")
        return (
            fnmatchcase(finding.kind, self.kind)
            and (fnmatchcase(place, self.path) or fnmatchcase(place, f"*/{self.path}"))
            and self.fingerprint in (None, finding.fingerprint)
        )


def parse_allowances(text: str, today: date) -> list[Allowance]:
    """Return the entries of an allow-list, expired ones included.

    Raises:
        Malformed: an entry lacks something, or stands for longer than a year; the message says which.

    """
    try:
        entries = tomllib.loads(text).get("allow", [])
    except tomllib.TOMLDecodeError:
        raise Malformed("the allow-list is no TOML") from None
    if not isinstance(entries, list):
        raise Malformed("the allow-list has entries [[allow]] only")
    return [_allowance(number, entry, today) for number, entry in enumerate(entries, 1)]


def _allowance(number: int, entry: object, today: date) -> Allowance:
    known = {"path", "kind", "reason", "expires", "fingerprint"}
    if (
        not isinstance(entry, dict)
        or not {"path", "kind", "reason", "expires"} <= set(entry) <= known
    ):
        raise Malformed(f"entry {number} of the allow-list wants path, kind, reason and expires")
    expires = entry["expires"]
    texts = [entry[name] for name in ("path", "kind", "reason")] + [entry.get("fingerprint", "")]
    if type(expires) is not date or not all(isinstance(text, str) for text in texts):
        raise Malformed(f"entry {number} of the allow-list: texts, and a date for expires")
    if len(entry["reason"].strip()) < _SHORTEST_REASON:
        raise Malformed(f"entry {number} of the allow-list gives no reason")
    if expires > today + LONGEST_ALLOWANCE:
        raise Malformed(f"entry {number} of the allow-list stands for longer than a year")
    return Allowance(
        entry["path"], entry["kind"], entry["reason"], expires, entry.get("fingerprint")
    )


def sift(
    findings: Iterable[Finding], allowances: Sequence[Allowance], today: date
) -> tuple[list[Finding], int, list[int]]:
    """Return the findings that stand, how many were allowed, and the numbers of entries whose day is past."""
    stand, allowed = [], 0
    late = [number for number, entry in enumerate(allowances, 1) if entry.expires < today]
    good = [entry for entry in allowances if entry.expires >= today]
    for finding in findings:
        if any(entry.covers(finding) for entry in good):
            allowed += 1
        else:
            stand.append(finding)
    return stand, allowed, late


def masked(name: str) -> str:
    """Return a name with everything in it that looks like personal data or a credential replaced."""
    raw = name.encode(errors="surrogateescape")
    spans = [(s.start, s.end, s.kind.value) for s in shapes(raw) if s.kind is not Kind.TOKEN]
    spans += [(found.start, found.end, "secret") for found in credentials(raw)]
    for start, end, kind in sorted(spans, reverse=True):
        raw = raw[:start] + f"[{kind}]".encode() + raw[end:]
    text = raw.decode(errors="replace")
    return "".join(character if character.isprintable() else "?" for character in text)


def sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log (OASIS Standard) of one run."""
    used = sorted({finding.kind for finding in findings})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "strongroom",
                        "version": version,
                        "rules": [_rule(kind) for kind in used],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, used.index(finding.kind)) for finding in findings],
            }
        ],
    }


def _rule(kind: str) -> dict[str, Any]:
    level, words = _RULES[kind]
    return {
        "id": kind,
        "shortDescription": {"text": words},
        "defaultConfiguration": {"level": level},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    region: dict[str, Any] = {"byteOffset": finding.offset}
    if finding.line is not None and finding.member is None:
        region["startLine"] = finding.line
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(finding.file, safe="/:@")},
            "region": region,
        }
    }
    logical = [
        part for part in (finding.member, finding.table, finding.column, finding.row) if part
    ]
    if logical:
        location["logicalLocations"] = [{"fullyQualifiedName": "/".join(logical)}]
    rank = {"rank": _RANK[finding.kind]} if finding.kind in _RANK else {}
    return {
        **rank,
        "ruleId": finding.kind,
        "ruleIndex": rule,
        "level": _RULES[finding.kind][0],
        "message": {"text": f"{finding.what}: {finding.where}"},
        "locations": [location],
        "occurrenceCount": finding.times,
        "properties": finding.to_json(),
    }
