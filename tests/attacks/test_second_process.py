"""A second process, another user of the machine, and nonsense, at the door of a home that is served."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.home import Home

from strongroom.control.server import MAX_REQUEST_BYTES

pytestmark = pytest.mark.clause("1.1", "1.2")

# Connects, says what it is given, and prints what comes back; needs nothing but Python itself.
_STRANGER = """
import os, socket, sys
uid, path = int(sys.argv[1]), sys.argv[2]
os.setgroups([]); os.setgid(uid); os.setuid(uid)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(5)
try:
    connection.connect(path)
    try:
        connection.sendall(b'{"operation": "app.list", "arguments": {}}\\n')
    except BrokenPipeError:
        pass  # the other end knew who asks before it was asked
    print("answer:", connection.recv(65536))
except OSError as exc:
    print("error:", type(exc).__name__)
"""
NOBODY = 65534


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    # A short path: a socket's may have 108 bytes.
    with Home.make(tmp_path_factory.mktemp("s")) as home:
        home.start()
        home.read_log()
        yield home
        home.stop()


def said(home: Home, raw: bytes) -> bytes:
    """Say something at the control socket and return the whole answer."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    with connection:
        connection.connect(str(home.path / "control.sock"))
        sender = threading.Thread(target=_send, args=(connection, raw), daemon=True)
        sender.start()
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionError:
            pass
        sender.join(5)
    return received


def _send(connection: socket.socket, raw: bytes) -> None:
    try:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def last_events(home: Home, number: int = 5) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = home.ask("audit.tail", limit=number)["events"]
    return events


# -- processes -------------------------------------------------------------------------------------


def test_a_second_serve_is_refused(served: Home) -> None:
    done = served.try_run("serve")
    assert done.returncode == 78
    told = json.loads(done.stderr.splitlines()[-1])["error"]
    assert told["kind"] == "Misconfigured"
    assert "in use by process" in told["message"]
    assert served.serving
    assert served.ask("app.list") is not None


def test_a_command_beside_serve_goes_through_it(served: Home) -> None:
    """It never opens the files itself: its event stands in the boot of the process that serves."""
    served.run("app", "add", "beside", "--owner", "grace")
    added = [e for e in last_events(served, 10) if e["type"] == "principal.added"]
    opened = [e for e in last_events(served, 1000) if e["type"] == "home.opened"]
    assert added[-1]["boot"] == opened[-1]["boot"]


def test_the_lock_holds_though_its_file_is_emptied(served: Home) -> None:
    """What is written in the file is for people; the kernel's lock decides."""
    (served.path / "lock").write_bytes(b"")
    assert served.try_run("serve").returncode == 78


def test_a_socket_removed_does_not_open_the_files_to_a_second_process(served: Home) -> None:
    """Without its socket a served home answers no command; nobody takes it for unserved."""
    path, aside = served.path / "control.sock", served.path / "aside.sock"
    path.rename(aside)
    try:
        done = served.try_run("serve")
        assert done.returncode == 78
    finally:
        aside.rename(path)
    assert served.ask("app.list") is not None


# -- users -----------------------------------------------------------------------------------------


def as_nobody(path: Path) -> str:
    command = [sys.executable, "-c", _STRANGER, str(NOBODY), str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_does_not_reach_the_socket(served: Home) -> None:
    assert as_nobody(served.path / "control.sock") == "error: PermissionError"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_who_reaches_the_socket_is_refused_and_recorded(served: Home) -> None:
    """Somebody opened every mode on the way: the kernel still says who it is."""
    opened: list[tuple[Path, int]] = []
    for path in (served.path / "control.sock", served.path, *served.path.parents):
        mode = path.stat().st_mode & 0o7777
        opened.append((path, mode))
        path.chmod(mode | (0o666 if path.name == "control.sock" else 0o711))
    try:
        assert as_nobody(served.path / "control.sock") == "answer: b''"
    finally:
        for path, mode in opened:
            path.chmod(mode)
    refused = [e for e in last_events(served) if e["type"] == "credential.checked"]
    assert (refused[-1]["outcome"], refused[-1]["reason"]) == ("denied", "wrong_credential")


# -- messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'"app.list"\n',
        b"\xff\xfe\x00\n",
        b'{"operation": "app.list"}\n',
        b'{"operation": ["app.list"], "arguments": {}}\n',
        b'{"operation": {}, "arguments": {}}\n',
        b'{"operation": "app.list", "arguments": 5}\n',
        b'{"operation": "app.list", "arguments": {}, "extra": 1}\n',
        b'{"operation": "app.list", "arguments": {}, "as_name": 5}\n',
        b'{"operation": "app.list", "arguments": {}, "now": 5}\n',
        b'{"operation": "app.list", "arguments": {}, "now": "yesterday"}\n',
        b'{"operation": "app.list", "arguments": {"__class__": 1}}\n',
        b'{"operation": "__init__", "arguments": {}}\n',
        b'{"operation": "grant.approve", "arguments": {"grant": true}}\n',
        b'{"operation": "app.add", "arguments": {"name": 5, "owner": null}}\n',
        b'{"operation": "app.list", "arguments": ' + b"[" * 100_000 + b"\n",
    ],
)
def test_nonsense_is_malformed_and_the_home_goes_on(served: Home, line: bytes) -> None:
    answer = said(served, line)
    assert json.loads(answer)["error"]["kind"] == "Malformed"
    assert served.ask("app.list") is not None


def test_an_endless_message_is_cut_off(served: Home) -> None:
    assert said(served, b"{" + b" " * (4 * MAX_REQUEST_BYTES)) == b""
    assert served.ask("app.list") is not None


@pytest.mark.parametrize("number", [2**63, 2**70, -(2**63), 0, -1])
def test_numbers_out_of_range_are_an_error_of_the_callers(served: Home, number: int) -> None:
    for operation, name in (("grant.approve", "grant"), ("grant.revoke", "grant")):
        request = {"operation": operation, "arguments": {name: number}}
        told = json.loads(said(served, json.dumps(request).encode() + b"\n"))
        assert told["error"]["kind"] in ("Malformed", "NotFound"), told
    grant = {"principal": "beside", "action": "reveal", "purpose": "tax", "categories": ["name"]}
    request = {"operation": "grant.add", "arguments": {**grant, "days": number}}
    told = json.loads(said(served, json.dumps(request).encode() + b"\n"))
    assert told["error"]["kind"] in ("Malformed", "NotFound"), told


def test_a_wrong_credential_for_as_is_refused_and_recorded(served: Home) -> None:
    for name in ("beside", "never-was", "strongroom", ""):
        request = {"operation": "app.list", "arguments": {}, "as_name": name, "credential": "x"}
        told = json.loads(said(served, json.dumps(request).encode() + b"\n"))
        assert told["error"]["kind"] == "Unauthenticated"
        assert told["error"]["message"] == "the name or its credential is not valid"
        event = last_events(served, 1)[0]
        assert (event["type"], event["outcome"]) == ("credential.checked", "failure")
