"""A home as an operator has it: made, served and questioned through the command line.

Commands run as processes of their own; `serve` runs beside the test and can be stopped, killed and
started again. While it runs, sellers, apps and grants are added as commands add them, through the
control socket, without a process for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from strongroom import control
from strongroom.accounts.names import of_console
from strongroom.control import os_user
from strongroom.home import layout
from strongroom.request import Request
from strongroom.simulator import SellerAccount, Simulator
from tests.support import nursery
from tests.support.offline import audit_grant

COMMAND = Path(sys.executable).parent / "strongroom"
PASSPHRASE = "a passphrase of the tests, 42"
OWNER = "ada"
CATEGORIES = (
    "name,address,email,phone,tax_id,free_text,geo,document,tracking,payment,network,device,"
    "unclassified"
)
_COMMAND_SECONDS = 60
_START_SECONDS = 30
_STOP_SECONDS = 40
_EXIT_SECONDS = 5


class CommandError(AssertionError):
    """A command ended otherwise than a test expected; tells what it printed."""

    def __init__(self, arguments: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"strongroom {' '.join(arguments)}: exit {code}\n{output}")
        self.code = code
        self.output = output


@dataclass(frozen=True)
class App:
    """An app's credentials for one selling partner, as the commands showed them once."""

    name: str
    seller: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Home:
    """One home. Use `make`, then `start`; as a context manager it stops whatever still runs."""

    def __init__(self, path: Path, secrets: Path, *, now: datetime | None = None) -> None:
        self.path = path
        self.now = now
        self.outputs: list[bytes] = []
        """What every `serve` of this home printed, standard error included."""
        self.work = path.with_name("work")
        """Where `serve` runs: a core file would be left here."""
        self.work.mkdir(exist_ok=True)
        self._secrets = secrets
        self._serving: _Serving | None = None
        self._written = 0

    @classmethod
    def make(
        cls,
        directory: Path,
        *,
        now: datetime | None = None,
        root: str | None = None,
    ) -> Self:
        """Make a home for tests, of one person, in a new folder of `directory`.

        `now` is the instant at which its clock starts whenever it is served; `root` is the root key's address, where it
        is no file.
        """
        secrets = directory / "secrets"
        secrets.mkdir(mode=0o700)
        home = cls(directory / "home", secrets, now=now)
        where = ["--root", root or ""]
        if root is None:
            where = ["--passphrase-file", str(home.secret(PASSPHRASE))]
        home.run("init", "--environment", "test", *where, "--one-person")
        return home

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    # -- commands --------------------------------------------------------------------------------

    def run(self, *arguments: str, code: int = 0) -> Any:
        """Run one command with --json and return what it printed; `code` is the exit code wanted."""
        done = self.try_run(*arguments)
        if done.returncode != code:
            raise CommandError(arguments, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command with --json, whatever comes of it."""
        command = [*arguments, "--json"]
        child = nursery.start(command, self.environment(), Path.cwd())
        out, err = child.communicate(_COMMAND_SECONDS)
        return subprocess.CompletedProcess(command, child.wait(), out.decode(), err.decode())

    def environment(self) -> dict[str, str]:
        """Return the variables that commands of this home run under; ports are picked freely."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRONGROOM_", "PYTHON"))}
        return kept | {
            "STRONGROOM_HOME": str(self.path),
            "STRONGROOM_GATEWAY__PORT": "0",
            "STRONGROOM_API__PORT": "0",
            "STRONGROOM_DESK__PORT": "0",
            "STRONGROOM_HEALTH__PORT": "0",
            "STRONGROOM_WITNESS__PORT": "0",
            "STRONGROOM_PROXY__PORT": "0",
        }

    def secret(self, text: str) -> Path:
        """Write a secret to a file of mode 0600 outside the home, and return its path."""
        self._written += 1
        path = self._secrets / f"secret-{self._written}"
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def ask(self, operation: str, *, as_: App | None = None, **arguments: object) -> Any:
        """Do one operation in the process that serves the home, as a command would have it done."""
        request = Request(
            operation, arguments, as_.name if as_ else None, as_.client_secret if as_ else None
        )
        answer = control.ask(layout(self.path), request, lambda *_: None)
        if answer is None:
            raise AssertionError("the home is not served")
        return answer

    def add_seller(self, simulator: Simulator, account: SellerAccount) -> None:
        """Register one of the simulator's selling partners under its own name."""
        if self.serving:
            self.ask(
                "seller.add",
                name=account.name,
                region="eu",
                marketplaces=list(account.marketplace_ids),
                client_id=account.client_id,
                client_secret=account.client_secret,
                refresh_token=account.refresh_token,
                endpoint=simulator.endpoint,
                lwa_url=simulator.lwa_url,
                upstream_ca=simulator.ca_path.read_text(),
            )
            return
        arguments = ["seller", "add", account.name, "--region", "eu"]
        for marketplace in account.marketplace_ids:
            arguments += ["--marketplace", marketplace]
        arguments += ["--endpoint", simulator.endpoint, "--lwa-url", simulator.lwa_url]
        arguments += ["--upstream-ca", str(simulator.ca_path), "--client-id", account.client_id]
        arguments += ["--client-secret-file", str(self.secret(account.client_secret))]
        arguments += ["--refresh-token-file", str(self.secret(account.refresh_token))]
        self.run(*arguments, *self._at())

    def add_app(self, name: str, *sellers: str, grants: bool = True) -> list[App]:
        """Register an app, one authorization for each selling partner; `grants` lets it reveal and search."""
        added = self._add_app(name)
        permits = [self._authorize(name, seller) for seller in sellers]
        for seller in sellers if grants else ():
            self.add_grant(name, seller, "reveal")
            self.add_grant(name, seller, "search")
        client_id, client_secret = added["client_id"], added["client_secret"]
        return [
            App(name, seller, client_id, client_secret, permit["refresh_token"])
            for seller, permit in zip(sellers, permits, strict=True)
        ]

    def add_grant(
        self,
        principal: str,
        seller: str,
        action: str,
        *,
        purpose: str = "fulfilment",
        categories: str = CATEGORIES,
    ) -> Any:
        """Let a principal do one thing with a selling partner's data for thirty days."""
        if self.serving:
            return self.ask(
                "grant.add",
                principal=principal,
                action=action,
                purpose=purpose,
                categories=categories.split(","),
                sellers=[seller],
                days=30,
            )
        arguments = ["grant", "add", "--principal", principal, "--action", action]
        arguments += ["--purpose", purpose, "--categories", categories, "--seller", seller]
        return self.run(*arguments, "--days", "30", *self._at())

    def _add_app(self, name: str) -> Any:
        if self.serving:
            return self.ask("app.add", name=name, owner=OWNER)
        return self.run("app", "add", name, "--owner", OWNER, *self._at())

    def _authorize(self, name: str, seller: str) -> Any:
        if self.serving:
            return self.ask("app.authorize", name=name, seller=seller)
        return self.run("app", "authorize", name, "--seller", seller, *self._at())

    def reveal(self, token: str, app: App, *, purpose: str = "fulfilment", code: int = 0) -> Any:
        """Reveal one token as the app would."""
        arguments = ["reveal", token, "--purpose", purpose, "--reason", "a test asks"]
        return self.run(*arguments, *self._as(app), *self._at(), code=code)

    def find(self, app: App, *, purpose: str = "fulfilment", **wanted: str) -> list[Any]:
        """Find records by `email`, `phone` or `order`, as the app would."""
        options = [part for name, value in wanted.items() for part in (f"--{name}", value)]
        found = self.run("find", *options, "--purpose", purpose, *self._as(app), *self._at())
        records: list[Any] = found["records"]
        return records

    def sweep(self, now: datetime | None = None) -> Any:
        """Do what the calendar asks for at `now`."""
        at = self._at() if now is None else ["--now", now.isoformat()]
        return self.run("retention", "sweep", *at)

    def read_log(self) -> None:
        """Let who runs the tests read the log."""
        if self.serving:
            me = of_console(os_user(os.geteuid()))
            self.ask("grant.add_role", principal=me, role="auditor", days=90)
        else:
            self.run("grant", "add", *audit_grant(), *self._at())

    def verify(self) -> Any:
        """Verify the whole audit log; the result has `ok`, `size` and `faults`."""
        return self.run("audit", "verify", *self._at())

    def _as(self, app: App) -> list[str]:
        path = self.secret(app.client_secret)
        return ["--as", app.name, "--credential-file", str(path)]

    def _at(self) -> list[str]:
        # A served home has a clock of its own, which started at `now`.
        if self.now is None or self._serving is not None:
            return []
        return ["--now", self.now.isoformat()]

    # -- serving ---------------------------------------------------------------------------------

    def start(
        self,
        *,
        wrapper: Sequence[str] | None = None,
        extra: Mapping[str, str] | None = None,
        face: str | None = None,
    ) -> None:
        """Serve the home; returns when its listeners are ready.

        `wrapper` is run in place of the command and gets its arguments; `extra` are more variables. Without a wrapper
        it is a process whose modules are read already (`nursery.py`).
        """
        if self._serving is not None:
            raise AssertionError("the home is served already")
        at = [] if self.now is None else ["--now", self.now.isoformat()]
        command = ["serve", *([face] if face else []), *at, "--json"]
        serving = _Serving(wrapper, command, self.environment() | dict(extra or {}), self.work)
        self._serving = serving
        try:
            serving.wait_until_ready()
        except AssertionError:
            self.kill()
            raise

    def stop(self) -> int:
        """Stop serving in good order and return the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self, number: int = signal.SIGKILL) -> int | None:
        """End whatever serves the home at once; None where nothing does."""
        return None if self._serving is None else self._end(number)

    def wait(self, seconds: float = _STOP_SECONDS) -> int:
        """Wait until what serves the home has ended by itself, and return its exit code."""
        return self._end(None, seconds)

    def restart(self, **options: Any) -> None:
        """Stop in good order, if it still runs, and serve again."""
        if self._serving is not None:
            self.stop()
        self.start(**options)

    @property
    def serving(self) -> bool:
        """Tell whether the process started last still runs."""
        return self._serving is not None and self._serving.process.poll() is None

    @property
    def ready(self) -> Any:
        """Return the line that `serve` printed when it was ready."""
        return self._running.ready

    @property
    def pid(self) -> int:
        """Return the number of the process that serves."""
        return self._running.process.pid

    @property
    def endpoint(self) -> str:
        """Return the gateway's base URL."""
        url: str = self.ready["gateway"]
        return url

    @property
    def ca_path(self) -> Path:
        """Return the home's own CA certificate."""
        return self.path / "tls" / "ca.pem"

    def tls(self) -> ssl.SSLContext:
        """Return a client context that trusts this home."""
        return ssl.create_default_context(cafile=str(self.ca_path))

    @property
    def _running(self) -> _Serving:
        if self._serving is None:
            raise AssertionError("the home is not served")
        return self._serving

    def _end(self, number: int | None, seconds: float = _STOP_SECONDS) -> int:
        serving = self._running
        code = serving.end(number, seconds)
        self._serving = None
        self.outputs += [serving.out.content, serving.err.content]
        return code


