"""Where a sealed file is put: a directory, or a bucket that takes it in parts and so can be resumed."""

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from strongroom.anchors.bucket import Bucket, Credentials, signed
from strongroom.backups.sealed import digest_of, sync
from strongroom.errors import StrongroomError, Tampered, Unavailable
from strongroom.outbound import Outbound

PART_BYTES: Final = 8 * 1024 * 1024
_PIECE: Final = 1 << 20
_MODE: Final = 0o600
_OK: Final = 200
_GONE: Final = frozenset({200, 204, 404})

Told = Callable[[int], None]


class Target(Protocol):
    """A place of sealed files, by name. Every call raises `Unavailable` where it can't be used."""

    def store(self, path: Path, digest: str, parts: int, told: Told) -> int:
        """Put a file there, of which `parts` lie there already; `told` hears of each. Return how many there are."""
        ...

    def hold(self, name: str, content: bytes) -> None:
        """Put a small file there."""
        ...

    def check(self, name: str, digest: str, parts: int) -> None:
        """Read a file back. Raises: Tampered: it is not what was put there, or is gone."""
        ...

    def remove(self, name: str, parts: int) -> None:
        """Remove a file and what was held beside it, if it is there."""
        ...


class DirectoryTarget:
    """A directory of this machine, or one that is mounted from another."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def store(self, path: Path, digest: str, parts: int, told: Told) -> int:
        """Copy a file there whole, read back and compared before it has its name."""
        del parts
        draft = self._path / f".{path.name}.part"
        try:
            self._refuse_absent()
            draft.unlink(missing_ok=True)
            handle = os.open(
                draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE
            )
            with os.fdopen(handle, "wb") as to, path.open("rb") as source:
                while piece := source.read(_PIECE):
                    to.write(piece)
                to.flush()
                os.fsync(handle)
            if digest_of(draft) != digest:
                raise Tampered(f"{path.name} changed on its way to its target")
            draft.replace(self._path / path.name)
            sync(self._path)
        except OSError as exc:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Unavailable(f"a target cannot be written: {exc.strerror}") from None
        told(1)
        return 1

    def hold(self, name: str, content: bytes) -> None:
        """Put a small file there."""
        draft = self._path / f".{name}.part"
        try:
            self._refuse_absent()
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            draft.replace(self._path / name)
            sync(self._path)
        except OSError as exc:
            raise Unavailable(f"a target cannot be written: {exc.strerror}") from None

    def check(self, name: str, digest: str, parts: int) -> None:
        """Hash the file anew."""
        del parts
        try:
            self._refuse_absent()
            found = digest_of(self._path / name)
        except FileNotFoundError:
            raise Tampered(f"{name} is gone from its target") from None
        except OSError as exc:
            raise Unavailable(f"a target cannot be read: {exc.strerror}") from None
        if found != digest:
            raise Tampered(f"{name} is not what was put into its target")

    def remove(self, name: str, parts: int) -> None:
        """Unlink file and manifest."""
        del parts
        try:
            self._refuse_absent()
            for one in (name, manifest_name(name)):
                (self._path / one).unlink(missing_ok=True)
                (self._path / f".{one}.part").unlink(missing_ok=True)
            sync(self._path)
        except OSError as exc:
            raise Unavailable(f"a target cannot be changed: {exc.strerror}") from None

    def _refuse_absent(self) -> None:
        # What is not mounted would otherwise look like a place that lost everything.
        if not self._path.is_dir():
            raise Unavailable("the directory of a target is not there", hint="is it mounted?")


class BucketTarget:
    """A bucket of S3, or of a server that speaks it: a file lies there in numbered parts, locked for the bucket's days.

    What is locked nobody deletes before its date, whoever holds our credentials included: it holds sealed rows alone.
    """

    def __init__(
        self, outbound: Outbound, bucket: Bucket, credentials: Credentials, now: datetime
    ) -> None:
        self._outbound = outbound
        self._bucket = bucket
        self._credentials = credentials
        self._until = now + timedelta(days=bucket.days)

    def store(self, path: Path, digest: str, parts: int, told: Told) -> int:
        """Put the parts there that are missing; each is checked by the server against its hash."""
        del digest
        number = 0
        try:
            with path.open("rb") as source:
                source.seek(parts * PART_BYTES)
                number = parts
                while piece := source.read(PART_BYTES):
                    self.hold(part_name(path.name, number), piece)
                    number += 1
                    told(number)
        except OSError as exc:
            raise Unavailable(f"{path} cannot be read: {exc.strerror}") from None
        return number

    def hold(self, name: str, content: bytes) -> None:
        """Put an object there."""
        checksum = base64.b64encode(sha256(content).digest()).decode()
        headers = {
            "content-type": "application/octet-stream",
            "x-amz-checksum-sha256": checksum,
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": self._until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._ask("PUT", name, content, headers, frozenset({_OK}))

    def check(self, name: str, digest: str, parts: int) -> None:
        """Read the parts back, in their order."""
        whole = sha256()
        for number in range(parts):
            status, body = self._answer("GET", part_name(name, number), b"", {})
            if status != _OK:
                raise Tampered(f"a part of {name} is gone from its target")
            whole.update(body)
        if whole.hexdigest() != digest:
            raise Tampered(f"{name} is not what was put into its target")

    def remove(self, name: str, parts: int) -> None:
        """Delete the parts and the manifest; what the bucket locks stays until its own date."""
        for number in range(parts):
            self._ask("DELETE", part_name(name, number), b"", {}, _GONE)
        self._ask("DELETE", manifest_name(name), b"", {}, _GONE)

    def _ask(
        self, method: str, name: str, content: bytes, headers: dict[str, str], well: frozenset[int]
    ) -> None:
        status, _ = self._answer(method, name, content, headers)
        if status not in well:
            raise Unavailable(f"the bucket of a target answers {status}")

    def _answer(
        self, method: str, name: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            return signed(
                self._outbound, self._bucket, self._credentials, method, name, content, headers
            )
        except StrongroomError as exc:
            raise Unavailable(f"the bucket of a target can't be used: {exc.message}") from None


def part_name(name: str, number: int) -> str:
    """Return what a part of a file is called in a bucket; `cat` puts them together in this order."""
    return f"{name}.{number:06d}"


def manifest_name(name: str) -> str:
    """Return what the manifest of a file is called."""
    return f"{name.removesuffix('.age')}.json"
