"""Checks a certificate of deletion with the public key it is published under, and nothing else [1.7].

    python verify.py DIRECTORY --key FILE

This one file is handed out with each certificate and needs Python 3.11 and the package `cryptography`: no home, no
database, no other file of Strongroom. It imports nothing of Strongroom's on purpose, and so says for itself what
docs/formats/deletion-certificate.md says. Take it, and the key, from elsewhere than from whoever handed over the
certificate. It only reads, and names every fault it finds as `kind: what and where`.
"""

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = "strongroom/deletion-certificate/v1"
PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"
DOCUMENT: Final = "certificate.json"
PAGE: Final = "certificate.pdf"
SIGNATURE: Final = "certificate.note"
METHODS: Final = frozenset(
    {
        "Clear: overwritten",
        "Purge: cryptographic erase",
        "Purge: cryptographic erase; Clear: overwritten",
        "Destroy",
        "none: nothing of it is held",
        "by whoever holds it",
    }
)
STORES: Final = frozenset(
    {
        "records",
        "documents",
        "database_files",
        "keystore",
        "standbys",
        "backups",
        "keystore_copies",
        "archives",
        "log",
    }
)
"""Those that no certificate may leave out."""

_MARK: Final = "\N{EM DASH} "
_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 33
_MOST_BYTES: Final = 64 * 1024 * 1024


class FaultError(Exception):
    """One thing that is wrong, as `kind: what and where`."""


@dataclass(slots=True)
class Report:
    """What was found: faults, what the certificate says that a reader should know, and how much was checked."""

    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check(directory: Path, key: str) -> Report:
    """Check the three files of a certificate; never raises for what they hold."""
    report = Report()
    try:
        content = _document(directory, key)
        _check_content(content, report)
        _check_events(content, report)
    except FaultError as exc:
        report.faults.append(str(exc))
    except (AttributeError, KeyError, TypeError, ValueError):
        report.faults.append(f"document.form: {DOCUMENT} has another form")
    return report


def _document(directory: Path, key: str) -> dict[str, Any]:
    document, page = _read(directory / DOCUMENT), _read(directory / PAGE)
    lines = _signed(_text(_read(directory / SIGNATURE), SIGNATURE), key, SIGNATURE).splitlines()
    _require(len(lines) == 4 and lines[0] == FORMAT, f"note.form: {SIGNATURE} signs something else")  # noqa: PLR2004
    _require(lines[2] == sha256(document).hexdigest(), f"document.edited: {DOCUMENT} was changed")
    _require(lines[3] == sha256(page).hexdigest(), f"page.edited: {PAGE} was changed")
    try:
        content = json.loads(document)
    except ValueError:
        raise FaultError(f"document.form: {DOCUMENT} is no JSON") from None
    _require(isinstance(content, dict), f"document.form: {DOCUMENT} is no object")
    again = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    _require(again == document, f"document.form: {DOCUMENT} is not canonical")
    _require(
        content["format"] == FORMAT and str(content["notice"]["id"]) == lines[1],
        "document.form: it is of another notice or format",
    )
    found: dict[str, Any] = content
    return found


def _check_content(content: dict[str, Any], report: Report) -> None:
    stores = content["stores"]
    names = {one["store"] for one in stores}
    for name in sorted(STORES - names):
        report.faults.append(f"store.missing: nothing is said of {name}")
    if len(names) != len(stores):
        report.faults.append("store.twice: a store is named twice")
    for one in stores:
        if one["method"] not in METHODS:
            report.faults.append(f"store.method: {one['store']} names no method")
        if one["verdict"] == "unknown" and one["stated_by"]:
            report.notices.append(
                f"store.stated: {one['store']} was not read; {one['stated_by']} answers for it"
            )
        elif one["verdict"] != "clean":
            report.faults.append(f"store.{one['verdict']}: {one['store']}")
    for one in content["exceptions"]:
        report.notices.append(
            f"kept: {one['records']} records under {one['law']} until {one['until']}"
        )
    held = sum(one["records"] for one in content["exceptions"])
    _require(held == content["records"]["held"], "records.held: the exceptions do not add up")
    for one in content["parties"]:
        if one["confirmed_by"] is None:
            report.notices.append(f"unconfirmed: {one['party']}")
    report.said["erased"] = str(content["records"]["erased"])
    report.said["stores"] = str(len(stores))


