"""Checks an evidence pack with the public key it is published under, and nothing else [3].

    python verify.py FOLDER --key FILE

This one file is handed out with each pack and needs Python 3.11 and the package `cryptography`: no home, no database,
no other file of Strongroom. It imports nothing of Strongroom's on purpose, and so says for itself what
docs/formats/pack.md says. Take it, and the key, from elsewhere than from whoever handed over the pack. It only reads,
and names every fault it finds as `kind: what and where`.
"""

import argparse
import base64
import binascii
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = "strongroom/evidence-pack/v1"
PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"
SUMS: Final = "SHA256SUMS"
NOTE: Final = "pack.note"
MANIFEST: Final = "manifest.json"
LOG: Final = "log.json"
EVENTS: Final = "events.csv"

_MARK: Final = "\N{EM DASH} "
_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 33
_MOST_BYTES: Final = 256 * 1024 * 1024
_CLOSED: Final = frozenset({"pass", "due_soon", "exception", "not_applicable"})


class FaultError(Exception):
    """One thing that is wrong, as `kind: what and where`."""


@dataclass(slots=True)
class Report:
    """What was found: faults, what a reader should know, and how much was checked."""

    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check(folder: Path, key: str) -> Report:
    """Check a folder that a pack was unpacked to; never raises for what it holds."""
    try:
        return check_files({name: _read(folder / name) for name in _names(folder)}, key)
    except FaultError as exc:
        return Report([str(exc)])


def check_files(files: dict[str, bytes], key: str) -> Report:
    """Check the files of a pack by their names; never raises for what they hold."""
    report = Report()
    try:
        _check_sums(files, key, report)
        manifest = _json(files, MANIFEST)
        _check_manifest(files, manifest, report)
        proved = _check_log(files, manifest, report)
        _check_events(files, proved, report)
    except FaultError as exc:
        report.faults.append(str(exc))
    except (AttributeError, KeyError, TypeError, ValueError):
        report.faults.append("file.form: a file has another form")
    return report


def _check_sums(files: dict[str, bytes], key: str, report: Report) -> None:
    for name in (SUMS, NOTE):
        _require(name in files, f"file.missing: {name}")
    lines = _signed(_text(files[NOTE], NOTE), key, NOTE).splitlines()
    _require(len(lines) == 2 and lines[0] == FORMAT, f"note.form: {NOTE} signs something else")  # noqa: PLR2004
    _require(lines[1] == sha256(files[SUMS]).hexdigest(), f"file.edited: {SUMS} was changed")
    listed: dict[str, str] = {}
    for line in _text(files[SUMS], SUMS).splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    for name in sorted(set(listed) - set(files)):
        report.faults.append(f"file.missing: {name}")
    for name in sorted(set(files) - set(listed) - {SUMS, NOTE}):
        report.faults.append(f"file.added: {name} is in no list")
    for name in sorted(set(files) & set(listed)):
        if sha256(files[name]).hexdigest() != listed[name]:
            report.faults.append(f"file.edited: {name} was changed")
    report.said["files"] = str(len(listed))


def _check_manifest(files: dict[str, bytes], manifest: dict[str, Any], report: Report) -> None:
    _require(manifest["format"] == FORMAT, f"manifest.form: {MANIFEST} is of another format")
    told = {one["name"]: (one["sha256"], one["bytes"]) for one in manifest["files"]}
    there = {
        name: (sha256(content).hexdigest(), len(content))
        for name, content in files.items()
        if name not in {MANIFEST, SUMS, NOTE}
    }
    _require(told == there, f"manifest.files: {MANIFEST} lists other files than there are")
    closed = all(name in _CLOSED or not n for name, n in manifest["duties"].items())
    if manifest["passes"] and not closed:
        # Duties that only repeat others may be red beside a pass; nothing else may.
        report.notices.append("duties: some that are reckoned from others are not green")
    if not manifest["passes"]:
        report.notices.append("duties: an audit at that instant would not have passed")
    report.said["period"] = f"{manifest['since']} to {manifest['until']}"
    report.said["home"] = f"{manifest['home']} ({manifest['environment']})"


def _check_log(files: dict[str, bytes], manifest: dict[str, Any], report: Report) -> set[int]:
    """Check that each entry stands in the log; return the numbers of those that do."""
    log = _json(files, LOG)
    _require(
        log["key"] == manifest["log"]["key"] and log["size"] == manifest["log"]["size"],
        f"log.other: {LOG} is of another log than {MANIFEST}",
    )
    _require(_text(files["log.vkey"], "log.vkey").strip() == log["key"], "log.other: log.vkey")
    lines = _signed(log["checkpoint"], log["key"], "checkpoint").splitlines()
    _require(len(lines) == 3 and lines[1] == str(log["size"]), "log.form: its checkpoint")  # noqa: PLR2004
    root, size = _base64(lines[2], "checkpoint"), int(lines[1])
    proved = set()
    for one in log["entries"]:
        number = one["number"]
        head = one["proof"].partition("\n\n")[0].splitlines()
        _require(
            head[:2] == [PROOF_FORMAT, f"index {number}"],
            f"event.proof: that of entry {number} has another form",
        )
        path = [_base64(line, "proof") for line in head[2:]]
        leaf = sha256(b"\x00" + one["entry"].encode()).digest()
        if _root(number, size, leaf, path) != root:
            report.faults.append(f"event.unproved: entry {number} is not in the log")
        proved.add(number)
    _require(len(proved) == manifest["events"]["proved"], "event.missing: proofs were left out")
    report.said["entries proved"] = str(len(proved))
    report.said["log"] = log["key"]
    return proved


def _check_events(files: dict[str, bytes], proved: set[int], report: Report) -> None:
    """Check that the table says of proved entries what they say."""
    entries = {one["number"]: json.loads(one["entry"]) for one in _json(files, LOG)["entries"]}
    rows = list(csv.DictReader(io.StringIO(_text(files[EVENTS], EVENTS), newline="")))
    said = {int(row["event"]) for row in rows if row["proved"] == "yes"}
    _require(said == proved, f"event.missing: {EVENTS} and {LOG} prove different entries")
    for row in rows:
        body = entries.get(int(row["event"]))
        if body is not None and (body["type"], body["outcome"]) != (row["type"], row["outcome"]):
            report.faults.append(f"event.other: {EVENTS} says otherwise of entry {row['event']}")


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
    _require(signatures.endswith("\n"), f"note.form: {what} is cut short")
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
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FaultError(f"note.form: {what} has another form") from None
    # Other padding bits would be the same bytes in another text.
    _require(base64.b64encode(raw).decode() == text, f"note.form: {what} has another form")
    return raw


def _require(sound: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not sound:
        raise FaultError(fault)


def _json(files: dict[str, bytes], name: str) -> dict[str, Any]:
    _require(name in files, f"file.missing: {name}")
    found = json.loads(_text(files[name], name))
    _require(isinstance(found, dict), f"file.form: {name} is no object")
    content: dict[str, Any] = found
    return content


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FaultError(f"file.form: {name} is no text") from None


def _names(folder: Path) -> list[str]:
    _require(folder.is_dir(), "file.missing: the folder is not there")
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise FaultError(f"file.missing: {path.name} is not there, or no file of its kind")
        return path.read_bytes()
    except OSError as exc:
        raise FaultError(f"file.unreadable: {path.name}: {exc.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names and return 0 where nothing is wrong, else 1."""
    parser = argparse.ArgumentParser(description="Check an evidence pack.")
    parser.add_argument("path", type=Path, help="the folder it was unpacked to")
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
