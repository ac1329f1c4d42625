"""The pages that list what there is: keys and algorithms, logs, protection levels, ways in, connections, numbers."""

from __future__ import annotations

import ast
import functools
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY

from strongroom.accounts import links, passkeys
from strongroom.accounts.sealing import Sealing
from strongroom.audit.event_types import EventType
from strongroom.crypto.root import STANDARD_COST
from strongroom.db.inventory import CLASSES
from strongroom.desk import oidc
from strongroom.logs import Happening
from strongroom.outbound import client_context
from strongroom.policy import limits
from strongroom.policy.limits import CURRENT
from strongroom.policy.lockout import Disposition, LockReason
from strongroom.policy.passwords import faults
from strongroom.settings import Settings
from strongroom.terms import Category, Environment

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "strongroom"
APART = {"bench", "simulator", "tour"}
"""Not of a home: the demo, its pretend Amazon, measurements."""

LIBRARIES = {"argon2", "authlib", "cryptography", "joserfc", "pyotp", "ssl", "webauthn"}
HASHES = {"blake2b", "sha256", "sha512"}
FORMATS = {
    "strongroom/archive/v1",
    "strongroom/audit-bundle/v1",
    "strongroom/compliance-certificate/v1",
    "strongroom/custody/v1",
    "strongroom/deletion-certificate/v1",
    "strongroom/evidence-pack/v1",
    "strongroom/evidence/v1",
    "strongroom/incident-pack/v1",
    "strongroom/subject-export/v1",
}
"""Names of files' formats, which are no key's."""
LABEL = re.compile(r"strongroom/[a-z/_-]+/v[0-9]+")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Every file of the package that runs in a home, by its path."""
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in APART
    }


def imported(tree: ast.Module) -> dict[str, set[str]]:
    """Top-level packages that a file imports, with the names it takes of each."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name.partition(".")[0], set())
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {alias.name for alias in node.names}
            found.setdefault(node.module.partition(".")[0], set()).update(names)
    return found


def texts(tree: ast.Module) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


# -- cryptography ----------------------------------------------------------------------------------


@pytest.mark.clause("2.4", "2.5")
def test_every_key_of_the_keystore_is_in_the_inventory() -> None:
    names = {
        node.args[0].value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "secret"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    stored = page("cryptography.md").partition("## Keys that are stored")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in stored.splitlines() if line.startswith("|")]
    listed = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert listed == names


@pytest.mark.clause("2.4", "2.5")
def test_every_label_under_which_a_key_is_used_is_in_the_inventory() -> None:
    used = {text for tree in trees().values() for text in texts(tree) if LABEL.fullmatch(text)}
    # The token's MAC is made of bytes, not of a framed text.
    used.add("strongroom/token/v1")
    assert set(LABEL.findall(page("cryptography.md"))) == used - FORMATS