def _check_events(content: dict[str, Any], report: Report) -> None:
    """Check that each entry the certificate rests on stands in the log, and is about this notice."""
    log, notice = content["log"], str(content["notice"]["id"])
    root, size = _checkpoint(log["checkpoint"], log["key"])
    _require(size == log["size"], "log.size: the checkpoint is of another size")
    entries: dict[int, dict[str, Any]] = {}
    for one in content["events"]:
        number, entry = one["number"], one["entry"].encode()
        path = _path(one["proof"], number)
        leaf = sha256(b"\x00" + entry).digest()
        if _root(number, size, leaf, path) != root:
            report.faults.append(f"event.unproved: entry {number} is not in the log")
            continue
        entries[number] = json.loads(entry)
    erased = 0
    for body in entries.values():
        if body["type"].startswith("deletion.") and body["obj"] != {
            "kind": "notice",
            "ref": notice,
        }:
            report.faults.append("event.foreign: an entry is about another notice")
        erased += body["n"] if body["type"] == "vault.record.erased" else 0
    _require(
        erased <= content["records"]["erased"],
        "records.erased: the entries erase more than the certificate says",
    )
    run = content["run"]
    _expect(entries, content["notice"]["event"], "deletion.registered", None, report)
    _expect(entries, run["planned_event"], "deletion.planned", None, report)
    _expect(entries, run["approved_event"], "deletion.approved", None, report)
    for number in run["events"]:
        _expect(entries, number, "deletion.stepped", None, report)
    for one in content["stores"]:
        _expect(entries, one["events"][0], "deletion.verified", one["store"], report)
        clean = entries.get(one["events"][0], {}).get("outcome") == "success"
        if clean != (one["verdict"] == "clean"):
            report.faults.append(f"store.verdict: the log says otherwise of {one['store']}")
        if one["stated_by"]:
            _expect(entries, one["events"][1], "deletion.stated", one["store"], report)
    for one in content["parties"]:
        type_ = "deletion.asked" if one["confirmed_by"] is None else "deletion.confirmed"
        _expect(entries, one["event"], type_, one["party"].partition(" ")[0], report)
    report.said["entries"] = str(len(entries))
    report.said["log"] = log["key"]


def _expect(
    entries: dict[int, dict[str, Any]], number: int, type_: str, op: str | None, report: Report
) -> None:
    body = entries.get(number)
    if body is None or body["type"] != type_ or (op is not None and body.get("op") != op):
        report.faults.append(f"event.missing: no entry {number} says {type_} {op or ''}".rstrip())


def _checkpoint(note: str, key: str) -> tuple[bytes, int]:
    lines = _signed(note, key, "checkpoint").splitlines()
    _require(len(lines) == 3 and lines[1].isdigit(), "log.form: the checkpoint has another form")  # noqa: PLR2004
    return _base64(lines[2], "checkpoint"), int(lines[1])


def _path(proof: str, number: int) -> list[bytes]:
    head = proof.partition("\n\n")[0].splitlines()
    sound = head[:2] == [PROOF_FORMAT, f"index {number}"]
    _require(sound, f"event.proof: that of entry {number} has another form")
    return [_base64(line, "proof") for line in head[2:]]


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


def _signed(note: str, key: str, what: str) -> str:
    """Return the text of a note that this key signed (c2sp.org/signed-note)."""
    name, _, rest = key.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    public = _base64(encoded, "key")
    known = sha256(f"{name}\n".encode() + public).digest()[:4].hex()
    _require(
        len(public) == _KEY_BYTES and public[:1] == _ED25519 and known == key_id,
        "key.form: what is given is no verifier key",
    )
    text, found, signatures = note.rpartition("\n\n")
    _require(bool(found), f"note.form: {what} is no note")
    for line in signatures.splitlines():
        signer, _, value = line.removeprefix(_MARK).rpartition(" ")
        raw = _base64(value, what)
        if line.startswith(_MARK) and signer == name and raw[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature:
                raise FaultError(f"note.signature: that of {what} does not verify") from None
            return text
    raise FaultError(f"note.signature: {what} is not signed by {name}")


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FaultError(f"note.form: {what} has another form") from None


def _require(sound: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not sound:
        raise FaultError(fault)


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FaultError(f"file.form: {name} is no text") from None


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise FaultError(f"file.missing: {path.name} is not there, or no file of its kind")
        return path.read_bytes()
    except OSError as exc:
        raise FaultError(f"file.unreadable: {path.name}: {exc.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names and return 0 where nothing is wrong, else 1."""
    parser = argparse.ArgumentParser(description="Check a certificate of deletion.")
    parser.add_argument("path", type=Path, help="the certificate's directory")
    parser.add_argument("--key", type=Path, required=True, help="public key, got from elsewhere")
    given = parser.parse_args(arguments)
    try:
        report = check(given.path, _text(_read(given.key), given.key.name))
    except FaultError as exc:
        report = Report([str(exc)])
    told = [f"{name}: {value}" for name, value in report.said.items()]
    ending = "sound" if report.ok else "NOT sound"
    sys.stdout.write("\n".join([*report.faults, *report.notices, *told, ending, ""]))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
