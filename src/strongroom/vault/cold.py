"""The files of the archive: sealed to people whose keys are elsewhere, written whole or not at all [2.1, 2.4].

Beside each lies a manifest that names hold, law and hashes, and nobody. What is inside goes through memory in parts and
is never on a disk in clear. Whoever runs Strongroom can write such a file and never open it; `open_file` needs an
identity, and nothing of a home. docs/formats/archive.md has the bytes.
"""

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import orjson

from strongroom.crypto.age import Identities, Recipients
from strongroom.errors import Malformed, Misconfigured, Tampered, Unavailable
from strongroom.request import instant

FORMAT: Final = "strongroom/archive/v1"
_SEALED, _MANIFEST, _DRAFT = ".age", ".json", ".draft"
_NAME: Final = re.compile(r"hold-([0-9]{1,12})-period-([0-9]{1,12})-([0-9a-f]{8})")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PROOF: Final = b"strongroom/archive-proof/v1\n"
_SALT_BYTES: Final = 32
_PART_BYTES: Final = 1024 * 1024
_LONGEST_MANIFEST: Final = 64 * 1024
_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is said of an archive beside it; nothing of it is about a person."""

    archive: str
    environment: str
    hold: int
    law: str
    reference: str
    source: str
    categories: tuple[str, ...]
    seller: int
    purchased_from: str
    purchased_to: str
    sealed_at: str
    keep_until: str
    """The hold's last day when it was sealed; an extension or a release stands in the home's log."""
    records: int
    size_bytes: int
    sha256: str
    """Of the file."""
    proof_sha256: str
    """Of what only somebody who opened it can tell: `proved`."""
    recipients: tuple[str, ...]

    def dump(self) -> bytes:
        """Return the manifest's bytes: always the same for the same one."""
        document = {"format": FORMAT, **asdict(self)}
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def load(content: bytes, name: str) -> Manifest:
    """Return the manifest that `dump` wrote. Raises: Tampered."""
    try:
        document = orjson.loads(content)
        if document.pop("format") != FORMAT:
            raise Tampered(f"{name} is of another format")
        for member in ("categories", "recipients"):
            document[member] = tuple(document[member])
        return Manifest(**document)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Tampered(f"{name} is no manifest of an archive") from None


def new_name(hold: int, period: int) -> str:
    """Return a name that no archive has yet."""
    return f"hold-{hold}-period-{period}-{secrets.token_hex(4)}"


def named(name: str) -> tuple[int, int] | None:
    """Return hold and period that an archive's name tells, None where it is no such name."""
    found = _NAME.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2]))


def proved(content_digest: str) -> str:
    """Return what a manifest says of the digest of what is inside, which it must not give away."""
    return hashlib.sha256(_PROOF + content_digest.encode()).hexdigest()


def check_proof(manifest: Manifest, digest: str) -> bool:
    """Say whether this is what opening the archive prints. Raises: Malformed."""
    if not _DIGEST.fullmatch(digest):
        raise Malformed("the digest has 64 hexadecimal digits", hint="`archive open --prove`")
    return proved(digest) == manifest.proof_sha256


def header(manifest: Mapping[str, Any]) -> bytes:
    """Return the first line inside: what it is, and a salt, so that its digest can't be guessed from its values."""
    said = {"format": FORMAT, **manifest, "salt": secrets.token_hex(_SALT_BYTES)}
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class Written:
    """A file in place, durable, and what was hashed while it was written."""

    bytes: int
    sha256: str
    proof_sha256: str