class _Serving:
    """One process of `serve` and what it prints."""

    def __init__(
        self,
        wrapper: Sequence[str] | None,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        work: Path,
    ) -> None:
        self.process = (
            nursery.start(arguments, environment, work)
            if wrapper is None
            else subprocess.Popen(
                [*wrapper, *arguments],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
            )
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = _Reader(self.process.stdout)
        self.err = _Reader(self.process.stderr)
        self.ready: Any = None

    def wait_until_ready(self) -> None:
        line = self.out.first_line(_START_SECONDS)
        if not line:
            # What it prints ends a moment before the process does.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_EXIT_SECONDS)
            told = (self.out.content + self.err.content).decode(errors="replace")
            message = f"serve was not ready: exit {self.process.poll()}\n{told}"
            raise AssertionError(message)
        self.ready = json.loads(line)

    def end(self, number: int | None, seconds: float) -> int:
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("serve did not end in time") from None
        finally:
            self.out.finish()
            self.err.finish()
        return code


class _Reader:
    """Reads a pipe to its end, so that the process never waits for us."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.content = b""
        self._pipe = pipe
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def first_line(self, seconds: float) -> bytes:
        """Return the first line, or nothing when the pipe ended or the time is over."""
        self._first.wait(seconds)
        line, end, _ = self.content.partition(b"\n")
        return line if end else b""

    def finish(self) -> None:
        self._thread.join(_START_SECONDS)
        self._pipe.close()

    def _read(self) -> None:
        while part := os.read(self._pipe.fileno(), 65536):
            self.content += part
            if b"\n" in self.content:
                self._first.set()
        self._first.set()
