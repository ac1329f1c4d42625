#!/usr/bin/env python3
"""Makes the list of passwords that are guessed first: src/strongroom/policy/breached/passwords.txt.gz.

    scripts/breached_passwords.py ZXCVBN_TS.tgz ZXCVBN.tgz DJANGO.whl [--check]

The three are packages as their registries hand them out; src/strongroom/policy/breached/SOURCES.md names the versions
and says how to get them. The same packages give the same bytes; `--check` writes nothing and says whether they do.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
import tarfile
import unicodedata
import zipfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/strongroom/policy/breached/passwords.txt.gz"
SHORTEST = 4
LONGEST = 64
"""Characters of what is kept: `strongroom.policy.passwords` asks for nothing shorter, and longer ones are no words."""

SOURCES = {
    "zxcvbn_ts": "bf3027c16c069d7877e25dc8751bc819e10e479afcc5ee1a323eb2ab73129ca9",
    "zxcvbn": "0b3ebb60ec2df2340e1b8b70e4cb2657a3ceb192781d299310e7aceaa606cd22",
    "django": "37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f",
}
"""SHA-256 of each package: a list that somebody shortened would let a password through in silence."""


def main() -> int:
    """Write the list, or compare it; 0 when all is well."""
    parser = argparse.ArgumentParser(description="Makes the list of breached passwords.")
    parser.add_argument("zxcvbn_ts", type=Path)
    parser.add_argument("zxcvbn", type=Path)
    parser.add_argument("django", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args()
    for name, digest in SOURCES.items():
        if hashlib.sha256(getattr(options, name).read_bytes()).hexdigest() != digest:
            parser.error(f"{name} is not the package that SOURCES.md names")
    found = {
        *_of_zxcvbn_ts(options.zxcvbn_ts),
        *_of_zxcvbn(options.zxcvbn),
        *_of_django(options.django),
    }
    words = {_folded(word) for word in found} - {None}
    text = "".join(sorted(f"{word}\n" for word in words))
    # No name and no time in the header: the same packages give the same bytes.
    packed = gzip.compress(text.encode(), 9, mtime=0)
    if options.check:
        if gzip.decompress(TARGET.read_bytes()) != text.encode():
            sys.stderr.write(f"{TARGET} is not what these packages give\n")
            return 1
        return 0
    TARGET.write_bytes(packed)
    digest = hashlib.sha256(text.encode()).hexdigest()
    sys.stdout.write(
        f"{text.count(chr(10))} passwords, {len(packed)} bytes, SHA-256 of the text {digest}\n"
    )
    return 0


def _of_zxcvbn_ts(path: Path) -> list[str]:
    """Return what the JSON file of @zxcvbn-ts/language-common lists."""
    return list(json.loads(_member(path, "package/src/passwords.json")))


def _of_zxcvbn(path: Path) -> list[str]:
    """Return zxcvbn's list of passwords; its other lists are words and names, which may be part of a good one."""
    source = _member(path, "package/lib/frequency_lists.js").decode()
    listed = re.search(r'passwords: "((?:[^"\\]|\\.)*)"\.split\(","\)', source)
    if listed is None:
        raise SystemExit("zxcvbn's frequency lists have another form")
    return re.sub(r"\\(.)", r"\1", listed[1]).split(",")


def _of_django(path: Path) -> list[str]:
    """Return what Django's CommonPasswordValidator refuses."""
    with zipfile.ZipFile(path) as wheel:
        packed = wheel.read("django/contrib/auth/common-passwords.txt.gz")
    return gzip.decompress(packed).decode().split()


def _member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        file = archive.extractfile(name)
        return b"" if file is None else file.read()


def _folded(word: str) -> str | None:
    """Return a password as `strongroom.policy.passwords` looks for it; None where it never would."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    text = "".join(part for part in parts if not unicodedata.combining(part))
    is_kept = SHORTEST <= len(text) <= LONGEST and text.isprintable() and not text.isspace()
    return text if is_kept else None


if __name__ == "__main__":
    sys.exit(main())
