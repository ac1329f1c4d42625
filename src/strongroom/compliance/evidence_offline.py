"""Checks a package of evidence, with the log's verifier key and nothing else [1.6].

    python verify.py PACKAGE.zip --key FILE

This one file is in every package and needs Python 3.11 and the package `cryptography`: no home, no database, no
other file of Strongroom. It imports nothing of Strongroom's on purpose, and so says for itself what
docs/formats/evidence.md says. Take it, and the key, from elsewhere than from whoever handed over the package. It reads
the zip where it is and writes nothing. A timestamp is checked with `openssl ts -verify`, as that page shows.
"""

import argparse
import base64
import binascii
import json
import re
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = "strongroom/evidence/v1"
CUSTODY_FORMAT: Final = "strongroom/custody/v1"
PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"
MOST_BYTES: Final = 64 * 1024 * 1024
_FIRST: Final = "0" * 64
_NAME: Final = re.compile(r"item/[^/\\:\0]{1,250}|[A-Za-z0-9.]{1,40}")
_MARK: Final = "\N{EM DASH} "
_KEY_BYTES: Final = 33
_LINES: Final = 3
_BOUND: Final = ("number", "at", "act", "by", "other", "said", "before")


class FaultError(Exception):
    """One thing that is wrong, as `kind: what and where`."""


@dataclass(slots=True)
class Report:
    """What was found: faults, what a reader should know, and what was checked."""

    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check(package: Path | BinaryIO, key: str) -> Report:
    """Check a package; never raises for what it holds."""
    report = Report()
    try:
        files = _files(package)
        _check_sums(files)
        manifest, custody = _json(files, "manifest.json"), _json(files, "custody.json")
        _check_item(files, manifest, report)
        _check_chain(manifest, custody)
        _check_log(_json(files, "log.json"), key, manifest, custody)
        report.said |= {
            "evidence": str(manifest["evidence"]),
            "sha256": manifest["sha256"],
            "custody": f"{len(custody)} links",
        }
    except FaultError as exc:
        report.faults.append(str(exc))
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        report.faults.append("package.form: a file has another form")
    return report


def _files(package: Path | BinaryIO) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(package) as archive:
            listed = archive.infolist()
            names = [one.filename for one in listed]
            strange = [n for n in names if not _NAME.fullmatch(n) or n in ("item/.", "item/..")]
            _require(not strange, "package.names: a file would lie elsewhere")
            _require(len(set(names)) == len(names), "package.names: a file is there twice")
            whole = sum(one.file_size for one in listed)
            _require(whole <= MOST_BYTES, "package.size: it unpacks to too much")
            return {name: archive.read(name) for name in names}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise FaultError("package.unreadable: it is no zip that can be read") from None


def _check_sums(files: dict[str, bytes]) -> None:
    _require("SHA256SUMS" in files, "file.missing: SHA256SUMS")
    listed = "".join(
        f"{sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
        if name != "SHA256SUMS"
    )
    _require(listed.encode() == files["SHA256SUMS"], "file.edited: SHA256SUMS lists others")


def _check_item(files: dict[str, bytes], manifest: dict[str, Any], report: Report) -> None:
    _require(manifest["format"] == FORMAT, "manifest.format: it is another one")
    kept = [name for name in files if name.startswith("item/")]
    if manifest["media_type"] is None:
        _require(not kept, "item.extra: a thing has no file")
        report.notices.append("a thing: what it is stands in custody.json")
        return
    _require(kept == [f"item/{manifest['name']}"], "item.missing: the file is not there")
    content = files[kept[0]]
    _require(sha256(content).hexdigest() == manifest["sha256"], "item.edited: another hash")
    _require(len(content) == manifest["size_bytes"], "item.edited: another size")


def _check_chain(manifest: dict[str, Any], custody: list[dict[str, Any]]) -> None:
    _require(bool(custody) and custody[0]["act"] == "collected", "custody.start: no collection")
    before = _FIRST
    for place, link in enumerate(custody):
        body = {name: link[name] for name in _BOUND}
        body |= {
            "format": CUSTODY_FORMAT,
            "item": manifest["ref"],
            "sha256": manifest["sha256"],
        }
        digest = sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
        _require(link["number"] == place, f"custody.missing: a link before number {link['number']}")
        _require(link["before"] == before, f"custody.missing: what link {place} stands on")
        _require(link["digest"] == digest.hexdigest(), f"custody.edited: link {place}")
        said = sha256(bytes.fromhex(link["salt"]) + link["text"].encode()).hexdigest()
        _require(said == link["said"], f"custody.edited: the text of link {place}")
        before = link["digest"]
    head = json.loads(custody[0]["text"])
    for name in ("name", "media_type", "belongs"):
        _require(head[name] == manifest[name], f"manifest.edited: {name}")
    _require(manifest["collected_at"] == custody[0]["at"], "manifest.edited: collected_at")


