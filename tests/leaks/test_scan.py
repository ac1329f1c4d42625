"""Values are found in every encoding and every package, with little memory, and ordinary files raise no alarm."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus

import jsonschema
import pytest

from strongroom.crypto.index import normalize_email, normalize_phone
from strongroom.errors import Malformed, Unavailable
from strongroom.leaks import Finding, Scan, State, parse_allowances, sarif, scan_path, sift
from strongroom.leaks.layers import layers
from strongroom.leaks.report import masked

pytestmark = pytest.mark.clause("2.6", "2.4")

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, tzinfo=UTC)
EMAIL = "anna.schmidt77@gmx.de"
PHONE = "+49 151 2345 6789"
ORDER = "306-1234567-7654321"
VALUES = {"email": EMAIL, "phone": PHONE, "order": ORDER}
KNOWN = {
    ("email", normalize_email(EMAIL)): [5],
    ("phone", normalize_phone(PHONE)): [6],
    ("order", ORDER): [7],
}


def look_up(wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[object]]:
    return {
        kind: ["forged" if kind == "token" else KNOWN.get((kind, form), []) for form in forms]
        for kind, forms in wanted.items()
    }


def scanned(*parts: bytes, secrets: bool = False) -> list[Finding]:
    scan = Scan(look_up, secrets=secrets)
    scan.stream(Finding("", "file"), parts)
    scan.flush()
    return scan.findings()


def tree(directory: Path, *, secrets: bool = False, state: State | None = None) -> Scan:
    scan = Scan(look_up, secrets=secrets)
    scan_path(scan, directory, lambda _size: None, state, lambda _path: False)
    scan.flush()
    return scan


def encodings(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode()
    yield "raw", raw
    yield "upper", value.upper().encode()
    yield "url", quote(value, safe="").encode()
    yield "url-plus", quote_plus(value).encode()
    yield "url-everything", "".join(f"%{byte:02x}" for byte in raw).encode()
    for before in range(3):
        for after in range(3):
            around = b"~" * before + raw + b"~" * after if value != PHONE else bytes(before) + raw
            yield f"base64-{before}-{after}", base64.b64encode(around)
            yield f"base64-url-{before}-{after}", base64.urlsafe_b64encode(around).rstrip(b"=")
    yield (
        "base64-lines",
        base64.encodebytes(b"Lorem ipsum dolor sit amet, " * 5 + raw + b" sit" * 30),
    )
    yield "hex", raw.hex().encode()
    yield "hex-upper", raw.hex().upper().encode()
    yield "utf-16", value.encode("utf-16")
    yield "utf-16-be", value.encode("utf-16-be")
    yield "json", json.dumps({"a": value}).replace("@", "\\u0040").replace("+", "\\u002b").encode()
    yield "base64-gzip", base64.b64encode(gzip.compress(b"hello " + raw, mtime=0))
    yield "base64-of-url", base64.b64encode(b"q=" + quote(value, safe="").encode())


@pytest.mark.parametrize("kind", VALUES)
def test_a_known_value_is_found_in_every_encoding(kind: str) -> None:
    missed = []
    for name, data in encodings(VALUES[kind]):
        for before, after in (
            (b"", b""),
            (b'{"v": "', b'"}\n'),
            (b"x" * 4000 + b" ", b" y" * 2000),
        ):
            found = scanned(before + data + after)
            if f"vault.{kind}" not in {finding.kind for finding in found}:
                missed.append((name, before[:8]))
    assert missed == []


def test_a_finding_names_place_and_record_and_no_value() -> None:
    (found,) = scanned(b"first line\nsecond: " + EMAIL.encode() + b"\n")
    assert (found.kind, found.line, found.offset, found.records) == ("vault.email", 2, 19, (5,))
    text = json.dumps(found.to_json()) + repr(found) + found.where
    assert "anna" not in text
    assert "gmx" not in text


def test_a_value_anywhere_around_the_border_of_a_window_is_found_once() -> None:
    """Also encoded, and wherever the border cuts it."""
    border = 1024 * 1024
    for data in (EMAIL.encode(), base64.b64encode(b"=" + EMAIL.encode() + b"  ")):
        for start in [
            *range(border - 2080, border - 2000, 20),
            *range(border - 60, border + 20, 20),
        ]:
            content = b" " * (start - 1) + b"\n" + data + b"\n" + b" " * 5000
            found = scanned(content[:700_000], content[700_000:])
            assert [f.kind for f in found] == ["vault.email"], start
            assert found[0].times == 1
            assert abs(found[0].offset - start) <= 16


def packed(inner: bytes) -> dict[str, bytes]:
    def zipped(content: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in/data.csv", content)
        return file.getvalue()

    def tarred(content: bytes) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            member = tarfile.TarInfo("data.csv")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return file.getvalue()

    return {
        "a.gz": gzip.compress(inner),
        "two.gz": gzip.compress(b"first") + gzip.compress(inner),
        "a.bz2": bz2.compress(inner),
        "a.xz": lzma.compress(inner),
        "a.zip": zipped(inner),
        "a.tar": tarred(inner),
        "a.tar.gz": gzip.compress(tarred(inner)),
        "nested.zip": zipped(zipped(gzip.compress(inner))),
        "nested.tgz": gzip.compress(tarred(zipped(inner))),
        "encoded.zip": zipped(base64.b64encode(inner)),
    }


def test_a_known_value_is_found_in_every_package(tmp_path: Path) -> None:
    for name, content in packed(b"Anna;" + EMAIL.encode() + b";Berlin\n").items():
        (tmp_path / name).write_bytes(content)
    scan = tree(tmp_path)
    found = {Path(f.file).name for f in scan.findings() if f.kind == "vault.email"}
    assert found == set(packed(b""))
    assert scan.incomplete == []


def test_what_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    (tmp_path / "torn.gz").write_bytes(gzip.compress(os.urandom(5000))[:2000])
    (tmp_path / "torn.zip").write_bytes(packed(b"x" * 999)["a.zip"][:60])
    assert {why for _file, why in tree(tmp_path).incomplete} == {"spoilt"}


def test_a_value_in_a_name_is_found_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / f"invoice {EMAIL}.txt").write_text("nothing")
    (found,) = tree(tmp_path).findings()
    assert found.kind == "vault.email"
    assert found.encoding == "name"
    assert "[email]" in found.file
    assert "anna" not in json.dumps(found.to_json())


def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    """The bound does not depend on the size: 11 MB here, and a gzip."""
    content = b"  \n" * 3_600_000 + EMAIL.encode()
    (tmp_path / "large.log").write_bytes(content)
    (tmp_path / "large.log.gz").write_bytes(gzip.compress(content[9_000_000:], 6))
    del content
    tracemalloc.start()
    try:
        scan = tree(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [f.kind for f in scan.findings()] == ["vault.email"] * 2
    assert peak < 10 * 1024 * 1024


def test_an_interrupted_scan_goes_on_and_its_state_names_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / f"{EMAIL}.txt").write_text("dirty")
    for number in range(5):
        (data / f"clean-{number}.txt").write_text(f"nothing {number}")
    path = tmp_path / "state"

    def state(now: datetime = NOW) -> State:
        return State(path, "data", lambda salt: salt * 2, now)

    assert tree(data, state=state()).files == 6
    text = path.read_text()
    assert "clean" not in text
    assert "anna" not in text
    assert path.stat().st_mode & 0o777 == 0o600
    again = tree(data, state=state())
    # What was dirty is found again: the state does not keep what was found.
    assert (again.files, len(again.findings())) == (1, 1)
    (data / "clean-3.txt").write_text("changed meanwhile")
    assert tree(data, state=state()).files == 2
    assert tree(data, state=state(NOW + timedelta(days=2))).files == 6
    path.write_text("something else\n")
    with pytest.raises(Malformed):
        state()


def test_shapes_of_people_are_told_and_those_of_nobody_are_not() -> None:
    data = b"""
        mail to maria.rossi@libero.it, call +39 333 987 6541 or +1 (415) 867-5309
        git@github.com:a/b.git  noreply@amazon.de  someone@example.com  user@host.local
        icon@2x.png  npm i pkg@1.2.3  @app.route("/x")  https://bob@git.corp.com/x  a@b.c
        +1 206 555 0100  +44 7700 900123  +1234567890  1+4915123456789  2026-11-23 10:00:00+0100
    """
    scan = Scan(look_up, secrets=False)
    scan.stream(Finding("", "f"), [data])
    scan.flush()
    assert dict(scan.counts) == {"shape.email": 1, "shape.phone": 2}


def test_a_forged_token_is_found_by_its_form() -> None:
    (found,) = scanned(b'{"name": "SR00000007T8ABCDEFGH"}')
    assert (found.kind, found.token) == ("token.forged", "SR00000007T8ABCDEFGH")
    assert scanned(b"STRENGTHENEDXXXXXXXX SRC0MPANYNAMEXXXXXXXXXX") == []


def test_ordinary_source_and_logs_raise_no_alarm(tmp_path: Path) -> None:
    """Our own source and documents, those of a few libraries, and logs as servers write them; no vault knows them."""
    scan = Scan(None, secrets=False)
    scan_path(scan, ROOT / "src", lambda _size: None, None, lambda path: "simulator" in path.parts)
    # The standard library's authors name themselves in others of its packages.
    for name in ("asyncio", "importlib"):
        library = Path(json.__file__).parent.parent / name
        scan_path(scan, library, lambda _size: None, None, lambda path: path.suffix == ".pyc")
    logs = "".join(
        f'10.0.{n % 9}.{n % 250} - - [23/Nov/2026:19:{n % 60:02}:01 +0000] "GET /orders/v0/{n}?x=%20{n} HTTP/1.1" '
        f'200 {n * 7919 % 99991} "-" "curl/8.5" rt=0.0{n} id={n * 104729:016x} ts={1763900000000 + n}\n'
        for n in range(4000)
    )
    (tmp_path / "access.log").write_text(logs)
    (tmp_path / "random").write_bytes(os.urandom(1_000_000))
    scan_path(scan, tmp_path, lambda _size: None, None, lambda _path: False)
    scan.flush()
    assert scan.counts.total() == 0, [finding.where for finding in scan.findings()]


def test_an_allowance_has_a_reason_and_ends() -> None:
    today = date(2026, 11, 23)
    entry = '[[allow]]\npath = "docs/*"\nkind = "shape.email"\nreason = "an address of ours"\nexpires = 2026-12-31\n'
    entries = parse_allowances(entry, today)
    found = [
        Finding("shape.email", "/srv/repo/docs/a.md"),
        Finding("shape.email", "/srv/repo/src/a.py"),
    ]
    assert sift(found, entries, today) == (found[1:], 1, [])
    assert sift(found, entries, date(2027, 1, 1)) == (found, 0, [1])
    for spoilt in (
        entry.replace("an address of ours", "ok"),
        entry.replace("2026-12-31", "2028-01-01"),
        entry.replace('kind = "shape.email"\n', ""),
        entry + "value = 3\n",
        "x = [",
    ):
        with pytest.raises(Malformed):
            parse_allowances(spoilt, today)


# The members of the published schema (OASIS, SARIF 2.1.0 Errata 01) that concern what we write, as it has them.
SARIF = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "minItems": 0, "items": {"$ref": "#/definitions/run"}},
    },
    "definitions": {
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/definitions/toolComponent"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
        },
        "toolComponent": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "rules": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "required": ["id"],
                        "properties": {
                            "id": {"type": "string"},
                            "shortDescription": {"$ref": "#/definitions/message"},
                            "defaultConfiguration": {
                                "type": "object",
                                "properties": {"level": {"$ref": "#/definitions/level"}},
                            },
                        },
                    },
                },
            },
        },
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string"}},
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": {"$ref": "#/definitions/level"},
                "message": {"$ref": "#/definitions/message"},
                "locations": {"type": "array", "items": {"$ref": "#/definitions/location"}},
                "occurrenceCount": {"type": "integer", "minimum": 1},
                "properties": {"type": "object"},
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "byteOffset": {"type": "integer", "minimum": -1},
                            },
                        },
                    },
                },
                "logicalLocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"fullyQualifiedName": {"type": "string"}},
                    },
                },
            },
        },
    },
}


def test_sarif_has_the_published_form() -> None:
    found = scanned(EMAIL.encode() + b"\n" + base64.b64encode(PHONE.encode() * 2))
    found.append(Finding("shape.email", "a b.db", table="t", column="c", row="1"))
    document = json.loads(json.dumps(sarif(found, "1.0")))
    jsonschema.validate(document, SARIF)
    results = document["runs"][0]["results"]
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert len(results) == 3
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert "anna" not in json.dumps(document)


def test_decoding_says_where_it_was() -> None:
    data = b"." * 100 + EMAIL.encode().hex().encode()
    (layer,) = [layer for layer in layers(data) if EMAIL.encode() in layer.data]
    assert layer.origin(layer.data.index(EMAIL.encode())) == 100
    assert "anna" not in repr(layer)


def test_what_is_not_there_is_not_called_clean(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        tree(tmp_path / "missing")


def test_a_name_is_shown_on_one_line() -> None:
    assert masked("a\nb\x1b[31m") == "a?b?[31m"
