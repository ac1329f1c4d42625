"""The benchmark's place: a home with one selling partner and one app, in a directory that goes in the end.

Children are processes of their own and never outlive the `with` block.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.app import System, machine_clock
from strongroom.errors import Misconfigured, Unavailable
from strongroom.home import certificates, layout
from strongroom.opening import initialize, open_system
from strongroom.terms import Caller, Environment, SellerId
from strongroom.vault import LwaCredentials

_STOP_SECONDS: Final = 20
_MARKETPLACE: Final = "A1PA6795UKMFR9"


@dataclass(frozen=True, slots=True)
class App:
    """The app's credentials."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Child:
    """A running process and the line it printed once it was ready."""

    process: subprocess.Popen[str]
    told: str

    def cpu_seconds(self) -> float:
        """Return the processor time it has used so far, in user and kernel mode, over all its threads.

        Raises:
            Misconfigured: the system does not tell; Linux does.

        """
        try:
            tasks = list(Path(f"/proc/{self.process.pid}/task").iterdir())
            nanoseconds = sum(int((t / "schedstat").read_text().split()[0]) for t in tasks)
        except OSError:
            raise Misconfigured(
                "processor times of a process are not to be had here", hint="run this on Linux"
            ) from None
        return nanoseconds / 1e9


class Stage:
    """One home and what runs beside it."""

    def __init__(self, root: Path, resources: ExitStack) -> None:
        self.root = root
        self.home = root / "home"
        self._resources = resources
        passphrase = root / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_hex(16))
        initialize(
            self.home,
            environment=Environment.TEST,
            passphrase=passphrase.read_text(),
            passphrase_file=passphrase,
            one_person=True,
            environ={},
        )

    @contextmanager
    def system(self) -> Iterator[System]:
        """Open the home in this process."""
        system = open_system(self.home, environ={})
        try:
            yield system
        finally:
            system.close()

    def authority(self) -> Path:
        """Return the certificate that our children's certificates are signed with."""
        return certificates.certificates(layout(self.home)).authority

    def start(self, arguments: Sequence[str], environ: dict[str, str] | None = None) -> Child:
        """Start Python with these arguments and return it once it has printed a line.

        Raises:
            Unavailable: it ended instead.

        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")}
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=kept | (environ or {}),
        )
        self._resources.callback(_stop, process)
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise Unavailable(f"a process of the benchmark did not start: {arguments[:2]}")
        return Child(process, line)


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Make a home below `directory`, whose file system is the one that is measured."""
    root = Path(tempfile.mkdtemp(prefix="strongroom-bench-", dir=directory))
    try:
        with ExitStack() as resources:
            yield Stage(root, resources)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def register(system: System, endpoint: str, authority: str | None) -> tuple[SellerId, Caller, App]:
    """Make the selling partner, whose Amazon is at `endpoint`, and the app that acts for it."""
    now = machine_clock()
    console = system.accounts.console("bench", now)
    seller = system.sellers.add(
        console,
        name="bench",
        region="eu",
        marketplaces=(_MARKETPLACE,),
        credentials=LwaCredentials("client", "secret", "refresh"),
        now=now,
        endpoint=endpoint,
        lwa_url=f"{endpoint}/auth/o2/token",
        upstream_ca=authority,
    ).id
    new = system.accounts.add_app("bench-app", console.name, caller=console, now=now)
    permit = system.accounts.authorize("bench-app", seller, caller=console, now=now)
    return seller, console, App(new.client_id, new.client_secret, permit.refresh_token)


def _stop(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
