"""Checks evidence taken out of an audit log, with the log's verifier key and nothing else [1.6, 2.6].

    python verify.py BUNDLE|PROOF.tlog-proof --key FILE [--checkpoint FILE]... [--witness VKEY]...

This one file is copied into every bundle and needs Python 3.11 and the package `cryptography`: no
home, no database, no other file of Strongroom. It imports nothing of Strongroom's on purpose, and so
says for itself what docs/formats/audit-log.md says. Take it, and the key, from elsewhere than from
whoever handed over the bundle. It only reads, and names every fault it finds as `kind: what and where`.
"""

import argparse
import base64
import binascii
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = "strongroom/audit-bundle/v1"
PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"
WIDTH: Final = 256
MAX_FAULTS: Final = 1000
MANIFEST: Final = "manifest.json"
CUSTODY: Final = "custody.jsonl"
COSIGNED: Final = "cosigned"
STAMPED: Final = "timestamp.note"
STAMP: Final = "timestamp.tsr"
UNLISTED: Final = frozenset({MANIFEST, CUSTODY, COSIGNED, STAMPED, STAMP, "policy"})
"""Files no manifest lists: itself, what names the manifest, and what others said, which proves itself."""

_HASH: Final = 32
_SIGNATURE: Final = b"\x01"  # types of verifier keys: c2sp.org/signed-note, tlog-cosignature
_COSIGNATURE: Final = b"\x04"
_SHA256: Final = bytes.fromhex("608648016503040201")  # 2.16.840.1.101.3.4.2.1
_EMPTY: Final = sha256(b"").digest()
_LEVELS: Final = 8  # 256 hashes are eight levels of the tree
_MARK: Final = "\N{EM DASH} "
_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}")
_PATH: Final = re.compile(
    r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)*"
)
_CHECKPOINT_LINES: Final = 4

Progress = Callable[[int, int], None]


class FaultError(Exception):
    """One thing that is wrong, as `kind: what and where`."""


class Key(NamedTuple):
    """A log's verifier key: the name it signs in, its id, and the public key."""

    name: str
    id: bytes
    public: Ed25519PublicKey
    text: str


class Checkpoint(NamedTuple):
    """What a verified note promises: the root of the first `size` entries."""

    size: int
    root: bytes


@dataclass(slots=True)
class Report:
    """What a check found; `said` tells what was checked."""

    faults: list[str] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.faults

    def fault(self, text: str) -> None:
        """Note a fault; beyond a thousand only that there are more."""
        if text in self.faults:
            return
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(text)
        elif len(self.faults) == MAX_FAULTS:
            self.faults.append(f"more: over {MAX_FAULTS} faults, the rest is not listed")


