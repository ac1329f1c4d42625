"""Starts `strongroom` in a process that has read its modules already: most of a short command's time is their reading.

    python nursery.py SOCKET        a process that forks for each request; one for each worker of the tests

What is forked goes through the same `main`, with its own arguments, environment, directory and pipes. Tests that are
about the process itself (a wrapper, a tracer, the installed command) start it by its file.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
_LONGEST = 1 << 20


class Forked:
    """A process as `subprocess.Popen` gives it, as far as tests need one."""

    def __init__(self, pid: int, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._ended = threading.Event()

    def end(self, code: int) -> None:
        """Hear how it ended."""
        self.returncode = code
        self._ended.set()

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end. Raises: subprocess.TimeoutExpired."""
        if not self._ended.wait(seconds):
            raise subprocess.TimeoutExpired("strongroom", seconds or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, seconds: float) -> tuple[bytes, bytes]:
        """Read what it prints until it ends. Raises: subprocess.TimeoutExpired, after it was killed."""
        content: dict[str, bytes] = {}

        def read(name: str, pipe: IO[bytes]) -> None:
            with pipe:
                content[name] = pipe.read()

        pipes = {"out": self.stdout, "err": self.stderr}
        readers = [threading.Thread(target=read, args=item) for item in pipes.items()]
        for reader in readers:
            reader.start()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            for reader in readers:
                reader.join()
        return content["out"], content["err"]


class Nursery:
    """The process that forks, as its user sees it. Safe between threads."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd="/",
                env={k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")},
            )
        self._socket = ours
        self._asking = threading.Lock()
        self._started: list[int] = []
        self._has_started = threading.Event()
        self._children: dict[int, Forked] = {}
        self._ended: dict[int, int] = {}
        self._mutex = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self.close)

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path
    ) -> Forked:
        """Run `strongroom` with these arguments."""
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        request = json.dumps([list(arguments), dict(environment), str(directory)]).encode()
        assert len(request) < _LONGEST
        with self._asking:
            self._has_started.clear()
            socket.send_fds(self._socket, [request], [out_end, err_end])
            os.close(out_end)
            os.close(err_end)
            if not self._has_started.wait(60):
                raise AssertionError("no process came")
            pid = self._started.pop()
        child = Forked(pid, os.fdopen(out, "rb", 0), os.fdopen(err, "rb", 0))
        with self._mutex:
            self._children[pid] = child
            code = self._ended.pop(pid, None)
            if code is not None:
                self._children.pop(pid).end(code)
        return child

    def close(self) -> None:
        """End the process that forks; what it forked ends by itself."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        while True:
            try:
                message = self._socket.recv(_LONGEST)
            except OSError:
                return
            if not message:
                return
            word, pid, code = json.loads(message)
            if word == "started":
                self._started.append(pid)
                self._has_started.set()
                continue
            with self._mutex:
                child = self._children.pop(pid, None)
                if child is None:
                    self._ended[pid] = code
                else:
                    child.end(code)


_here: dict[int, Nursery] = {}


def start(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> Forked:
    """Run `strongroom` with these arguments, from the nursery of this process."""
    if os.getpid() not in _here:
        _here[os.getpid()] = Nursery()
    return _here[os.getpid()].start(arguments, environment, directory)


# -- the process that forks ------------------------------------------------------------------------------------------


def _read_modules() -> None:
    from strongroom.cli import commands  # noqa: PLC0415 - only the process that forks reads them

    for module in commands.MODULES:
        import_module(f"strongroom.cli.{module}")
    import_module("strongroom.cli.here")
    import_module("strongroom.serve")
    import_module("strongroom.home.making")
    gc.collect()
    gc.freeze()


def _serve(connection: socket.socket) -> list[str] | None:
    """Fork for each request; return the arguments in what was forked, None once nobody asks any more."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == wake:
                    os.read(wake, 4096)
                    _tell_ends(connection)
                    continue
                request, pipes, _, _ = socket.recv_fds(connection, _LONGEST, 2)
                if not request:
                    return None
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    selector.close()
                    for fd in (wake, woken):
                        os.close(fd)
                    connection.close()
                    return _become(request, pipes)
                for fd in pipes:
                    os.close(fd)
                connection.send(json.dumps(["started", pid, 0]).encode())


def _tell_ends(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        connection.send(json.dumps(["ended", pid, code]).encode())


def _become(request: bytes, pipes: list[int]) -> list[str]:
    arguments, environment, directory = json.loads(request)
    for number, fd in enumerate(pipes, start=1):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    found: list[str] = arguments
    return found


def main() -> None:
    """Fork for whoever has the other end of the socket; in what was forked, be the command."""
    _read_modules()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        arguments = _serve(connection)
    if arguments is not None:
        from strongroom.cli import main as command  # noqa: PLC0415 - as above

        sys.argv = [str(Path(sys.executable).parent / "strongroom"), *arguments]
        command()


if __name__ == "__main__":
    main()