class Directory:
    """Where archives lie."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, recipients: Recipients, parts: Iterable[bytes]) -> Written:
        """Seal the parts into a file of this name; durable on return. Raises: Unavailable; what a part raises."""
        inside = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for part in parts:
                inside.update(part)
                yield part

        draft = self._place(name, _DRAFT)
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with os.fdopen(handle, "wb") as file:
                outside = _Hashing(file)
                recipients.seal_parts(hashed(), cast("BinaryIO", outside))
                file.flush()
                os.fsync(handle)
            draft.replace(self._place(name, _SEALED))
            _sync(self.path)
        except OSError as exc:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Unavailable(f"archive {name} cannot be written: {exc.strerror}") from None
        return Written(outside.count, outside.digest.hexdigest(), proved(inside.hexdigest()))

    def write_manifest(self, manifest: Manifest) -> str:
        """Put a manifest beside its file, durably; return its hash. Raises: Unavailable."""
        content, name = manifest.dump(), manifest.archive
        draft = self._place(name, _MANIFEST + _DRAFT)
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            draft.replace(self._place(name, _MANIFEST))
            _sync(self.path)
        except OSError as exc:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Unavailable(f"manifest {name} cannot be written: {exc.strerror}") from None
        return hashlib.sha256(content).hexdigest()

    def manifest(self, name: str, wanted_sha256: str) -> Manifest:
        """Return the manifest of an archive. Raises: Tampered: it is missing, or another than was recorded."""
        content = _read_manifest(self._place(name, _MANIFEST))
        if content is None:
            raise Tampered(f"the manifest of {name} is missing")
        if hashlib.sha256(content).hexdigest() != wanted_sha256:
            raise Tampered(f"the manifest of {name} is not what was recorded")
        return load(content, f"the manifest of {name}")

    def sealed_at(self, name: str) -> datetime | None:
        """Return when a whole archive was sealed, by the manifest beside it; None where a file or manifest is missing.

        Raises:
            Tampered: what lies there as manifest is none.

        """
        file = self._place(name, _SEALED)
        manifest = beside(file) if file.exists() else None
        return None if manifest is None else instant(manifest.sealed_at)

    def check(self, manifest: Manifest) -> None:
        """Read a whole file and hold it against its manifest. Raises: Tampered, Unavailable."""
        refuse_changed(self._place(manifest.archive, _SEALED), manifest)

    def destroy(self, name: str) -> None:
        """Remove an archive and its manifest, durably; what is gone already is no error. Raises: Unavailable."""
        try:
            for kind in (_SEALED, _MANIFEST, _DRAFT, _MANIFEST + _DRAFT):
                self._place(name, kind).unlink(missing_ok=True)
            _sync(self.path)
        except OSError as exc:
            raise Unavailable(f"archive {name} cannot be removed: {exc.strerror}") from None

    def names(self) -> set[str]:
        """Return the names of all that is of the form of an archive's files here. Raises: Unavailable."""
        try:
            found = [entry.name for entry in os.scandir(self.path)]
        except OSError as exc:
            raise Unavailable(f"{self.path} cannot be read: {exc.strerror}") from None
        stems = {name.partition(".")[0] for name in found}
        return {stem for stem in stems if named(stem) is not None}

    def writable(self) -> bool:
        """Say whether a file could be written here now."""
        return os.access(self.path, os.W_OK | os.X_OK)

    def _place(self, name: str, kind: str) -> Path:
        # A name comes from a row: it leads nowhere else.
        if named(name) is None:
            raise Tampered("the name of an archive is none that was given to one")
        return self.path / f"{name}{kind}"


def beside(file: Path) -> Manifest | None:
    """Return the manifest beside an archive, None where there is none. Raises: Tampered."""
    place = file.with_suffix(_MANIFEST)
    content = _read_manifest(place)
    return None if content is None else load(content, place.name)


def refuse_changed(file: Path, manifest: Manifest) -> None:
    """Refuse a file that is not the one its manifest is of. Raises: Tampered, Unavailable."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as source:
            while part := source.read(_PART_BYTES):
                digest.update(part)
    except FileNotFoundError:
        raise Tampered(f"archive {manifest.archive} is missing") from None
    except OSError as exc:
        raise Unavailable(f"{file.name} cannot be read: {exc.strerror}") from None
    if digest.hexdigest() != manifest.sha256:
        raise Tampered(f"archive {manifest.archive} is not what was sealed")


class Sink(Protocol):
    """Takes what is inside, part by part."""

    def write(self, part: bytes, /) -> int:
        """Take a part."""
        ...

    def flush(self) -> None:
        """Pass on what was taken."""
        ...


def open_file(file: Path, identities: Identities, target: Sink) -> str:
    """Write what an archive holds to `target`; return the digest that proves that it was opened, whole.

    Raises:
        Tampered: it does not open, was changed, or its end is missing; what came before was true.
        Misconfigured: the file can't be read.

    """
    inside = _Hashing(target)
    try:
        with file.open("rb") as source:
            identities.open(source, cast("BinaryIO", inside))
    except OSError as exc:
        raise Misconfigured(f"{file.name} or what it is opened to: {exc.strerror}") from None
    if not inside.begins.startswith(b'{"format":"' + FORMAT.encode() + b'"'):
        raise Tampered(f"{file.name} is no archive of this format")
    return inside.digest.hexdigest()


class _Hashing(io.RawIOBase):
    """Hashes and counts what is written through it."""

    def __init__(self, target: Sink) -> None:
        super().__init__()
        self._target = target
        self.digest = hashlib.sha256()
        self.count = 0
        self.begins = b""

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:  # noqa: ANN401 - a buffer
        content = bytes(part)
        self.begins = (self.begins + content[: 64 - len(self.begins)])[:64]
        self.digest.update(content)
        self.count += len(content)
        self._target.write(content)
        return len(content)

    def flush(self) -> None:
        self._target.flush()


def _read_manifest(place: Path) -> bytes | None:
    try:
        with place.open("rb") as file:
            content = file.read(_LONGEST_MANIFEST + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Unavailable(f"{place.name} cannot be read: {exc.strerror}") from None
    if len(content) > _LONGEST_MANIFEST:
        raise Tampered(f"{place.name} is too long for a manifest")
    return content


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
