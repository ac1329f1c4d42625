"""What a root key provider does, and the one in a home's own file; the root wraps the master key and nothing else.

Other providers are in `roots/`. `file:` keeps a random root in one small file, sealed by a passphrase: Argon2id
(RFC 9106) stretches it, HKDF-SHA-256 (RFC 5869) makes of that a sealing key and a commitment to it, AES-256-GCM seals.
The commitment (Albertini et al., How to Abuse and Fix Authenticated Encryption Without Key
Commitment, USENIX Security 2022) matters here, because a passphrase is guessable: without it one
crafted file could test many guesses at once (Len et al., Partitioning Oracle Attacks, 2021). It
also tells a wrong passphrase from a damaged file. Byte-exact in `docs/formats/envelope.md`, reasons
in ADR 0010.

The root itself is never returned, printed or written unsealed.
"""

import errno
import hashlib
import hmac
import os
import stat
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from strongroom.crypto.derive import KEY_BYTES, aad, derive
from strongroom.crypto.envelope import Entropy, open_, seal, unwrap, wrap
from strongroom.errors import Conflict, Misconfigured, Tampered, Unavailable
from strongroom.terms import Environment


class RootProvider(Protocol):
    """Wraps and unwraps the master key; where the root itself lives is its own affair."""

    @property
    def uri(self) -> str:
        """The address that opens this root again; holds no secret."""

    @property
    def key_id(self) -> str:
        """What the provider calls the root: a path, an object in a token, an ARN; holds no secret."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the root.

        Raises:
            Misconfigured, Unavailable: a provider elsewhere does not take the call, or does not answer.

        """

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that `wrap` wrapped in the same context.

        Raises:
            Tampered: the bytes or the context are others.
            Misconfigured, Unavailable: as `wrap`.

        """


@dataclass(frozen=True, slots=True)
class Cost:
    """What Argon2id spends on one passphrase."""

    memory_kib: int
    passes: int
    lanes: int


STANDARD_COST: Final = Cost(memory_kib=64 * 1024, passes=3, lanes=4)
"""RFC 9106 section 4, second recommended option; about a tenth of a second."""

_MOST: Final = Cost(memory_kib=4 * 1024 * 1024, passes=64, lanes=64)
_VERSION: Final = 1
_ARGON2ID: Final = 1
_SALT_BYTES: Final = 16
_HEAD: Final = Struct(">BBBBII16s")  # version, environment, KDF, lanes, passes, KiB, salt
_SEALED_BYTES: Final = 61
_DIGEST_BYTES: Final = 32
_FILE_BYTES: Final = _HEAD.size + KEY_BYTES + _SEALED_BYTES + _DIGEST_BYTES
# Neither follows a link nor waits at a pipe.
_READ_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_RESEALING: Final = threading.Lock()
"""Two at once would take each other's draft for what a kill left."""

_WORLDS: Final = {Environment.TEST: 1, Environment.PRODUCTION: 2}


class FileRoot:
    """The root of a `file:` URI, opened; made by `create_file_root` and `open_file_root`."""

    __slots__ = ("_kek", "uri")

    def __init__(self, uri: str, root: bytes, environment: Environment) -> None:
        self.uri: Final = uri
        self._kek: Final = derive(root, "strongroom/root/wrap/v1", environment)

    @property
    def key_id(self) -> str:
        """The path, as its address has it."""
        return self.uri.partition(":")[2]

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the root: 61 bytes."""
        return wrap(self._kek, key, context=context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that `wrap` wrapped in the same context.

        Raises:
            Tampered: the bytes or the context are others, or another root wrapped it.

        """
        return unwrap(self._kek, wrapped, context=context, name="the key under the root")

    def __repr__(self) -> str:
        return f"<root {self.uri}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


def root_for(
    uri: str, environment: Environment, *, passphrase: str, home: Path | None = None
) -> RootProvider:
    """Return the opened root behind a `file:` URI; a relative path is meant within `home`.

    Raises:
        Misconfigured: it is no such URI, or as `open_file_root`.
        Tampered: as `open_file_root`.

    """
    return open_file_root(root_file(uri, home), passphrase, environment, uri=uri)


def root_file(uri: str, home: Path | None = None) -> Path:
    """Return the file of a `file:` URI; a relative one is meant within `home`. Raises: Misconfigured."""
    scheme, _, rest = uri.partition(":")
    if scheme != "file" or not rest or (rest.startswith("//") and not rest.startswith("///")):
        # Not repeated: an address typed wrongly may hold anything.
        raise Misconfigured("the root key's address has no known scheme", hint="use file:PATH")
    path = Path(rest.removeprefix("//"))
    return home / path if home else path


