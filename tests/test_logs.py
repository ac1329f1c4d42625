"""The process's log: typed happenings, and nothing that anybody typed or sent."""

import json
import subprocess
import sys
import textwrap

import pytest

from strongroom import logs
from strongroom.errors import Denied

SECRET = "jane.doe@example.com"


def run(code: str) -> list[dict[str, object]]:
    """Run a program that logs, in a process of its own, and return what it logged."""
    program = f"""
import sys
from strongroom import logs
SECRET = {SECRET!r}
logs.configure(sys.stderr)
{textwrap.dedent(code)}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_happening_is_one_json_line() -> None:
    (line,) = run("logs.say(logs.Happening.SERVE_STARTED, pid=7, port=8443)")
    assert (line["event"], line["pid"], line["port"]) == ("serve.started", 7, 8443)
    assert str(line["at"]).endswith("Z")


@pytest.mark.clause("2.6")
def test_only_known_events_and_bounded_fields_are_written() -> None:
    lines = run(
        """
        import structlog
        log = structlog.get_logger()
        log.info(f"revealed {SECRET}")
        log.info("serve.started", order=SECRET, place=SECRET, port=[1, SECRET])
        """
    )
    (line,) = lines
    assert line["place"] == "<dropped>"
    assert line["port"] == [1, "<dropped>"]
    assert "order" not in line


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    "name",
    ["uvicorn.error", "uvicorn.access", "aiohttp.client", "sqlalchemy.engine", "asyncio", "other"],
)
def test_libraries_say_where_and_never_what(name: str) -> None:
    lines = run(
        f"""
        import logging
        log = logging.getLogger({name!r})
        log.info("GET https://amazon/?buyer=%s", SECRET)
        log.error("GET https://amazon/?buyer=%s", SECRET, extra={{"headers": SECRET}})
        log.error(f"to {{SECRET}} %d", "no number")
        try:
            raise ValueError(SECRET)
        except ValueError:
            log.exception("failed for %s", SECRET)
        """
    )
    assert [line["logger"] for line in lines] == [name] * 3
    assert lines[-1]["error"] == "builtins.ValueError"


@pytest.mark.clause("2.6")
def test_an_uncaught_error_is_its_type_and_place() -> None:
    lines = run(
        """
        import asyncio, threading, warnings
        def fail():
            local = SECRET
            try:
                raise KeyError(local)
            except KeyError as exc:
                raise RuntimeError(SECRET) from exc
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        class Leaky:
            def __del__(self):
                raise ValueError(SECRET)
        Leaky()
        warnings.warn(SECRET)
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(logs.handle_loop_error)
            loop.call_soon(fail)
            loop.call_exception_handler({"message": SECRET})
            await asyncio.sleep(0.01)
        asyncio.run(main())
        fail()
        """
    )
    told = [(line["event"], line.get("error")) for line in lines]
    assert told == [
        ("error.uncaught", "builtins.RuntimeError"),
        ("error.uncaught", "builtins.ValueError"),
        ("library.spoke", None),
        ("library.spoke", None),
        ("error.uncaught", "builtins.RuntimeError"),
        ("error.uncaught", "builtins.RuntimeError"),
    ]
    assert "in fail" in str(lines[0]["place"])
    assert "KeyError" in str(lines[0]["causes"])


def test_an_error_of_ours_is_told_by_its_kind() -> None:
    with pytest.raises(Denied) as caught:
        raise Denied(SECRET)
    told = logs.reduced(caught.value)
    assert told["error"] == "Denied"
    assert "test_logs.py" in told["place"]
    assert SECRET not in str(told)


def test_a_group_tells_its_members() -> None:
    told = logs.reduced(ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)]))
    assert [cause.split()[0] for cause in told["causes"]] == [
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert SECRET not in str(told)


@pytest.mark.clause("2.4")
def test_memory_stays_out_of_core_dumps() -> None:
    program = """
import ctypes, resource, sys
from strongroom import logs
logs.harden(production=sys.argv[1] == "production")
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(resource.getrlimit(resource.RLIMIT_CORE), dumpable)
"""
    said = {
        world: subprocess.run(
            [sys.executable, "-c", program, world], check=True, capture_output=True, text=True
        ).stdout.strip()
        for world in ("production", "test")
    }
    assert said["production"] == "(0, 0) 0"
    assert said["test"].startswith("(0, 0)")
