"""The demo's place and processes: directories, the command line, the app and `serve`, each a real process.

Everything a process prints is kept in `output/`, to be searched for leaks in the end; only what a reveal
prints on purpose is not. Children never outlive the `with` block.
"""

import importlib.util
import itertools
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson

from strongroom import control
from strongroom.errors import Conflict, Misconfigured, Unavailable
from strongroom.home import layout
from strongroom.request import Request

_COMMAND: Final = (sys.executable, "-c", "from strongroom.cli import main; main()")
_SHOP: Final = Path(__file__).with_name("shop.py")
_COMMAND_SECONDS: Final = 60
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 20

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. `result` is what it printed; `error` is the kind of its error."""

    code: int
    result: Json
    error: str | None


@dataclass(frozen=True, slots=True)
class Served:
    """A home being served."""

    process: subprocess.Popen[bytes]
    gateway: str
    desk: str
    ca: Path


class Stage:
    """One demo's home and what lies beside it."""

    def __init__(self, home: Path) -> None:
        """Take a home that does not exist yet; the directory beside it is made.

        Raises:
            Conflict: there is something already.
            Misconfigured: the app's library is not installed.

        """
        if importlib.util.find_spec("sp_api") is None:
            raise Misconfigured(
                "the demo's app needs python-amazon-sp-api", hint="`make demo` installs it"
            )
        self.home: Final = Path(os.path.abspath(home))  # noqa: PTH100 - keeps symbolic links
        self.beside: Final = self.home.with_name(f"{self.home.name}-demo")
        for path in (self.home, self.beside):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise Conflict(f"{path} exists already", hint="name a new directory with --home")
        self.app: Final = self._made("app")
        self.amazon: Final = self._made("amazon")
        self.copy: Final = self._made("copy")
        self._secrets: Final = self._made("secrets")
        self._output: Final = self._made("output")
        self._numbers = itertools.count(1)
        self.passphrase: Final = self.secret("passphrase", secrets.token_urlsafe(32))

    def secret(self, name: str, text: str) -> Path:
        """Write a file of mode 0600 and return its path."""
        path = self._secrets / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str, typed: str = "", keep: bool = True) -> Outcome:
        """Run `strongroom ARGUMENTS --home … --json`; its outputs are kept unless `keep` is off.

        Raises:
            Unavailable: it does not end.

        """
        command = [*_COMMAND, *arguments, "--home", str(self.home), "--json"]
        done = _finished(command, typed, self._environment())
        if keep:
            self._keep(arguments[0], done.stdout + done.stderr)
        result, failure = _json(done.stdout), _json(done.stderr)
        return Outcome(done.returncode, result, failure.get("error", {}).get("kind"))

    def must(self, *arguments: str, keep: bool = True) -> Json:
        """Run a command that has to succeed and return what it printed.

        Raises:
            Unavailable: it failed.

        """
        done = self.run(*arguments, keep=keep)
        if done.code != 0:
            raise Unavailable(
                f"`strongroom {' '.join(arguments[:2])}` failed with exit code {done.code}",
                hint=f"its output is in {self._output}",
            )
        return done.result

    def ask(self, operation: str, **arguments: object) -> Json:
        """Run an operation in the process that serves, by the socket that commands use; nothing is kept.

        Raises:
            StrongroomError: the operation's own.
            Unavailable: nothing serves.

        """
        request = Request(operation, arguments)
        answer = control.ask(layout(self.home), request, lambda _done, _total: None)
        if answer is None:
            raise Unavailable("`strongroom serve` does not answer commands")
        return answer

    def pull(self, told: Json, *, keep: bool) -> Json:
        """Run the app and return everything it got; `keep` puts that and what it was told into `app/`.

        Raises:
            Unavailable: it failed.

        """
        # No proxy, no credentials, nothing of the caller's: the app has what it is told and no more.
        environment = {"PATH": os.defpath, "HOME": str(self.app), "NO_PROXY": "*"}
        typed = orjson.dumps(told).decode()
        done = _finished([sys.executable, str(_SHOP)], typed, environment)
        self._keep("app", done.stderr)
        if done.returncode != 0:
            raise Unavailable("the app failed", hint=f"its output is in {self._output}")
        if keep:
            self.tell_app(told)
            (self.app / "received.json").write_bytes(done.stdout)
        return _json(done.stdout)

    def tell_app(self, told: Json) -> str:
        """Write down what the app is told; return the command that runs it by hand."""
        path = self.app / "settings.json"
        path.touch(mode=0o600)
        path.write_bytes(orjson.dumps(told))
        return f"{sys.executable} {_SHOP} < {path}"

    @contextmanager
    def serving(self) -> Iterator[Served]:
        """Serve the home for the block, in a process of its own.

        Raises:
            Unavailable: it does not start, or did not stop as it should.

        """
        log = self._output / f"{next(self._numbers):02}-serve.log"
        command = [*_COMMAND, "serve", "--home", str(self.home), "--json"]
        with (
            log.open("wb") as errors,
            subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=subprocess.PIPE, stderr=errors, env=self._environment()
            ) as process,
        ):
            try:
                ready = _json(_first_line(process.stdout))
                if "gateway" not in ready:
                    raise Unavailable("`strongroom serve` does not start", hint=f"see {log}")
                yield Served(process, ready["gateway"], ready["desk"], Path(ready["ca"]))
            finally:
                _stop(process)
        if process.returncode != 0:
            raise Unavailable(
                f"`strongroom serve` ended with exit code {process.returncode}", hint=f"see {log}"
            )

    def copy_vault(self) -> Path:
        """Copy the vault's files, as a thief or a backup would, and return the copy of its database."""
        for name in ("vault.db", "vault.db-wal"):
            if (self.home / name).exists():
                shutil.copy(self.home / name, self.copy / name)
        return self.copy / "vault.db"

    def _made(self, name: str) -> Path:
        path = self.beside / name
        path.mkdir(mode=0o700, parents=True)
        return path

    def _keep(self, name: str, printed: bytes) -> None:
        (self._output / f"{next(self._numbers):02}-{name}.txt").write_bytes(printed)

    def _environment(self) -> dict[str, str]:
        # What is set for the user's own home is not for this one.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")}
        ports = {f"STRONGROOM_{name}__PORT": "0" for name in ("GATEWAY", "API", "DESK", "HEALTH")}
        return {**kept, **ports}


def _finished(
    command: Sequence[str], typed: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - our own command
            command,
            check=False,
            input=typed.encode(),
            capture_output=True,
            env=environment,
            timeout=_COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"a step did not end within {_COMMAND_SECONDS} seconds") from None


def _first_line(stream: IO[bytes] | None) -> bytes:
    if stream is None or not select.select([stream], [], [], _START_SECONDS)[0]:
        return b""
    return stream.readline()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()


def _json(printed: bytes) -> Json:
    try:
        found = orjson.loads(printed)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
