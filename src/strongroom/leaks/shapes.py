"""Cuts out of bytes what may be personal data: e-mail addresses, phone numbers, order ids, tokens [2.6]. Pure.

A shape carries the forms under which the vault may know it. `told` says that it is worth reporting although the vault
does not know it: few things are, because a scan that cries wolf is switched off. Reserved names and numbers (RFC 2606,
the fictional ranges of telephone plans) never are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LONGEST_BYTES: Final = 320
"""No shape is longer; RFC 5321 lets an address have 64 + 1 + 255."""


class Kind(StrEnum):
    """What a shape looks like."""

    EMAIL = "email"
    PHONE = "phone"
    ORDER = "order"
    TOKEN = "token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Shape:
    """Something that looks like personal data, and where it is. Prints without its value."""

    kind: Kind
    start: int
    end: int
    forms: tuple[str, ...] = field(repr=False)
    told: bool


_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLAIN: Final = _LETTERS + b"0123456789" + b"._%+-"
_HIGH: Final = bytes(range(0x80, 0x100))
# RFC 5321 allows these too, and every program writes them right before an address.
_ODD: Final = b"!#$&'*/=?^`{|}~"
_MOST_FORMS: Final = 6
_LONGEST_LOCAL: Final = 64
_DOMAIN: Final = re.compile(
    rb"[0-9A-Za-z\x80-\xff](?:[0-9A-Za-z\x80-\xff-]{0,62}\.)"
    rb"(?:[0-9A-Za-z\x80-\xff-]{1,63}\.){0,6}[A-Za-z\x80-\xff][0-9A-Za-z\x80-\xff-]{1,23}"
)
_NAMED: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._%+-]*[0-9A-Za-z]")
_RESERVED: Final = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org|edu)|example|test|invalid|localhost|local|internal|"
    r"users\.noreply\.github\.com)$"
)
_NOBODY: Final = re.compile(
    r"(?:git|hg|svn|root|admin|info|support|security|abuse|postmaster|hostmaster|webmaster|"
    r"sales|contact|hello|team|dev|legal|privacy|press|help|mail|office|service|daemon|"
    r"(?:mailer|cron)-daemon|do-?not-?reply|no-?reply|user|username|name|email|me|you|your\.?name|"
    r"firstname\.lastname|first\.last|foo|bar|test|example|someone|somebody|nobody|python-dev)"
    r"(?:[-+.].*)?"
)
# Top-level domains under which people have addresses; `py`, `rs`, `sh` are left out: names of files end so too.
_TOPS: Final = frozenset(
    """
    com net org edu gov mil int info biz name pro mobi jobs online shop store email xyz cloud app dev gmbh group agency
    company world life live today family ltd tech site club berlin hamburg koeln london paris amsterdam swiss
    ad ae af ag al am ao ar at au az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cd ch ci cl cm cn co cr cu
    cv cy cz de dj dk dm do dz ec ee eg es et eu fi fj fr ga ge gh gi gl gm gr gt gy hk hn hr ht hu ie il in iq ir is it
    jm jo jp ke kg kh kr kw kz lb li lk lr lt lu lv ly ma mc me mg mk ml mn mo mr mt mu mv mw mx my mz na ne ng ni nl no
    np nz om pa pe pk pl pt qa ro ru rw sa se sg si sk sm sn sv sy td tg th tj tn tr tt tw tz ua ug uk us uy uz va ve vn
    ye za zm zw
    """.split()  # noqa: SIM905 - read as text
)

# Country code -> digits of a national number: the countries of the SP-API's marketplaces and their neighbours.
_NATIONAL: Final = {
    "1": (10, 10), "20": (9, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9), "32": (8, 9), "33": (9, 9),
    "34": (9, 9), "36": (8, 9), "39": (9, 10), "40": (9, 9), "41": (9, 9), "43": (8, 12), "44": (10, 10),
    "45": (8, 8), "46": (7, 9), "47": (8, 8), "48": (9, 9), "49": (8, 11), "52": (10, 10), "55": (10, 11),
    "61": (9, 9), "65": (8, 8), "81": (9, 10), "90": (10, 10), "91": (10, 10), "351": (9, 9), "352": (8, 9),
    "353": (8, 9), "358": (8, 10), "420": (9, 9), "421": (9, 9), "966": (9, 9), "971": (8, 9),
}  # fmt: skip
_FICTIONAL: Final = re.compile(
    r"1\d{3}555(?:01\d\d|\d{4})|155501\d{5}|1555\d{7}|44(?:7700900|1632960|2079460|20794609)\d*|"
    r"4930(?:23125)\d*|4915(?:0|1)0*\d|\d{1,3}(\d)\1{6,}|\d{1,3}0?123456\d*|\d{2,6}2345678\d*|\d{1,4}[2-9]?0{6,}\d*"
)

_AFTER: Final = rb"(?![0-9A-Za-z_]|[.,:\-/][0-9A-Za-z])"
_EXTENSION: Final = rb"(?:[ ,;]{0,2}(?:x|ext\.?|Ext\.?|EXT)[ :]?[0-9]{1,6})?"
_PHONE: Final = re.compile(
    rb"(?<![0-9A-Za-z_+\-])(?P<abroad>\+[1-9](?:(?:[ .\-/]| ?\(|\) ?)?[0-9]){6,14})" + _EXTENSION + _AFTER
    + rb"|(?<![0-9A-Za-z_+.,\-])(?P<home>"
    rb"00[1-9](?:[ \-/]?[0-9]){8,12}"
    rb"|\(?0[1-9](?:(?:[ \-/]|\) ?)?[0-9]){7,10}"
    rb"|(?:1[ .\-])?\(?[2-9][0-9]{2}\)?[ .\-]?[2-9][0-9]{2}[ .\-]?[0-9]{4}"
    rb"|[1-9][0-9]{2} [0-9]{3} [0-9]{3,4})" + _EXTENSION + _AFTER
)  # fmt: skip
# What can only be looked at where digits are: the patterns above are too slow for every byte.
_RUN: Final = re.compile(rb"[0-9+(][0-9 ().\-/+]{7,}")
_NO_DIGITS: Final = b" ().-/+"
_ORDER: Final = re.compile(rb"(?<![0-9-])[0-9]{3}-[0-9]{7}-[0-9]{7}(?![0-9-])")
# The first character stands before what must not precede it: so whole stretches are skipped at once.
_TOKEN: Final = re.compile(
    rb"[Ss](?<![0-9A-Za-z].)(?:(?<=S)[RT][0-9A-HJKMNP-TV-Z]{18}|(?<=s)[rt][0-9a-hjkmnp-tv-z]{18})"
    rb"(?![0-9A-Za-z])"
)
_EXTENDED: Final = re.compile(r"[ ,;]*(?:x|ext).*", re.IGNORECASE | re.DOTALL)
_FEWEST_DIGITS_OF_A_TOKEN: Final = 4
_EXTENSION_BYTES: Final = 16
_FEWEST_DIGITS: Final = 8
_MOST_DIGITS: Final = 15  # E.164


def shapes(data: bytes) -> Iterator[Shape]:
    """Yield everything in the data that looks like personal data, kind by kind."""
    yield from _emails(data)
    for run in _RUN.finditer(data):
        if len(run[0].translate(None, _NO_DIGITS)) >= _FEWEST_DIGITS:
            yield from _phones(data, *run.span())
            for found in _ORDER.finditer(data, *run.span()):
                yield Shape(Kind.ORDER, *found.span(), (found[0].decode(),), told=False)
    for found in _TOKEN.finditer(data):
        text = found[0].decode().upper()
        # A word of twenty letters is no token; a record's number brings digits.
        if sum(character.isdigit() for character in text) >= _FEWEST_DIGITS_OF_A_TOKEN:
            yield Shape(Kind.TOKEN, *found.span(), (text,), told=False)


def _emails(data: bytes) -> Iterator[Shape]:
    at = data.find(b"@")
    while at >= 0:
        domain = _DOMAIN.match(data, at + 1)
        if domain is not None:
            shape = _email(data, at, domain.end())
            if shape is not None:
                yield shape
        at = data.find(b"@", at + 1)


def _email(data: bytes, at: int, end: int) -> Shape | None:
    before = data[max(0, at - _LONGEST_LOCAL) : at]
    plain = before[len(before.rstrip(_PLAIN)) :]
    wide = before[len(before.rstrip(_PLAIN + _ODD + _HIGH)) :]
    if not wide:
        return None
    domain = data[at + 1 : end]
    locals_: dict[bytes, None] = {plain: None, wide: None}
    for position, byte in enumerate(wide):
        if byte in _ODD:
            locals_[wide[position + 1 :]] = None
    # Names of files go on after an address, and so do sentences without a space.
    domains = [domain, *(domain.rsplit(b".", cut)[0] for cut in (1, 2) if domain.count(b".") > cut)]
    forms = []
    for local in list(locals_)[:_MOST_FORMS]:
        try:
            forms += [(local + b"@" + host).decode() for host in domains if local]
        except UnicodeDecodeError:
            continue
    if not forms:
        return None
    start = at - len(plain or wide)
    told = bool(plain) and _is_somebody(plain, domain) and not _in_url(data, start)
    return Shape(Kind.EMAIL, start, end, tuple(forms), told=told)


def _is_somebody(local: bytes, domain: bytes) -> bool:
    """Say whether an address can be a person's, by its form alone."""
    if not domain.isascii() or not (domain.islower() or domain.isupper()):
        return False
    name, host = local.decode().lower(), domain.decode().lower()
    first, _, top = host.rpartition(".")
    if top not in _TOPS:
        return False
    if len(name) < 3 or len(first.rpartition(".")[2]) < 2 or not _NAMED.fullmatch(name):  # noqa: PLR2004
        return False
    if not any(character.isalpha() for character in name):
        return False
    return not (_RESERVED.search(host) or _NOBODY.fullmatch(name))


def _in_url(data: bytes, start: int) -> bool:
    """Say whether what stands here is the user part of a URL: git+ssh://name@host."""
    return b"://" in data[max(0, start - 40) : start].rpartition(b" ")[2]


def _phones(data: bytes, start: int, end: int) -> Iterator[Shape]:
    for found in _PHONE.finditer(data, start, end + _EXTENSION_BYTES):
        text = found[0].decode()
        plain = _EXTENDED.sub("", text)
        digits = "".join(filter(str.isdigit, plain))
        if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
            continue
        forms = (plain,) if plain == text else (text, plain)
        told = found.lastgroup == "abroad" and _is_reachable(digits)
        yield Shape(Kind.PHONE, *found.span(), forms, told=told)


def _is_reachable(digits: str) -> bool:
    """Say whether the digits after a plus can be a number somebody has."""
    for length in (1, 2, 3):
        spans = _NATIONAL.get(digits[:length])
        if spans is None:
            continue
        national = digits[length:].lstrip("0")
        if digits[0] == "1" and (national[:1] < "2" or national[3:4] < "2"):
            return False
        return spans[0] <= len(national) <= spans[1] and not _FICTIONAL.fullmatch(digits)
    return False