def check(
    path: Path,
    key_text: str,
    *,
    kept: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    custody: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Return what is wrong with a bundle, or with a file `….tlog-proof` that has its entry beside it.

    `kept` are notes of checkpoints kept elsewhere, which the bundle has to contain; `witnesses` are verifier
    keys of those who have to have cosigned it; `progress` is told the entries done and in all. `custody` is
    False only until the export has become an event.
    """
    report = Report()
    try:
        key = parse_key(key_text)
        if path.is_dir():
            asked = [parse_key(vkey, _COSIGNATURE) for vkey in witnesses]
            _Bundle(path, key, report, progress).check(kept, asked, custody=custody)
        else:
            _require(not witnesses, "witness.missing: a proof alone has no cosigned checkpoint")
            entry = _read(path.with_suffix(".entry"), path.with_suffix(".entry").name)
            index, at = check_proof(_text(path, path.name), entry, key, path.name)
            report.said.update(origin=key.name, event=index, size=at.size)
    except FaultError as exc:
        report.fault(str(exc))
    return report


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def inclusion_root(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the root an inclusion proof leads to, None where its length is wrong."""
    path = list(reversed(proof))

    def climb(index: int, size: int) -> bytes:
        if size == 1:
            return leaf
        half = _half(size)
        if index < half:
            return node_hash(climb(index, half), path.pop())
        right = climb(index - half, size - half)
        return node_hash(path.pop(), right)

    try:
        root = climb(index, size) if 0 <= index < size else None
    except IndexError:
        return None
    return None if path else root


def grows(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Return whether a consistency proof shows the new tree to continue the old (RFC 9162, 2.1.4)."""
    path = list(reversed(proof))

    def climb(old_size: int, size: int, *, whole: bool) -> tuple[bytes, bytes]:
        if old_size == size:
            found = old.root if whole else path.pop()
            return found, found
        half = _half(size)
        if old_size <= half:
            before, after = climb(old_size, half, whole=whole)
            return before, node_hash(after, path.pop())
        before, after = climb(old_size - half, size - half, whole=False)
        left = path.pop()
        return node_hash(left, before), node_hash(left, after)

    if old.size == 0:
        return not path and old.root == _EMPTY
    try:
        return old.size <= new.size and (
            climb(old.size, new.size, whole=True) == (old.root, new.root) and not path
        )
    except IndexError:
        return False


def _half(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def parse_key(text: str, kind: bytes = _SIGNATURE) -> Key:
    """Return a verifier key of a kind, `name+id+base64` on one line (c2sp.org/signed-note)."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    public = _base64(encoded)
    if not name or re.search(r"\s", name) or public is None or public[:1] != kind:
        raise FaultError("key.form: it is no Ed25519 verifier key")
    found = sha256(name.encode() + b"\n" + public).digest()[:4]
    sound = len(public) == 1 + _HASH and found.hex() == key_id
    _require(sound, "key.form: the id of the verifier key is not that of its bytes")
    return Key(name, found, Ed25519PublicKey.from_public_bytes(public[1:]), text.strip())


def key_of(note: str, key: Key) -> tuple[Key, str]:
    """Return the key a note has to be signed with, and the number of its epoch where that is an earlier one.

    The log goes on under `PREFIX/EPOCH` after a rollback, with the same public key.
    """
    name = note.partition("\n")[0]
    (prefix, _, epoch), (ours, _, newest) = name.rpartition("/"), key.name.rpartition("/")
    if prefix != ours or not (_SIZE.fullmatch(epoch) and _SIZE.fullmatch(newest)):
        return key, ""
    public = _SIGNATURE + key.public.public_bytes_raw()
    named = Key(name, sha256(name.encode() + b"\n" + public).digest()[:4], key.public, "")
    return (named, epoch) if int(epoch) < int(newest) else (key, "")


def check_note(note: str, key: Key, what: str) -> Checkpoint:
    """Return the checkpoint a note holds once the key's signature over it is verified."""
    text, signature = _signature(note, key, what)
    try:
        key.public.verify(signature, text.encode())
    except InvalidSignature:
        raise FaultError(f"{what}: its signature does not verify") from None
    lines = text.split("\n")
    root = _base64(lines[2]) if len(lines) == _CHECKPOINT_LINES else None
    if lines[0] != key.name or root is None or len(root) != _HASH or not _SIZE.fullmatch(lines[1]):
        raise FaultError(f"{what} is no checkpoint of {key.name}")
    return Checkpoint(int(lines[1]), root)


def check_cosignature(note: str, witness: Key, what: str) -> str:
    """Return when a witness cosigned a note, as RFC 3339, once that is verified (c2sp.org/tlog-cosignature)."""
    text, blob = _signature(note, witness, f"witness.missing: {what}")
    seconds = int.from_bytes(blob[:8], "big")
    try:
        witness.public.verify(blob[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (InvalidSignature, ValueError, OverflowError, OSError):
        raise FaultError(f"witness.forged: {what} is not cosigned by {witness.name}") from None


def _signature(note: str, key: Key, what: str) -> tuple[str, bytes]:
    """Return a note's text and what a key signed it with, not yet verified."""
    text, separator, tail = note.rpartition("\n\n")
    _require(bool(separator) and tail.endswith("\n"), f"{what} is no signed note")
    for line in tail[:-1].split("\n"):
        blob = _base64(line.rpartition(" ")[2]) or b""
        if line.startswith(f"{_MARK}{key.name} ") and blob[:4] == key.id:
            return f"{text}\n", blob[4:]
    raise FaultError(f"{what} is not signed by {key.name} with this key")


def stamped(response: bytes) -> tuple[bytes, str]:
    """Return the SHA-256 that a timestamp is about and the instant it names, unverified (RFC 3161).

    Whose word that is, `openssl ts -verify` tells.
    """
    try:
        # Status, token: type, [0] signed data: version, digests, content: type, [0] the token's own octets.
        signed = _parts(_parts(_parts(response)[1])[1])[0]
        octets = _parts(_parts(_parts(signed)[2])[1])[0]
        info = _parts(_content(octets))
        algorithm, digest = _parts(info[2])
        _require(_content(_parts(algorithm)[0]) == _SHA256, "timestamp.form: it is of another hash")
        at = datetime.strptime(_content(info[4])[:14].decode("ascii") + "Z", "%Y%m%d%H%M%S%z")
        return _content(digest), at.isoformat()
    except (IndexError, ValueError):
        raise FaultError(f"timestamp.form: {STAMP} is no answer of RFC 3161") from None


def _parts(element: bytes) -> list[bytes]:
    """Return the DER elements inside another one, each with its head."""
    rest, found = _content(element), []
    while rest:
        start, length = _head(rest)
        found.append(rest[: start + length])
        rest = rest[start + length :]
    return found


def _content(element: bytes) -> bytes:
    start, length = _head(element)
    return element[start : start + length]


def _head(element: bytes) -> tuple[int, int]:
    """Return where a DER element's content begins, and how long it is."""
    length, count = element[1], element[1] & 0x7F
    if length & 0x80 == 0:
        return 2, length
    return 2 + count, int.from_bytes(element[2 : 2 + count], "big")


def check_proof(text: str, entry: bytes, key: Key, what: str) -> tuple[int, Checkpoint]:
    """Return number and checkpoint of the event that a tlog-proof proves to stand in the log."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    _require(lines[0] == PROOF_FORMAT, f"proof.form: {what} is no {PROOF_FORMAT}")
    rest = lines[2:] if lines[1:2] and lines[1].startswith("extra ") else lines[1:]
    word, _, number = rest[0].partition(" ") if rest else ("", "", "")
    hashes = [_base64(line) for line in rest[1:]]
    sized = all(len(hash_ or b"") == _HASH for hash_ in hashes)
    sound = word == "index" and _SIZE.fullmatch(number) is not None and sized
    _require(sound, f"proof.form: {what} does not have the lines of a proof")
    at = check_note(note, key_of(note, key)[0], f"proof.forged: the checkpoint of {what}")
    proof = [hash_ or b"" for hash_ in hashes]
    if inclusion_root(int(number), at.size, leaf_hash(entry), proof) != at.root:
        raise FaultError(f"proof.wrong: {what} does not lead from its entry to the signed root")
    return int(number), at


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """Return where tlog-tiles puts a tile, or with `entries` as level a bundle of entries."""
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    part = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{part}"


def widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """Give number and width of each tile a tree of this size has at a level."""
    whole, rest = divmod(size >> _LEVELS * level, WIDTH)
    for n in range(whole):
        yield n, WIDTH
    if rest:
        yield whole, rest


class _Claim(NamedTuple):
    """A verified promise: the root of the first `size` entries, as `what` says; of an earlier epoch, where named."""

    size: int
    root: bytes
    what: str
    epoch: str

    @property
    def ahead(self) -> str:
        return f"checkpoint.ahead: {self.what} covers {self.size} entries, the bundle fewer"


class _Bundle:
    """One check of one bundle."""

    def __init__(self, path: Path, key: Key, report: Report, progress: Progress | None) -> None:
        self._path = path
        self._key = key
        self._report = report
        self._progress = progress
        self._first = 0
        self._head = Checkpoint(0, b"")
        # By level and number: all above the leaves, and the leaves behind the last whole tile.
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        # By epoch that ended: the entries left of it, those there were, and their root.
        self._ended: dict[str, tuple[int, int, str]] = {}
        self._declaring: dict[int, int] = {}
        self._gaps: list[str] = []

    def check(self, kept: Sequence[str], witnesses: Sequence[Key], *, custody: bool) -> None:
        manifest = self._manifest()
        self._first = manifest["from"]
        self._head = check_note(
            self._file("checkpoint"), self._key, "checkpoint.forged: checkpoint"
        )
        if (manifest["size"], manifest["origin"]) != (self._head.size, self._key.name):
            self._report.fault("manifest.other: the manifest speaks of another log or size")
        if self._file("key") != f"{self._key.text}\n":
            self._report.fault("key.other: the bundle's own key is not the one given")
        claims = self._claims(kept)
        said_by = self._said_by(witnesses, claims)
        checkpoints = len(claims)
        self._load_tiles()
        entries = self._check_blocks(claims)
        proofs = self._check_proofs(manifest)
        events = self._check_custody() if custody else 0
        size, root = self._head
        said = {"origin": self._key.name, "first": self._first, "size": size, "root": root.hex()}
        counts = {"entries": entries, "checkpoints": checkpoints, "proofs": proofs}
        gaps = {"gaps": self._gaps} if self._gaps else {}
        self._report.said = {**said, **counts, "custody": events, **said_by, **gaps}

    def _manifest(self) -> dict[str, Any]:
        """Hold every file against the manifest, and return it."""
        manifest = _json(_read(self._path / MANIFEST, MANIFEST), MANIFEST)
        files, first, size = (manifest.get(name) for name in ("files", "from", "size"))
        sound = (
            manifest.get("format") == FORMAT
            and isinstance(files, dict)
            and type(first) is int
            and type(size) is int
            and 0 <= first <= size
            and first % WIDTH == 0
            and all(_PATH.fullmatch(name) and isinstance(files[name], str) for name in files)
        )
        if not sound or not isinstance(files, dict):
            raise FaultError(f"manifest.form: {MANIFEST} is not of {FORMAT}")
        for name, digest in files.items():
            with self._telling():
                found = sha256(_read(self._path / name, name)).hexdigest()
                _require(found == digest, f"file.changed: {name} is not the one the manifest lists")
        for path in sorted(self._path.rglob("*")):
            name = path.relative_to(self._path).as_posix()
            if path.is_symlink() or not (path.is_dir() or name in files or name in UNLISTED):
                self._report.fault(f"file.extra: {name} is not in the manifest")
        return manifest

    def _claims(self, kept: Sequence[str]) -> list[_Claim]:
        """Return every verified promise about this log, the smallest size last."""
        notes = [
            (line.get("note"), f"checkpoint {number} of checkpoints.jsonl")
            for number, line in enumerate(self._lines("checkpoints.jsonl"), 1)
        ]
        notes += [(note, f"kept checkpoint {number}") for number, note in enumerate(kept, 1)]
        claims = []
        for note, what in notes:
            with self._telling():
                claims.append(self._claim(str(note), what))
        return sorted(claims, reverse=True)

    def _claim(self, note: str, what: str) -> _Claim:
        key, epoch = key_of(note, self._key)
        claim = _Claim(*check_note(note, key, f"checkpoint.forged: {what}"), what, epoch)
        _require(bool(epoch) or claim.size <= self._head.size, claim.ahead)
        return claim

    def _said_by(self, witnesses: Sequence[Key], claims: list[_Claim]) -> dict[str, Any]:
        """Return who cosigned, and what was stamped when; what they speak of joins the promises to be held."""
        said: dict[str, Any] = {}
        notes: dict[str, str] = {}
        for name in (COSIGNED, STAMPED):
            if (self._path / name).exists():
                with self._telling():
                    notes[name] = self._file(name)
                    claims.append(self._claim(notes[name], name))
                    said[name.partition(".")[0]] = claims[-1].size
        for witness in witnesses:
            with self._telling():
                at = check_cosignature(notes.get(COSIGNED, "\n\n\n"), witness, COSIGNED)
                said.setdefault("witnesses", []).append(f"{witness.name} at {at}")
        if STAMPED in notes:
            with self._telling():
                digest, at = stamped(_read(self._path / STAMP, STAMP))
                other = f"timestamp.other: {STAMP} is not about {STAMPED}"
                _require(digest == sha256(notes[STAMPED].encode()).digest(), other)
                said["stamped_at"] = at
                command = f"openssl ts -verify -data {STAMPED} -in {STAMP} -CAfile ROOTS.pem"
                said["stamped_by"] = f"whoever this names: {command}"
        claims.sort(reverse=True)
        return said

    def _load_tiles(self) -> None:
        """Read all tiles above the leaves and settle, from the signed root down, which are right."""
        size, levels = self._head.size, 0
        while size >> _LEVELS * levels:
            for n, width in widths(size, levels):
                if levels or width != WIDTH:
                    self._tiles[levels, n] = self._tile(levels, n, width)
            levels += 1
        self._settle_edge(levels)
        for level in range(levels - 1, 0, -1):
            for n, width in widths(size, level):
                if width == WIDTH:
                    remake = partial(self._below, level, n, width)
                    self._tiles[level, n] = self._settled(level, n, self._tiles[level, n], remake)

    def _settle_edge(self, levels: int) -> None:
        """Hold the tiles at the right edge, which make up the root, against the signed root."""
        edge = [
            (level, n, width)
            for level in range(levels - 1, -1, -1)
            for n, width in widths(self._head.size, level)
            if width != WIDTH
        ]
        if self._edge_root([self._tiles[level, n] for level, n, _ in edge], edge):
            return
        remade = [self._below(*tile) for tile in edge]
        if not self._edge_root(remade, edge):
            size = self._head.size
            self._report.fault(
                f"checkpoint.root: tiles and entries do not lead to the signed root of {size} entries"
            )
            return
        for (level, n, width), right in zip(edge, remade, strict=True):
            if self._tiles[level, n] != right:
                name = tile_path(level, n, width)
                self._report.fault(f"tile.damaged: {name} does not lead to the signed root")
            self._tiles[level, n] = right

    def _edge_root(self, tiles: list[list[bytes]], edge: list[tuple[int, int, int]]) -> bool:
        """Return whether these tiles, the rightmost of each level, lead to the signed root."""
        sound = all(len(tile) == at[2] for tile, at in zip(tiles, edge, strict=True))
        return sound and self._head.root == _folded(
            [node for tile in tiles for node in _perfect_parts(tile)]
        )

    def _settled(
        self, level: int, n: int, stored: list[bytes], remake: Callable[[], list[bytes]]
    ) -> list[bytes]:
        """Return the hashes a whole tile must have: stored or remade, whichever the one above names."""
        wanted = self._tiles.get((level + 1, n // WIDTH), [])[n % WIDTH : n % WIDTH + 1]
        if len(stored) == WIDTH and [perfect_root(stored)] == wanted:
            return stored
        remade = remake()
        sound = len(remade) == WIDTH and [perfect_root(remade)] == wanted
        below = ", and neither does what lies below it" if remade and not sound else ""
        name = tile_path(level, n)
        self._report.fault(f"tile.damaged: {name} does not lead to the hash above it{below}")
        return remade if sound else stored

    def _check_blocks(self, claims: list[_Claim]) -> int:
        """Check leaves, entries and older checkpoints, a tile's width at a time."""
        size, entries = self._head.size, 0
        while claims and claims[-1].size == 0:
            self._meet(claims.pop(), [], 0)
        for n, width in widths(size, 0):
            found: list[bytes] | None = None
            if n * WIDTH >= self._first:
                found = self._hashes_of_entries(n, width)
                entries += len(found)
            leaves = self._tiles.get((0, n))
            if leaves is None:
                remake: Callable[[], list[bytes]] = partial(list, found or ())
                leaves = self._settled(0, n, self._tile(0, n, width), remake)
            if found is not None:
                self._compare(n, width, leaves, found)
            while claims and claims[-1].size <= n * WIDTH + width:
                self._meet(claims.pop(), leaves, n)
            if self._progress is not None and n % 64 == 0:
                self._progress(n * WIDTH, size)
        for claim in claims:  # of earlier epochs, which had more entries than there are now
            if not self._is_lost(claim):
                self._report.fault(claim.ahead)
        self._gaps += [
            f"epoch {epoch}: the signer vouched for {had} entries, {left} are left"
            for epoch, (left, had, _root) in sorted(self._ended.items())
        ]
        return entries

    def _compare(self, n: int, width: int, leaves: list[bytes], found: list[bytes]) -> None:
        name = tile_path("entries", n, width)
        for at in range(width):
            if at >= len(found):
                self._report.fault(f"entry.missing: entry {n * WIDTH + at} is not in {name}")
            elif at < len(leaves) and found[at] != leaves[at]:
                self._report.fault(
                    f"entry.changed: entry {n * WIDTH + at} in {name} is not the one recorded"
                )

    def _meet(self, claim: _Claim, leaves: list[bytes], n: int) -> None:
        """Hold an older checkpoint against the tree that has now been read so far."""
        size, root, what, _ = claim
        if self._is_lost(claim):
            return
        nodes = []
        for level in range(size.bit_length() // _LEVELS, 0, -1):
            tile = self._tiles.get((level, size >> _LEVELS * (level + 1)), [])
            nodes += _perfect_parts(tile[: (size >> _LEVELS * level) % WIDTH])
        # A whole tile's root stands in the tile above already.
        rest = size - n * WIDTH
        nodes += _perfect_parts(leaves[:rest]) if rest < WIDTH else []
        if _folded(nodes) != root:
            self._report.fault(
                f"checkpoint.root: {what} does not agree: the first {size} entries changed"
            )

    def _is_lost(self, claim: _Claim) -> bool:
        """Tell whether it covers entries that, as an entry of this log declares, were lost with their epoch."""
        size, root, what, epoch = claim
        left, had, declared = self._ended.get(epoch, (size, size, ""))
        if size <= left:
            return False
        if size > had or (size == had and root.hex() != declared):
            self._report.fault(
                f"epoch.undeclared: {what} is of more than epoch {epoch} is said to have had"
            )
        else:
            self._gaps.append(f"{what} covers {size} entries of epoch {epoch}, {left} are left")
        return True

    def _declared(self, index: int, entry: bytes) -> None:
        """Take down which epoch an entry says has ended; the first of several in a row stands where it was cut."""
        event = _json(entry, f"entry {index}")
        if event.get("type") == "log.epoch.started":
            left = self._declaring[index] = self._declaring.get(index - 1, index)
            said = str(event.get("op")), event.get("n"), event.get("obj", {}).get("ref")
            if type(said[1]) is int:
                self._ended.setdefault(said[0], (left, said[1], str(said[2])))

    def _check_proofs(self, manifest: dict[str, Any]) -> int:
        names = [name for name in manifest["files"] if name.endswith(".tlog-proof")]
        for name in names:
            with self._telling():
                entry = _read(self._path / name.replace(".tlog-proof", ".entry"), name)
                _, at = check_proof(_text(self._path / name, name), entry, self._key, name)
                _require(at == self._head, f"proof.other: {name} is under another checkpoint")
        return len(names)

    def _check_custody(self) -> int:
        """Check that each handling is an event of this log, one of them the making of this manifest."""
        digest = sha256(_read(self._path / MANIFEST, MANIFEST)).hexdigest()
        made, number = False, 0
        for number, line in enumerate(self._lines(CUSTODY), 1):
            what = f"line {number} of {CUSTODY}"
            with self._telling():
                entry = str(line.get("entry"))
                _, at = check_proof(str(line.get("proof")), entry.encode(), self._key, what)
                proof = [_base64(str(hash_)) or b"" for hash_ in line.get("consistency", [])]
                fork = f"custody.fork: {what} is of a log this bundle is no part of"
                _require(grows(self._head, at, proof), fork)
                event = _json(entry.encode(), what)
                ref = event.get("obj", {}).get("ref")
                made = made or (event.get("type") == "log.exported" and ref == digest)
        if not made:
            self._report.fault("custody.missing: no event tells of the making of this bundle")
        return number

    def _below(self, level: int, n: int, width: int) -> list[bytes]:
        """Return a tile's hashes as what lies below it gives them; none where that is not whole."""
        if level == 0:
            return self._hashes_of_entries(n, width)
        children = [
            self._tiles.get((level - 1, child)) or self._tile(level - 1, child, WIDTH)
            for child in range(n * WIDTH, n * WIDTH + width)
        ]
        whole = all(len(hashes) == WIDTH for hashes in children)
        return [perfect_root(hashes) for hashes in children] if whole else []

    def _tile(self, level: int, n: int, width: int) -> list[bytes]:
        name, raw = tile_path(level, n, width), b""
        with self._telling():
            raw = _read(self._path / name, name)
        if raw and len(raw) != width * _HASH:
            self._report.fault(f"tile.form: {name} does not hold {width} hashes")
            return []
        return [raw[at : at + _HASH] for at in range(0, len(raw), _HASH)]

    def _hashes_of_entries(self, n: int, width: int) -> list[bytes]:
        """Return the leaf hashes of a bundle of entries; each has its length in two bytes before it."""
        name, hashes, at = tile_path("entries", n, width), list[bytes](), 0
        with self._telling():
            raw = _read(self._path / name, name)
            while at < len(raw):
                end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
                bad = f"entry.form: {name} does not end where entry {n * WIDTH + len(hashes)} does"
                _require(end <= len(raw) and len(hashes) < width, bad)
                if b'"log.epoch.started"' in raw[at + 2 : end]:
                    self._declared(n * WIDTH + len(hashes), raw[at + 2 : end])
                hashes.append(leaf_hash(raw[at + 2 : end]))
                at = end
        return hashes

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Note what is found wrong here, and go on behind it."""
        try:
            yield
        except FaultError as exc:
            self._report.fault(str(exc))

    def _file(self, name: str) -> str:
        return _text(self._path / name, name)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return [_json(line.encode(), name) for line in self._file(name).splitlines()]


def _perfect_parts(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the perfect subtrees these hashes make up, largest first."""
    parts, at = [], 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            parts.append(perfect_root(hashes[at : at + (1 << bit)]))
            at += 1 << bit
    return parts


def _folded(nodes: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees, largest first."""
    if not nodes:
        return _EMPTY
    root = nodes[-1]
    for node in nodes[-2::-1]:
        root = node_hash(node, root)
    return root


def _require(sound: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not sound:
        raise FaultError(fault)


def _base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Unused bits must be zero, or one hash would have several spellings.
    return raw if base64.b64encode(raw).decode() == text else None


def _read(path: Path, name: str) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise FaultError(f"file.missing: {name} is not there")
        return path.read_bytes()
    except OSError as exc:
        raise FaultError(f"file.unreadable: {name}: {exc.strerror}") from None


def _text(path: Path, name: str) -> str:
    try:
        return _read(path, name).decode()
    except UnicodeDecodeError:
        raise FaultError(f"file.form: {name} is no text") from None


def _json(raw: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FaultError(f"file.form: {name} is not JSON as it should be")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names and return 0 where nothing is wrong, else 1."""
    parser = argparse.ArgumentParser(description="Check evidence taken out of an audit log.")
    parser.add_argument("path", type=Path, help="a bundle's directory, or a .tlog-proof file")
    parser.add_argument("--key", type=Path, required=True, help="verifier key, got from elsewhere")
    kept = "a checkpoint kept elsewhere, which the bundle has to contain"
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help=kept)
    vkey = "verifier key of a witness that has to have cosigned"
    parser.add_argument("--witness", metavar="VKEY", action="append", default=[], help=vkey)
    given = parser.parse_args(arguments)
    try:
        notes = [_text(path, path.name) for path in given.checkpoint]
        report = check(
            given.path, _text(given.key, given.key.name), kept=notes, witnesses=given.witness
        )
    except FaultError as exc:
        report = Report([str(exc)])
    told = [f"{name}: {value}" for name, value in report.said.items()]
    sys.stdout.write("\n".join([*report.faults, *told, "sound" if report.ok else "NOT sound", ""]))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
