"""Recognises credentials by their form: Amazon's, AWS's, database URLs with a password, private keys [2.5].

Pure. A credential's own form has to give it away: words such as "password" near a value give nothing, since
documents are full of them. Placeholders and the examples of vendors' documents are passed over.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LONGEST_BYTES: Final = 1024
"""As much of a credential as has to be seen at once."""

_FINGERPRINT_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential, and where it is. Prints without its value."""

    kind: str
    start: int
    end: int
    value: str = field(repr=False)

    @property
    def fingerprint(self) -> str | None:
        """The first half of a SHA-256, for allow-lists; None where the value could be guessed from it."""
        if self.kind == "database-url":
            return None
        return hashlib.sha256(self.value.encode()).hexdigest()[:_FINGERPRINT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A form, and a few bytes that are in each of it: where they are not, nothing has to be tried."""

    kind: str
    hints: tuple[bytes, ...]
    before: int
    """As much of the form as may precede the hint."""
    pattern: re.Pattern[bytes]
    folded: bool = False
    """The hint is in any case."""


_RULES: Final = (
    _Rule(
        "lwa-client-secret",
        (b"amzn1.oa2-cs.v1.",),
        0,
        re.compile(rb"amzn1\.oa2-cs\.v1\.(?P<value>[0-9a-f]{64})(?![0-9a-f])"),
    ),
    _Rule(
        # The older form has no prefix: only its name tells it from a digest.
        "lwa-client-secret",
        (b"secret",),
        40,
        re.compile(
            rb"(?i:(?:lwa|sp_?api|amazon)[a-z_-]{0,16}client_?secret)[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
            rb"(?P<value>[0-9a-f]{64})(?![0-9a-f])"
        ),
        folded=True,
    ),
    _Rule(
        "lwa-refresh-token",
        (b"Atzr",),
        0,
        re.compile(rb"Atzr(?:\||%7[Cc])(?P<value>[A-Za-z0-9_+/-]{40,600}={0,2})"),
    ),
    _Rule(
        "lwa-access-token",
        (b"Atza",),
        0,
        re.compile(rb"Atza(?:\||%7[Cc])(?P<value>[A-Za-z0-9_+/-]{40,600}={0,2})"),
    ),
    _Rule(
        "aws-access-key",
        (b"AKIA", b"ASIA"),
        0,
        re.compile(rb"(?<![A-Za-z0-9/+])(?P<value>A[KS]IA[A-Z2-7]{16})(?![A-Za-z0-9/+=])"),
    ),
    _Rule(
        "aws-secret-key",
        (b"secret",),
        16,
        re.compile(
            rb"(?i:aws_?(?:sam_)?secret_?(?:access_?)?key(?:_id)?)[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
            rb"(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        folded=True,
    ),
    _Rule(
        "database-url",
        (b"://",),
        28,
        re.compile(
            rb"(?:postgres(?:ql)?|mysql|mariadb|mongodb|mssql|oracle|rediss?|amqps?)(?:\+[a-z0-9]{1,16})?"
            rb"://[^\s:/@\"'`<>{}$\\]{0,64}:(?P<value>[^\s/@\"'`<>\\]{4,128})@(?!(?i:host|hostname|server|[a-z0-9.-]*example|[a-z0-9-]+\.invalid)\b)[A-Za-z0-9\[]"
        ),
    ),
    _Rule(
        "private-key",
        (b"PRIVATE KEY-----",),
        24,
        re.compile(
            rb"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH) )?PRIVATE KEY-----(?:\\n|\s){1,4}"
            rb"(?P<value>[A-Za-z0-9+/]{40,80})"
        ),
    ),
    _Rule(
        "age-secret-key",
        (b"AGE-SECRET-KEY-1",),
        0,
        re.compile(rb"AGE-SECRET-KEY-1(?P<value>[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})"),
    ),
)
_PLACEHOLDER: Final = re.compile(
    r"\W*(?:\$|%|\{|\[|x+$|\*+$|\.+$|(?:the|your|my|a|db|some)?[-_ ]?"
    r"(?:password|passwd|passwort|pass|pwd|secret|pw)\W*\d*$|"
    r"change-?_?me|example|redacted|hidden|postgres$|root$|guest$|user$|test$|admin$|mysql$|token$|tiger$|hunter2$|pypass$|s3cr3t$)",
    re.IGNORECASE,
)
_FEWEST_CHARACTERS: Final = 9
"""Different ones in a random value: fewer, and somebody typed it as an example."""


def credentials(data: bytes) -> Iterator[Credential]:
    """Yield every credential in the data."""
    folded = data.lower()
    for rule in _RULES:
        where = folded if rule.folded else data
        end = 0
        for hint in rule.hints:
            at = where.find(hint)
            while at >= 0:
                stop = at + LONGEST_BYTES
                found = rule.pattern.search(data, max(end, at - rule.before), stop)
                # A match further on has a hint of its own.
                if found is not None and found.start() <= at:
                    end = found.end()
                    value = found["value"].decode("ascii", "replace")
                    if not _is_example(rule.kind, value):
                        yield Credential(
                            rule.kind, *found.span(), _whole(rule.kind, found[0], value)
                        )
                at = where.find(hint, at + len(hint))


def _whole(kind: str, text: bytes, value: str) -> str:
    """Return a credential as it was issued, by which our own are recognised."""
    if text.startswith(b"amzn1."):
        return text.decode()
    return f"{text[:4].decode()}|{value}" if kind.endswith("-token") else value


def _is_example(kind: str, value: str) -> bool:
    if kind == "database-url":
        return _PLACEHOLDER.match(value) is not None
    upper = value.upper()
    return len(set(value)) < _FEWEST_CHARACTERS or "EXAMPLE" in upper or "0123456789" in upper
