"""What another process, a crash, a debugger or a careless print could get from ours."""

from __future__ import annotations

import copy
import io
import logging
import os
import pickle  # noqa: TID251 - to see what refuses it
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.home import PASSPHRASE, Home
from tests.support.offline import Offline
from tests.vault.conftest import NOW, World, order

from strongroom import logs
from strongroom.accounts.rows import NewApp, NewAuthorization, NewPerson, Principal
from strongroom.accounts.sealing import Sealing
from strongroom.crypto.envelope import PeriodCipher, RecordSealer
from strongroom.crypto.index import SubjectKey, search_key
from strongroom.crypto.note import Signer
from strongroom.crypto.root import FileRoot
from strongroom.crypto.ticket import TicketBox
from strongroom.crypto.token import Mint
from strongroom.desk.forms import Form, FormTokens
from strongroom.opening import open_system
from strongroom.request import Request
from strongroom.terms import (
    Environment,
    PeriodId,
    Plaintext,
    PrincipalId,
    PrincipalKind,
    RecordNumber,
    SellerId,
)
from strongroom.vault import Held, LwaCredentials, Seller

pytestmark = pytest.mark.clause("2.4", "2.6")

MARK = "s3cret-marker"
KEY = MARK.encode().ljust(32, b"!")
_PERSON = Principal(PrincipalId(1), "ada", PrincipalKind.PERSON, None, NOW, None)

HOLDERS: dict[str, Any] = {
    "plaintext": Plaintext(MARK),
    "credentials": LwaCredentials(MARK, MARK, MARK),
    "seller": Seller(
        SellerId(1),
        "acme",
        "eu",
        (),
        "https://a",
        "https://b",
        None,
        None,
        LwaCredentials(MARK, MARK, MARK),
        Held(7, PrincipalId(2), PrincipalId(1), 0, MARK),
        MARK.encode(),
    ),
    "held": Held(7, PrincipalId(2), PrincipalId(1), 0, MARK),
    "mint": Mint(KEY, Environment.TEST),
    "record tokens": Mint(KEY, Environment.TEST).record(RecordNumber(1)),
    "ticket box": TicketBox(KEY, "access", Environment.TEST),
    "root": FileRoot("file:root.key", KEY, Environment.TEST),
    "sealing": Sealing(KEY, Environment.TEST),
    "period": PeriodCipher(KEY),
    "signer": Signer("strongroom.invalid/audit/x/1", KEY),
    "subject key": SubjectKey(KEY),
    "search key": search_key(KEY),
    "sealed record": RecordSealer(Environment.TEST, SellerId(1)).seal_new(
        PeriodCipher(KEY), RecordNumber(1), PeriodId(1), MARK.encode()
    ),
    "new app": NewApp(_PERSON, "client", MARK, owner_registered=False),
    "new person": NewPerson(_PERSON, "client", MARK),
    "new authorization": NewAuthorization(1, SellerId(1), MARK),
    "form": Form({"password": MARK}),
    "form tokens": FormTokens(KEY, Environment.TEST),
    "request": Request("reveal.token", {"token": MARK}, "ada", MARK),
}


def shown(value: object) -> str:
    """Return everything a print, a format, a log or a debugger's locals would show of a value."""
    told = [repr(value), str(value), f"{value}", f"{value!r:>5}", repr([value]), repr({"x": value})]
    try:
        raise ValueError  # noqa: TRY301 - `value` is a local of this frame
    except ValueError as exc:
        told += traceback.TracebackException.from_exception(exc, capture_locals=True).format()
    return "".join(told)


@pytest.mark.parametrize("name", HOLDERS)
def test_what_holds_a_secret_shows_none(name: str) -> None:
    """As text, in a list, in a traceback with locals: the secret is not there, nor its bytes."""
    told = shown(HOLDERS[name])
    assert MARK not in told
    assert KEY.hex() not in told


@pytest.mark.parametrize(
    "name",
    ["plaintext", "credentials", "seller", "mint", "ticket box", "root", "period", "subject key"],
)
def test_what_holds_a_secret_cannot_be_pickled(name: str) -> None:
    """A cache, a queue or another process would otherwise get it by accident."""
    with pytest.raises(TypeError):
        pickle.dumps(HOLDERS[name])


def test_an_open_home_shows_none_of_its_keys(offline: Offline) -> None:
    """Every object that the composition root built, and theirs, two deep."""
    system = open_system(offline.path, environ={})
    try:
        keys = [bytes(key) for key in system.keystore._secrets.values()]
        keys += [system.keystore._master._key, system.api_key]
        assert len(keys) > 5
        told = shown(system) + "".join(
            repr(getattr(system, name))
            for name in type(system).__dataclass_fields__
            if name != "api_key"
        )
        assert not any(repr(key)[2:-1] in told or key.hex() in told for key in keys)
        parts = (system.keystore, system.vault, system.accounts, system.sellers, system.signon)
        for part in (system, *parts, system.passwords):
            with pytest.raises((TypeError, AttributeError)):
                pickle.dumps(part)
            with pytest.raises((TypeError, AttributeError)):
                copy.deepcopy(part)
    finally:
        system.close()