@pytest.mark.clause("2.4", "2.5")
def test_every_file_that_uses_a_cryptographic_library_is_in_the_inventory() -> None:
    place = page("cryptography.md").partition("## Where it is")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([a-z_/]+\.py)`", place))
    used = {path for path, tree in trees().items() if LIBRARIES & set(imported(tree))}
    assert used <= listed, f"docs/cryptography.md lacks {sorted(used - listed)}"


@pytest.mark.clause("2.4", "2.5")
def test_no_other_hash_mode_or_generator_is_used() -> None:
    for path, tree in trees().items():
        found = imported(tree)
        assert "random" not in found, path
        assert found.get("hashlib", set()) <= HASHES, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "hashlib":
                    assert node.attr in HASHES, (path, node.lineno)
                assert node.attr not in {"ECB", "CBC", "PKCS1v15", "MD5", "SHA1"}, (
                    path,
                    node.lineno,
                )
        taken = found.get("cryptography", set())
        assert not taken & {"modes", "padding", "algorithms", "dsa", "dh"}, path


@pytest.mark.clause("1.4", "2.4")
def test_passwords_are_stretched_as_the_inventory_says() -> None:
    said = re.search(r"Argon2id, (\d+) MiB, (\d+) passes, (\d+) lanes", page("cryptography.md"))
    assert said is not None
    wanted = tuple(map(int, said.groups()))
    hasher = RFC_9106_LOW_MEMORY
    assert wanted == (hasher.memory_cost // 1024, hasher.time_cost, hasher.parallelism)
    cost = STANDARD_COST
    assert wanted == (cost.memory_kib // 1024, cost.passes, cost.lanes)


@pytest.mark.clause("1.2", "1.4")
def test_what_must_not_be_guessed_is_long_enough() -> None:
    """Each is at least 128 bits of the operating system's generator; Base32 has five bits a character."""
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    sealing = Sealing(bytes(32), Environment.TEST, entropy=entropy)
    recovery = sealing.recovery_code().replace("-", "")
    assert len(recovery) * 5 >= 128
    assert len(sealing.token()) == 43
    assert min(asked) * 8 >= 128
    for bytes_ in (passkeys.CHALLENGE_BYTES, links._CODE_BYTES, oidc._SECRET_BYTES):
        assert bytes_ * 8 >= 128


@pytest.mark.clause("1.5")
def test_what_we_connect_to_is_asked_for_forward_secrecy_and_aead_alone() -> None:
    for context in (client_context(None), oidc._tls(None)):
        names = [cipher["name"] for cipher in context.get_ciphers()]
        weak = [n for n in names if not n.startswith(("TLS_", "ECDHE-"))]
        assert weak == []
        assert all("GCM" in n or "CHACHA20" in n for n in names)


# -- logs ------------------------------------------------------------------------------------------


@pytest.mark.clause("2.6")
def test_every_event_and_happening_is_in_the_inventory_of_logs() -> None:
    listed = set(re.findall(r"`([a-z.]+)`", page("logging.md")))
    assert {event.value for event in EventType} <= listed
    assert {happening.value for happening in Happening} <= listed


@pytest.mark.clause("2.6")
def test_nothing_else_is_written_to() -> None:
    """Logs come from structlog's one stream: no handler writes a file, sends a datagram, or asks a network."""
    for path, tree in trees().items():
        found = imported(tree)
        assert not {"syslog", "sentry_sdk", "opentelemetry", "statsd"} & set(found), path
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert (
            not {
                "FileHandler",
                "RotatingFileHandler",
                "SysLogHandler",
                "HTTPHandler",
                "SMTPHandler",
                "SocketHandler",
                "basicConfig",
            }
            & names
        ), path


# -- data ------------------------------------------------------------------------------------------


@pytest.mark.clause("2.2")
def test_every_class_of_data_has_a_protection_level_and_every_level_its_rules() -> None:
    text = page("protection-levels.md")
    levels = re.findall(r"^\| \*\*(\w+)\*\* \|", text, re.MULTILINE)
    assert levels == ["personal", "secret", "internal", "public"]
    assert set(CLASSES) <= set(re.findall(r"\*([a-z]+)\*", text))
    rules = text.partition("## What each level asks for")[2]
    rows = [line for line in rules.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[0].split("|")[2:-1]] == levels
    asked = [row.split("|")[1].strip() for row in rows[2:]]
    for wanted in ("at rest", "integrity", "in transit", "leaves by", "in the log", "kept"):
        assert wanted in asked
    for row in rows[2:]:
        assert all(cell.strip() for cell in row.split("|")[2:-1]), row


@pytest.mark.clause("1.3")
def test_the_page_about_access_says_how_fields_are_kept_apart() -> None:
    rule = page("access.md").partition("* Rules by field:")[2].partition("\n* ")[0]
    named = set(re.findall(r"`([a-z_]+)`", rule))
    assert named
    assert named <= {category.value for category in Category}


# -- ways in, connections, numbers -----------------------------------------------------------------


@pytest.mark.clause("1.2", "1.4")
def test_every_way_in_is_listed_with_what_it_takes() -> None:
    table = page("signing-on.md").partition("## Every way in")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 9
    assert all(cell.strip() for row in rows for cell in row[2:-1])
    for word in ("passkey alone", "one-time link", "credential file", "control socket", "node"):
        assert word in table


@pytest.mark.clause("1.1", "1.5")
def test_every_listener_and_every_place_we_connect_to_is_listed() -> None:
    table = page("networks.md").partition("## Who speaks with whom")[2].partition("\n## ")[0]
    sections = Settings.model_fields
    listeners = {
        name
        for name, field in sections.items()
        if hasattr(field.annotation, "model_fields") and "port" in field.annotation.model_fields
    }
    assert listeners == {"gateway", "api", "desk", "health", "witness", "proxy"}
    for wanted in (*listeners, "control.sock", "seller.endpoint", "seller.lwa_url", "oidc.issuer",
                   "alarm channel add --smtp", "alarm channel add --webhook", "feed add --webhook",
                   "feed add --syslog", "vault.url", "keystore.url", "audit witness add",
                   "audit timestamp add", "audit copy add", "destination add",
                   "sync notifications --queue", "backup place add target", "aws-kms:", "transit:",
                   "documents.privacy_url"):  # fmt: skip
        assert f"`{wanted}`" in table, wanted
    # Whoever opens a connection of another kind meets this list.
    clients = {
        "aiohttp",
        "ftplib",
        "httpx",
        "paramiko",
        "requests",
        "smtplib",
        "telnetlib",
        "urllib3",
    }
    asking = {
        path
        for path, tree in trees().items()
        if clients & set(imported(tree)) or "Outbound" in imported(tree).get("strongroom", set())
    }
    assert asking == {
        "anchors/anchors.py",
        "anchors/bucket.py",
        "anchors/places.py",
        "anchors/timestamp.py",
        "anchors/witness.py",
        "backups/backups.py",
        "backups/targets.py",
        "compliance/policies/published.py",
        "desk/oidc.py",
        "feeds/mail.py",
        "feeds/signed.py",
        "gateway/documents/fetching.py",
        "gateway/upstream.py",
        "outbound.py",
        "roots/kms.py",
        "roots/transit.py",
        "sync/queue.py",
    }
    # Sockets of its own: a protocol that no client of these speaks, and an address that was checked.
    for path in ("feeds/sinks.py", "relay/line.py"):
        assert "create_connection" in (SOURCE / path).read_text()


@pytest.mark.clause("1.2")
def test_the_pages_say_the_numbers_of_the_code() -> None:
    def minutes(span: timedelta) -> int:
        return span // timedelta(minutes=1)

    locks = page("locks.md")
    for number, window in (
        limits.FAILURES_PER_NAME,
        limits.FAILURES_PER_ADDRESS,
        limits.FAILURES_IN_ALL,
        limits.CLIENT_FAILURES_PER_ID,
        limits.CLIENT_FAILURES_IN_ALL,
    ):
        assert re.search(rf"^\| {number} .*{minutes(window)} minutes", locks, re.MULTILINE)
    assert f"{minutes(limits.LAST_ADMINISTRATOR_LOCK)} minutes" in locks
    for reason in LockReason:
        assert f"`{reason.value}`" in locks
    for disposition in Disposition:
        assert f"`{disposition.value}`" in locks

    signing_on = page("signing-on.md")
    idle, longest = minutes(limits.SESSION_IDLE), limits.SESSION_LONGEST // timedelta(hours=1)
    assert (
        f"A session ends after {idle} minutes without use and after {longest} hours" in signing_on
    )
    assert "any number of sessions at once" in signing_on
    assert limits.CONCURRENT_ADDRESSES == 3
    assert f"within {'ten'} minutes" in signing_on
    assert minutes(limits.CONCURRENT_WINDOW) == 10


@pytest.mark.clause("1.4")
def test_the_words_that_no_password_may_be_are_listed_and_refused() -> None:
    listed = page("joining.md").partition("Words of this service are refused")[2].partition(";")[0]
    words = re.findall(r"`([a-z]+)`", listed)
    assert len(words) == 6
    for word in words:
        chosen = f"{word.title()}-2026!"
        found = faults(chosen, name="anna", profile=CURRENT, is_common=lambda _text: False)
        assert any("guessed first" in fault for fault in found), word
