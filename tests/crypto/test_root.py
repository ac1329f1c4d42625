"""The root key opens with its passphrase, in its world, from the file that was written."""

import hashlib
import os
import resource
from pathlib import Path

import pytest

from strongroom.crypto import root
from strongroom.crypto.envelope import new_key
from strongroom.crypto.root import (
    STANDARD_COST,
    Cost,
    FileRoot,
    RootProvider,
    create_file_root,
    open_file_root,
    reseal_file_root,
    root_for,
)
from strongroom.errors import Conflict, Misconfigured, Tampered, Unavailable
from strongroom.terms import Environment

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
PASSPHRASE = "correct horse battery staple"
CONTEXT = b"context"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.key"


@pytest.fixture
def made(path: Path) -> FileRoot:
    return create_file_root(path, PASSPHRASE, Environment.TEST, cost=CHEAP)


def _with_digest(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


@pytest.mark.clause("2.4")
def test_a_root_opens_again_with_its_passphrase(path: Path, made: FileRoot) -> None:
    key = new_key()
    opened = open_file_root(path, PASSPHRASE, Environment.TEST)
    assert opened.unwrap(made.wrap(key, CONTEXT), CONTEXT) == key
    assert opened.uri == f"file:{path}"


@pytest.mark.parametrize("environment", Environment)
def test_the_standard_cost_serves_both_worlds(path: Path, environment: Environment) -> None:
    made = create_file_root(path, PASSPHRASE, environment)
    key = new_key()
    opened = open_file_root(path, PASSPHRASE, environment)
    assert opened.unwrap(made.wrap(key, CONTEXT), CONTEXT) == key
    # RFC 9106 section 4, the second recommended option.
    assert Cost(memory_kib=64 * 1024, passes=3, lanes=4) == STANDARD_COST
    assert path.read_bytes()[2:12] == bytes([1, 4, 0, 0, 0, 3, 0, 1, 0, 0])


@pytest.mark.clause("2.4")
def test_the_file_is_the_owners_alone_and_holds_no_root(path: Path, made: FileRoot) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    root = b"".join(bytes([number]) for number in range(32))
    other = path.with_name("known.key")
    chunks = iter([root, bytes(16), bytes(12)])
    create_file_root(
        other, PASSPHRASE, Environment.TEST, cost=CHEAP, entropy=lambda _: next(chunks)
    )
    assert root not in other.read_bytes()


def test_two_roots_differ(path: Path, made: FileRoot) -> None:
    other = create_file_root(path.with_name("2"), PASSPHRASE, Environment.TEST, cost=CHEAP)
    with pytest.raises(Tampered, match="the key under the root does not open"):
        other.unwrap(made.wrap(new_key(), CONTEXT), CONTEXT)


def test_a_wrapped_key_opens_only_in_its_context(made: FileRoot) -> None:
    with pytest.raises(Tampered):
        made.unwrap(made.wrap(new_key(), CONTEXT), b"another")


@pytest.mark.parametrize("passphrase", ["wrong", PASSPHRASE + " ", PASSPHRASE.upper()])
def test_a_wrong_passphrase_is_said_to_be_wrong(
    path: Path, made: FileRoot, passphrase: str
) -> None:
    with pytest.raises(Misconfigured, match="the passphrase does not open") as caught:
        open_file_root(path, passphrase, Environment.TEST)
    assert passphrase not in str(caught.value).replace(str(path), "")


def test_a_passphrase_may_be_typed_on_another_system(path: Path) -> None:
    """An accented letter is one character here and two there (RFC 8265)."""
    create_file_root(path, "caf\u00e9", Environment.TEST, cost=CHEAP)
    open_file_root(path, "cafe\u0301", Environment.TEST)


@pytest.mark.parametrize(
    ("passphrase", "reason"), [("", "empty"), ("x\udc80", "not valid Unicode")]
)
def test_an_impossible_passphrase_is_refused_unseen(
    path: Path, passphrase: str, reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason) as caught:
        create_file_root(path, passphrase, Environment.TEST, cost=CHEAP)
    assert caught.value.__cause__ is None
    assert not path.exists()


@pytest.mark.clause("2.5")
def test_a_root_of_the_other_world_is_refused(path: Path, made: FileRoot) -> None:
    with pytest.raises(Misconfigured, match="was made for test, not for production"):
        open_file_root(path, PASSPHRASE, Environment.PRODUCTION)


@pytest.mark.clause("2.5")
def test_a_root_relabelled_for_the_other_world_does_not_open(path: Path, made: FileRoot) -> None:
    body = bytearray(path.read_bytes()[:-32])
    body[1] = 2
    path.write_bytes(_with_digest(bytes(body)))
    with pytest.raises(Misconfigured, match="the passphrase does not open"):
        open_file_root(path, PASSPHRASE, Environment.PRODUCTION)


@pytest.mark.parametrize("place", range(0, 153, 8))
def test_a_changed_byte_is_tampering(path: Path, made: FileRoot, place: int) -> None:
    content = bytearray(path.read_bytes())
    assert len(content) == 153
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Tampered, match="restore it from a copy"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


@pytest.mark.parametrize("size", [0, 1, 120, 152, 154, 100_000])
def test_a_file_of_another_length_is_tampering(path: Path, made: FileRoot, size: int) -> None:
    path.write_bytes(path.read_bytes().ljust(size, b"\0")[:size])
    with pytest.raises(Tampered):
        open_file_root(path, PASSPHRASE, Environment.TEST)


def test_a_sealed_root_exchanged_under_a_right_checksum_is_tampering(
    path: Path, made: FileRoot
) -> None:
    body = bytearray(path.read_bytes()[:-32])
    body[-1] ^= 1
    path.write_bytes(_with_digest(bytes(body)))
    with pytest.raises(Tampered, match="does not open"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"\x02"),
        (2, b"\x02"),
        (3, b"\0"),
        (3, b"\xff"),
        (4, b"\0\0\0\0"),
        (4, b"\xff\xff\xff\xff"),
        (8, b"\0\0\0\x07"),
        (8, b"\xff\xff\xff\xff"),
    ],
    ids=["version", "kdf", "lanes-0", "lanes-255", "passes-0", "passes-max", "kib-7", "kib-max"],
)
def test_an_unknown_form_is_refused_before_any_work(
    path: Path, made: FileRoot, place: int, value: bytes
) -> None:
    body = bytearray(path.read_bytes()[:-32])
    body[place : place + len(value)] = value
    path.write_bytes(_with_digest(bytes(body)))
    with pytest.raises(Tampered, match="unknown form"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


def test_a_file_that_commits_to_another_key_is_not_opened(path: Path, made: FileRoot) -> None:
    """Without the commitment, one file could be crafted to open under several guesses."""
    body = bytearray(path.read_bytes()[:-32])
    body[28:60] = bytes(32)
    path.write_bytes(_with_digest(bytes(body)))
    with pytest.raises(Misconfigured, match="the passphrase does not open"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


@pytest.mark.parametrize("cost", [CHEAP, Cost(64 * 1024, 3, 1), Cost(64 * 1024, 2, 4)])
def test_production_takes_no_cheaper_cost(path: Path, cost: Cost) -> None:
    with pytest.raises(Misconfigured, match="too low for production"):
        create_file_root(path, PASSPHRASE, Environment.PRODUCTION, cost=cost)
    assert not path.exists()


def test_an_existing_file_is_never_written_over(path: Path, made: FileRoot) -> None:
    before = path.read_bytes()
    with pytest.raises(Conflict, match="there is a root key"):
        create_file_root(path, PASSPHRASE, Environment.TEST, cost=CHEAP)
    assert path.read_bytes() == before


def test_a_root_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="ENOENT"):
        create_file_root(tmp_path / "no" / "root.key", PASSPHRASE, Environment.TEST, cost=CHEAP)


def test_a_root_that_does_not_fit_leaves_nothing_behind(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(Unavailable, match="EFBIG"):
            create_file_root(path, PASSPHRASE, Environment.TEST, cost=CHEAP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not path.exists()


def test_a_missing_file_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(Misconfigured, match="no root key at"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


@pytest.mark.clause("2.4")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_open_to_others_is_refused(path: Path, made: FileRoot, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="open to others"):
        open_file_root(path, PASSPHRASE, Environment.TEST)


def test_a_link_or_a_pipe_is_not_followed(path: Path, made: FileRoot) -> None:
    link, pipe = path.with_name("link"), path.with_name("pipe")
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    with pytest.raises(Misconfigured, match="ELOOP"):
        open_file_root(link, PASSPHRASE, Environment.TEST)
    with pytest.raises(Misconfigured):
        open_file_root(pipe, PASSPHRASE, Environment.TEST)


def test_a_uri_opens_the_root_within_its_home_or_by_its_full_path(
    path: Path, made: FileRoot
) -> None:
    key = new_key()
    wrapped = made.wrap(key, CONTEXT)
    for uri in ("file:root.key", f"file:{path}", f"file://{path}"):
        root: RootProvider = root_for(
            uri, Environment.TEST, passphrase=PASSPHRASE, home=path.parent
        )
        assert root.uri == uri
        assert root.unwrap(wrapped, CONTEXT) == key


@pytest.mark.parametrize("uri", ["", "file:", "root.key", "vault:secret", "file://host/root.key"])
def test_an_unknown_address_is_refused_and_the_known_schemes_named(uri: str) -> None:
    with pytest.raises(Misconfigured, match="file:PATH") as caught:
        root_for(uri, Environment.TEST, passphrase=PASSPHRASE)
    assert not uri or uri == "file:" or uri not in str(caught.value)


def test_the_root_is_not_printed_or_pickled(made: FileRoot, path: Path) -> None:
    assert repr(made) == f"<root file:{path}>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        made.__reduce__()


@pytest.mark.clause("1.4")
def test_a_resealed_root_opens_with_the_new_passphrase_only_and_is_the_same(
    path: Path, made: FileRoot
) -> None:
    wrapped = made.wrap(bytes(range(32)), b"context")
    before = path.read_bytes()
    reseal_file_root(path, PASSPHRASE, "another passphrase", Environment.TEST)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() != before
    after = open_file_root(path, "another passphrase", Environment.TEST)
    assert after.unwrap(wrapped, b"context") == bytes(range(32))
    with pytest.raises(Misconfigured, match="does not open"):
        open_file_root(path, PASSPHRASE, Environment.TEST)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    ("current", "successor", "error"),
    [
        ("wrong", "another passphrase", Misconfigured),
        (PASSPHRASE, PASSPHRASE, Conflict),
        (PASSPHRASE, "", Misconfigured),
        (PASSPHRASE, "\ud800", Misconfigured),
    ],
)
def test_a_root_that_can_not_be_resealed_stays_as_it_is(
    path: Path, made: FileRoot, current: str, successor: str, error: type[Exception]
) -> None:
    before = path.read_bytes()
    with pytest.raises(error):
        reseal_file_root(path, current, successor, Environment.TEST)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_interrupted_resealing_leaves_the_root_and_is_repeated(
    path: Path, made: FileRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(Unavailable):
            reseal_file_root(path, PASSPHRASE, "another passphrase", Environment.TEST)
    assert path.read_bytes() == before
    path.with_name(f".{path.name}.new").write_bytes(b"left by a kill")
    reseal_file_root(path, PASSPHRASE, "another passphrase", Environment.TEST)
    open_file_root(path, "another passphrase", Environment.TEST)


def test_a_resealing_whose_directory_is_not_durable_says_that_the_file_is_another_one(
    path: Path, made: FileRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for undone, the new passphrase would be thrown away, and nothing else opens the root."""
    synced = root._sync

    def fail(directory: Path) -> None:
        if not path.with_name(f".{path.name}.new").exists():
            raise OSError(5, "input/output error")
        synced(directory)

    with monkeypatch.context() as patch:
        patch.setattr(root, "_sync", fail)
        with pytest.raises(Unavailable, match="sealed anew") as caught:
            reseal_file_root(path, PASSPHRASE, "another passphrase", Environment.TEST)
    assert "keep both passphrases" in str(caught.value.hint)
    open_file_root(path, "another passphrase", Environment.TEST)