def create_file_root(
    path: Path,
    passphrase: str,
    environment: Environment,
    *,
    cost: Cost = STANDARD_COST,
    entropy: Entropy = os.urandom,
    uri: str | None = None,
) -> FileRoot:
    """Make a random root, seal it into a new file of mode 0600, and return it.

    The file is durable on return.

    Raises:
        Conflict: the file exists.
        Misconfigured: the passphrase is empty, or the cost is too low for production.
        Unavailable: the file cannot be written; nothing is left of it.

    """
    if environment is Environment.PRODUCTION and not _at_least(cost, STANDARD_COST):
        raise Misconfigured("this cost of the passphrase is too low for production")
    root = entropy(KEY_BYTES)
    _write_new(path, _sealed_root(root, passphrase, environment, cost, entropy))
    return FileRoot(uri or f"file:{path}", root, environment)


def open_file_root(
    path: Path, passphrase: str, environment: Environment, *, uri: str | None = None
) -> FileRoot:
    """Open the root in a file with its passphrase.

    Raises:
        Misconfigured: no such file, readable by others, made for the other environment, or the
            passphrase is wrong.
        Tampered: the file is not what `create_file_root` wrote.

    """
    root, _cost = _opened(path, passphrase, environment)
    return FileRoot(uri or f"file:{path}", root, environment)


def reseal_file_root(
    path: Path,
    passphrase: str,
    successor: str,
    environment: Environment,
    *,
    entropy: Entropy = os.urandom,
) -> None:
    """Seal the root in a file under another passphrase; the root, and so all that it wraps, stays as it is.

    The file is replaced whole or not at all, and durable on return: it opens with the successor only. Copies of the
    file as it was still open with the passphrase before.

    Raises:
        Misconfigured, Tampered: as `open_file_root`; or the successor is empty.
        Conflict: the successor is the passphrase.
        Unavailable: the file cannot be written and is as it was; or, where the message says so, it was replaced and
            only its directory may not be durable.

    """
    with _RESEALING:
        _reseal(path, passphrase, successor, environment, entropy)


def cost_for(path: Path, environment: Environment) -> Cost:
    """Return what a guess at a new passphrase is to cost: as at a file's, in production the standard at least.

    Raises:
        Misconfigured: the file cannot be read.

    """
    raw = _read(path)
    if len(raw) != _FILE_BYTES:
        return STANDARD_COST
    _version, _world, _kdf, lanes, passes, memory_kib, _salt = _HEAD.unpack_from(raw)
    cost = Cost(memory_kib, passes, lanes)
    is_enough = environment is Environment.TEST or _at_least(cost, STANDARD_COST)
    return cost if is_enough and _is_possible(cost) else STANDARD_COST


def succeed_file_root(
    path: Path,
    passphrase: str,
    environment: Environment,
    *,
    admit: Callable[[FileRoot], None],
    cost: Cost = STANDARD_COST,
    entropy: Entropy = os.urandom,
    uri: str | None = None,
) -> FileRoot:
    """Put a new random root into the place of the one in a file, sealed by this passphrase, and return it.

    `admit` has to make durable, before the file before goes, that the new root opens all that it has to. The file is
    replaced whole or not at all. Copies of the one before hold a root that opens nothing once its wraps are destroyed.

    Raises:
        Misconfigured: the passphrase is empty.
        Unavailable: as `reseal_file_root`.

    """
    with _RESEALING:
        draft = path.with_name(f".{path.name}.next")
        draft.unlink(missing_ok=True)
        root = entropy(KEY_BYTES)
        _write_new(draft, _sealed_root(root, passphrase, environment, cost, entropy))
        try:
            if not hmac.compare_digest(_opened(draft, passphrase, environment)[0], root):
                raise Tampered(f"{draft} does not hold the root that was written")
            made = FileRoot(uri or f"file:{path}", root, environment)
            admit(made)
            draft.replace(path)
            _sync(path.parent)
        except OSError as exc:
            raise Unavailable(f"the root key at {path} cannot be written: {_reason(exc)}") from exc
        finally:
            draft.unlink(missing_ok=True)
    return made


def _reseal(
    path: Path, passphrase: str, successor: str, environment: Environment, entropy: Entropy
) -> None:
    root, cost = _opened(path, passphrase, environment)
    if _normal(passphrase) == _normal(successor):
        raise Conflict("this is the passphrase already", hint="make a new one [1.4]")
    if environment is Environment.PRODUCTION and not _at_least(cost, STANDARD_COST):
        cost = STANDARD_COST
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    _write_new(draft, _sealed_root(root, successor, environment, cost, entropy))
    try:
        # Before the only copy goes: a root that nothing opens is the end of every record.
        if not hmac.compare_digest(_opened(draft, successor, environment)[0], root):
            raise Tampered(f"{draft} does not hold the root that was written")
        draft.replace(path)
    except OSError as exc:
        raise Unavailable(f"the root key at {path} cannot be written: {_reason(exc)}") from exc
    finally:
        draft.unlink(missing_ok=True)
    try:
        _sync(path.parent)
    except OSError as exc:
        # Whoever took this for "nothing changed" would throw the only passphrase away that opens it.
        raise Unavailable(
            f"the root key at {path} is sealed anew, but may not outlast a loss of power: {_reason(exc)}",
            hint="keep both passphrases until a restart has opened the home with the new one",
        ) from exc