def test_a_failed_reveal_shows_no_value_in_its_traceback(sqlite_world: World) -> None:
    """Locals of a refused call hold sealed bytes only; nothing is opened before the decision."""
    (token,) = sqlite_world.put(order())
    try:
        sqlite_world.read(token)
    except Exception as exc:  # noqa: BLE001 - whatever it is
        told = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert "Groß" not in "".join(told.format())


# -- logs of libraries -----------------------------------------------------------------------------


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """Give the process's log, and put everything back as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, sys.unraisablehook)
    in_thread, shows = threading.excepthook, warnings.showwarning
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    logging.captureWarnings(capture=False)
    warnings.showwarning = shows
    root.handlers[:], root.level, sys.excepthook, sys.unraisablehook = before
    threading.excepthook = in_thread
    logging.raiseExceptions = True
    structlog.reset_defaults()


def test_no_library_says_what_it_handled(log_stream: io.StringIO) -> None:
    """Loggers of all libraries, at every level, with arguments and errors that carry a value."""
    for name in (
        "",
        "uvicorn.error",
        "uvicorn.access",
        "aiohttp.client",
        "asyncio",
        "sqlalchemy.engine",
        "sqlalchemy.pool",
        "httptools",
        "structlog",
        "py.warnings",
        "strongroom.gateway.proxy",
    ):
        logger = logging.getLogger(name)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL):
            logger.log(level, "handled %s", MARK, extra={"body": MARK})
            try:
                raise RuntimeError(MARK) from ValueError(MARK)  # noqa: TRY301 - to be logged
            except RuntimeError:
                logger.log(level, MARK, exc_info=True)
        assert not logger.isEnabledFor(logging.INFO), name
    told = log_stream.getvalue()
    assert told
    assert MARK not in told


def test_no_uncaught_error_says_what_it_handled(log_stream: io.StringIO) -> None:
    def fail() -> None:
        raise RuntimeError(MARK)

    thread = threading.Thread(target=fail, name=MARK)
    thread.start()
    thread.join()
    try:
        fail()
    except RuntimeError as exc:
        sys.excepthook(RuntimeError, exc, exc.__traceback__)
    told = log_stream.getvalue()
    assert told.count("error.uncaught") == 2
    assert MARK not in told


# -- the process itself ----------------------------------------------------------------------------

# Runs the real command line, and says at its end what the kernel thinks of this process.
_WATCHED = """
import atexit, ctypes, os, sys
from strongroom.cli import main

def tell():
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    with open(os.environ["WATCHED"], "w") as file:
        file.write(f"{dumpable}")

atexit.register(tell)
main()
"""


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Path]]:
    """Serve a home of production, watched."""
    directory = tmp_path_factory.mktemp("p")
    made = Offline.make(directory / "made", Environment.PRODUCTION)
    (directory / "secrets").mkdir(mode=0o700)
    watched = directory / "watched"
    with Home(made.path, directory / "secrets") as home:
        home.start(
            wrapper=[sys.executable, "-c", _WATCHED],
            extra={"WATCHED": str(watched), "STRONGROOM_HOME": str(made.path)},
        )
        yield home, watched


def read(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_served_home_leaves_no_memory_behind(production: tuple[Home, Path]) -> None:
    """No core dump of any size, not dumpable (so no ptrace by its own user), no secret outside."""
    home, watched = production
    limits = read(home.pid, "limits").decode()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[-3:-1] == ["0", "0"]
    outside = read(home.pid, "environ") + read(home.pid, "cmdline")
    assert PASSPHRASE.encode() not in outside
    for path in (home.path / "root.key", home.path / "tls" / "server.key"):
        if path.exists():
            assert path.read_bytes() not in outside
    # A debugger, a dump of shared memory, a swapped-in file: nothing that others could open.
    assert "deleted" not in read(home.pid, "maps").decode()
    home.stop()
    assert watched.read_text() == "0"
    assert b"Traceback" not in b"".join(home.outputs)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's prctl")
def test_a_command_is_hardened_before_a_key_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: Offline
) -> None:
    order_of_things: list[str] = []
    monkeypatch.setattr(logs, "harden", lambda **_: order_of_things.append("hardened"))
    monkeypatch.setattr(
        "strongroom.opening.open_root", lambda *_given, **_named: order_of_things.append("opened")
    )
    offline.attempt("app", "list")
    assert order_of_things == ["hardened", "opened"]


def test_the_command_line_takes_no_secret_as_an_argument(made_home: Offline) -> None:
    """What stands in argv is seen by every user of the machine: secrets come as files."""
    code, result, told = made_home.attempt("seller", "add", "x", "--client-secret", MARK)
    assert (code, result) == (2, None)
    assert MARK not in str(told)
    help_text = subprocess.run(
        [
            sys.executable,
            "-c",
            "from strongroom.cli import main; main()",
            "seller",
            "add",
            "--help",
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout
    assert "--client-secret-file" in help_text
    assert "--client-secret " not in help_text


def test_core_dumps_are_off_for_every_command() -> None:
    """Set at the very start, before options are read."""
    code = (
        "import resource, strongroom.cli.commands as c;"
        "c.run = lambda _a: print(resource.getrlimit(resource.RLIMIT_CORE)) or 0; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "(0, 0)"
