"""Seals files for people whose keys are elsewhere: age, version 1 (C2SP age, https://c2sp.org/age).

A backup, an archive, or a copy of the keystore is written for public X25519 recipients; whoever runs Strongroom can
write it and never read it. pyrage, the Python face of the Rust implementation, does the work; this file turns its
errors into ours, reads and writes without holding a file in memory, and never shows an identity.

age tells a file's parts apart (64 KiB each, numbered, the last one marked), so a part that was changed, moved or left
out is refused when it is reached: what came before it was true. Whoever needs all or nothing waits for the end.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import pyrage
from pyrage import x25519

from strongroom.errors import Malformed, Misconfigured, Tampered

_LONGEST_KEY_FILE: Final = 64 * 1024


class Recipients:
    """Who can open what is sealed: public keys, at least one."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Take recipients as age writes them, `age1…`.

        Raises:
            Malformed: there is none, or one of them is no X25519 recipient.

        """
        if not texts:
            raise Malformed("no age recipient is named", hint="make one with `age-keygen`")
        self._keys = [_recipient(text) for text in texts]
        self.names = tuple(dict.fromkeys(str(key) for key in self._keys))
        """The recipients in age's own form, each once."""

    def seal(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write all of `source`, sealed, to `target`; errors of either are raised as they are."""
        pyrage.encrypt_io(source, target, self._keys)

    def seal_parts(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write the parts, one after the other, as one sealed file."""
        reader = _Parts(iter(parts))
        try:
            pyrage.encrypt_io(io.BufferedReader(reader), target, self._keys)
        except Exception:
            # What was raised while a part was made comes back wrapped: the reason is ours.
            if reader.failure is not None:
                raise reader.failure from None
            raise


class Passphrase:
    """Who opens is whoever has this: for people who have no key. Its `repr` shows nothing.

    pyrage seals to a passphrase (scrypt) only what it is given whole: that is held in memory.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<passphrase>"

    def seal_parts(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write the parts, one after the other, as one sealed file."""
        target.write(pyrage.passphrase.encrypt(b"".join(parts), self._text))


class Identities:
    """Who opens: private keys. `repr` shows none."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Take identities as age writes them, `AGE-SECRET-KEY-1…`. Raises: Malformed."""
        if not texts:
            raise Malformed("no age identity is given")
        try:
            self._keys = [x25519.Identity.from_str(text.strip()) for text in texts]
        except pyrage.IdentityError:
            raise Malformed("what is given is no X25519 identity of age") from None

    def __repr__(self) -> str:
        return "<identities>"

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public keys that belong to these."""
        return tuple(str(key.to_public()) for key in self._keys)

    def open(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what `source` holds to `target`; true up to the place where it raises.

        Raises:
            Tampered: none of the identities opens it, it was changed, or its end is missing.

        """
        try:
            pyrage.decrypt_io(source, target, self._keys)
        except pyrage.DecryptError:
            raise _unopened() from None
        except OSError as exc:
            # The reader of a changed part fails inside of pyrage, without an error number; a disk's has one.
            if exc.errno is not None:
                raise
            raise _unopened() from None


def read_recipients(path: Path) -> Recipients:
    """Read a recipients file: one a line, `#` begins a comment. Raises: Misconfigured, Malformed."""
    return Recipients(_lines(path))


def read_identities(path: Path) -> Identities:
    """Read an identity file as `age-keygen` writes it. Raises: Misconfigured, Malformed."""
    return Identities(_lines(path))


def new_identity() -> tuple[str, str]:
    """Return a fresh identity and its recipient. Randomness is the library's own: it takes none from outside."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise Malformed(
            "a recipient is no X25519 recipient of age", hint="it begins with age1"
        ) from None


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY_FILE + 1)
    except OSError as exc:
        raise Misconfigured(f"{path} can't be read: {exc.strerror}") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Malformed(f"{path} is no file of age keys") from None
    if len(content) > _LONGEST_KEY_FILE:
        raise Malformed(f"{path} is too long for a file of age keys")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _unopened() -> Tampered:
    return Tampered(
        "the file does not open",
        hint="is the identity one of its recipients, and is the file whole?",
    )


class _Parts(io.RawIOBase):
    """Reads what an iterator gives."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._left = memoryview(b"")
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._left:
            try:
                part = next(self._parts, None)
            except Exception as exc:
                self.failure = exc
                raise
            if part is None:
                return 0
            self._left = memoryview(part)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