def _opened(path: Path, passphrase: str, environment: Environment) -> tuple[bytes, Cost]:
    """Return the root in a file, and what its passphrase costs. Raises: as `open_file_root`."""
    raw = _read(path)
    body, digest = raw[:-_DIGEST_BYTES], raw[-_DIGEST_BYTES:]
    if len(raw) != _FILE_BYTES or not hmac.compare_digest(hashlib.sha256(body).digest(), digest):
        raise Tampered(f"{path} is not the root key file that was written: restore it from a copy")
    version, world, kdf, lanes, passes, memory_kib, salt = _HEAD.unpack_from(body)
    cost = Cost(memory_kib, passes, lanes)
    if version != _VERSION or kdf != _ARGON2ID or not _is_possible(cost):
        raise Tampered(f"{path} is a root key file of an unknown form")
    if world != _WORLDS[environment]:
        made_for = next((str(known) for known, code in _WORLDS.items() if code == world), "neither")
        raise Misconfigured(
            f"{path} was made for {made_for}, not for {environment}",
            hint="test and production never share keys",
        )
    head = body[: _HEAD.size]
    sealing_key, commitment = _keys(passphrase, head, salt, cost)
    if not hmac.compare_digest(commitment, body[_HEAD.size : _HEAD.size + KEY_BYTES]):
        raise Misconfigured(
            f"the passphrase does not open {path}", hint="is it the one given last?"
        )
    sealed = body[_HEAD.size + KEY_BYTES :]
    return open_(sealing_key, sealed, context=aad("strongroom/root/v1", head), name=str(path)), cost


def _sealed_root(
    root: bytes, passphrase: str, environment: Environment, cost: Cost, entropy: Entropy
) -> bytes:
    salt = entropy(_SALT_BYTES)
    head = _HEAD.pack(
        _VERSION, _WORLDS[environment], _ARGON2ID, cost.lanes, cost.passes, cost.memory_kib, salt
    )
    sealing_key, commitment = _keys(passphrase, head, salt, cost)
    context = aad("strongroom/root/v1", head)
    body = head + commitment + seal(sealing_key, root, context=context, entropy=entropy)
    return body + hashlib.sha256(body).digest()


def _keys(passphrase: str, head: bytes, salt: bytes, cost: Cost) -> tuple[bytes, bytes]:
    """Return the sealing key and the commitment to it; both bind the whole head."""
    if not passphrase:
        raise Misconfigured("the passphrase is empty")
    try:
        stretched = hash_secret_raw(
            _normal(passphrase).encode(),
            salt,
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
    except UnicodeEncodeError:
        raise Misconfigured("the passphrase is not valid Unicode") from None
    except HashingError as exc:
        raise Unavailable(f"no {cost.memory_kib // 1024} MiB free for the passphrase") from exc
    sealing_key = derive(stretched, "strongroom/root/seal/v1", head)
    return sealing_key, derive(stretched, "strongroom/root/commit/v1", head)


def _normal(passphrase: str) -> str:
    # The same characters typed on two systems may differ in bytes (RFC 8265 section 4.2).
    return unicodedata.normalize("NFC", passphrase)


def _at_least(cost: Cost, floor: Cost) -> bool:
    return (
        cost.memory_kib >= floor.memory_kib
        and cost.passes >= floor.passes
        and cost.lanes >= floor.lanes
    )


def _is_possible(cost: Cost) -> bool:
    """Say whether Argon2 takes this cost (RFC 9106 section 3.1) and no machine is brought down by it."""
    least = Cost(memory_kib=8 * cost.lanes, passes=1, lanes=1)
    return _at_least(cost, least) and _at_least(_MOST, cost)


def _read(path: Path) -> bytes:
    try:
        handle = os.open(path, _READ_FLAGS)
    except FileNotFoundError:
        raise Misconfigured(
            f"no root key at {path}", hint="make a home with `strongroom init`"
        ) from None
    except OSError as exc:
        raise Misconfigured(f"the root key at {path} cannot be read: {_reason(exc)}") from exc
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise Misconfigured(
                f"{path} is open to others than its owner", hint=f"chmod 600 {path}"
            )
        # One byte more than it may have: a longer file shows.
        return file.read(_FILE_BYTES + 1)


def _write_new(path: Path, content: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Conflict(f"there is a root key at {path} already") from None
    except OSError as exc:
        raise Unavailable(f"the root key at {path} cannot be written: {_reason(exc)}") from exc
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        # The name is durable only once its directory is.
        _sync(path.parent)
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise Unavailable(f"the root key at {path} cannot be written: {_reason(exc)}") from exc


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(exc: OSError) -> str:
    return errno.errorcode.get(exc.errno or 0, "unknown error")