def _check_log(
    log: dict[str, Any], key: str, manifest: dict[str, Any], custody: list[dict[str, Any]]
) -> None:
    """Check that each link stands in the log, by whom and in this order."""
    text = _signed(log["checkpoint"], key)
    lines = text.splitlines()
    _require(len(lines) == _LINES and lines[1].isdigit(), "log.form: no checkpoint")
    size, root = int(lines[1]), _base64(lines[2])
    found, last = [], -1
    for one in log["entries"]:
        number, entry = one["number"], one["entry"].encode()
        head = one["proof"].partition("\n\n")[0].splitlines()
        _require(head[:2] == [PROOF_FORMAT, f"index {number}"], f"log.proof: entry {number}")
        leaf = sha256(b"\x00" + entry).digest()
        proof = [_base64(line) for line in head[2:]]
        _require(_root(number, size, leaf, proof) == root, f"log.unproved: entry {number}")
        _require(number > last, "log.order: entries are not in order")
        last = number
        body = json.loads(entry)
        _require(
            body["obj"] == {"kind": "evidence", "ref": str(manifest["evidence"])},
            f"log.foreign: entry {number} is about something else",
        )
        change = body["chg"][0]
        found.append((body["type"], body["actor"]["id"], change["field"], change["after"]))
    wanted = [(f"evidence.{one['act']}", one["by"], "custody", one["digest"]) for one in custody]
    _require(found == wanted, "custody.unrecorded: the log has other links")


def _root(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the root an inclusion proof leads to (RFC 9162, 2.1.3), None where its length is wrong."""
    path = list(reversed(proof))

    def climb(index: int, size: int) -> bytes:
        if size == 1:
            return leaf
        half = 1 << (size - 1).bit_length() - 1
        if index < half:
            left = climb(index, half)
            return sha256(b"\x01" + left + path.pop()).digest()
        right = climb(index - half, size - half)
        return sha256(b"\x01" + path.pop() + right).digest()

    try:
        root = climb(index, size) if 0 <= index < size else None
    except IndexError:
        return None
    return None if path else root


def _signed(note: str, key: str) -> str:
    """Return the text of a note that this key signed (c2sp.org/signed-note)."""
    name, _, rest = key.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    public = _base64(encoded)
    known = sha256(f"{name}\n".encode() + public).digest()[:4].hex()
    _require(
        len(public) == _KEY_BYTES and public[:1] == b"\x01" and known == key_id,
        "key.form: what is given is no verifier key",
    )
    text, found, signatures = note.rpartition("\n\n")
    _require(bool(found), "note.form: the checkpoint is no note")
    for line in signatures.splitlines():
        signer, _, value = line.removeprefix(_MARK).rpartition(" ")
        raw = _base64(value)
        if line.startswith(_MARK) and signer == name and raw[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature:
                raise FaultError("note.signature: the checkpoint's does not verify") from None
            return text
    raise FaultError(f"note.signature: the checkpoint is not signed by {name}")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FaultError("log.form: what should be base64 is not") from None


def _json(files: dict[str, bytes], name: str) -> Any:  # noqa: ANN401 - what the file holds
    _require(name in files, f"file.missing: {name}")
    try:
        return json.loads(files[name])
    except ValueError:
        raise FaultError(f"file.form: {name} is no JSON") from None


def _require(sound: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not sound:
        raise FaultError(fault)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names and return 0 where nothing is wrong, else 1."""
    parser = argparse.ArgumentParser(description="Check a package of evidence.")
    parser.add_argument("path", type=Path, help="the package, a zip")
    parser.add_argument(
        "--key", type=Path, required=True, help="the log's public key, got elsewhere"
    )
    given = parser.parse_args(arguments)
    try:
        report = check(given.path, given.key.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        report = Report(["key.unreadable: the key cannot be read"])
    told = [f"{name}: {value}" for name, value in report.said.items()]
    ending = "sound" if report.ok else "NOT sound"
    sys.stdout.write("\n".join([*report.faults, *report.notices, *told, ending, ""]))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
