"""Makes a home in steps that can be taken again: an interrupted `init` is finished by the next one.

A marker file holds what was asked for until all is done; `strongroom.toml` is written last and says
that it is. A home with the marker alone is never opened, and holds no record yet.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from strongroom.crypto.root import Cost, RootProvider, create_file_root, root_for
from strongroom.errors import Conflict, Malformed, Misconfigured, Unavailable
from strongroom.home.layout import DIRECTORY_MODE, FILE_MODE, Layout, sync_directory, write_durably
from strongroom.roots import make_root as make_elsewhere
from strongroom.settings import document
from strongroom.terms import Environment

SHORTEST_PASSPHRASE: Final = 12
"""Characters that a production home's passphrase has at least [1.4]."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `init` was asked for; `root_made` says that the root key is whole."""

    environment: Environment
    home_id: str
    one_person: bool
    passphrase_file: str | None
    root_made: bool = False
    root: str | None = None
    """Its address, where one was named."""


def begin(home: Layout, request: Request) -> Request:
    """Make the directories and the marker, and return the request; an interrupted one's, if there is one.

    Call it with the home's lock held, so after `make_root_directory`.

    Raises:
        Conflict: there is a home already, something else, or a home begun for another purpose.

    """
    if home.settings.exists():
        home.unfinished.unlink(missing_ok=True)
        raise Conflict(f"{home.root} is a home already")
    if home.unfinished.exists():
        earlier = _read(home.unfinished)
        asked = (request.environment, request.one_person, request.root)
        if (earlier.environment, earlier.one_person, earlier.root) != asked:
            raise Conflict(
                f"{home.root} was begun as a home of environment {earlier.environment}, otherwise",
                hint="give the same options as then, or remove the directory: it holds no record yet",
            )
        request = replace(earlier, passphrase_file=request.passphrase_file)
    elif foreign := _foreign(home):
        raise Conflict(f"{home.root} is not empty: it holds {foreign}", hint="name a new directory")
    _write(home, request)
    for directory in home.directories():
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        directory.chmod(DIRECTORY_MODE)
    return request


def make_root_directory(home: Layout) -> None:
    """Make the home's own directory, of mode 0700, where there is none.

    Raises:
        Unavailable: it cannot be made.

    """
    try:
        home.root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        with suppress(OSError):
            sync_directory(home.root.parent)
    except OSError as exc:
        raise Unavailable(f"{home.root} cannot be made: {exc.strerror}") from None


def make_root(
    home: Layout, request: Request, uri: str, given: Callable[[], str], cost: Cost
) -> tuple[RootProvider, Request]:
    """Return the root key, made here for a `file:` URI and in a token, and found at its provider elsewhere.

    Raises:
        Malformed: the passphrase of a production home is too short.
        Misconfigured, Unavailable: as `root_for`, or its provider's `wrap`.

    """
    if not uri.startswith("file:"):
        return make_elsewhere(uri, request.environment, request.home_id), request
    passphrase = given()
    if request.environment is Environment.PRODUCTION and len(passphrase) < SHORTEST_PASSPHRASE:
        raise Malformed(f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters [1.4]")
    if request.root_made:
        return root_for(uri, request.environment, passphrase=passphrase, home=home.root), request
    path = home.root / uri.removeprefix("file:")
    if path.exists() and path.parent != home.root:
        raise Conflict(f"there is a root key at {path} already")
    # In the home it can only be what an interrupted init left, and nothing is wrapped by it yet.
    path.unlink(missing_ok=True)
    root = create_file_root(path, passphrase, request.environment, cost=cost, uri=uri)
    request = replace(request, root_made=True)
    _write(home, request)
    return root, request


def make_database_file(path: Path) -> None:
    """Make an empty file of mode 0600, so that SQLite gives its log that mode too.

    Raises:
        Unavailable: it cannot be made.

    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE))
    except OSError as exc:
        raise Unavailable(f"{path} cannot be made: {exc.strerror}") from None


def finish(home: Layout, request: Request) -> None:
    """Write `strongroom.toml`: from now on this is a home."""
    settings: dict[str, object] = {
        "environment": request.environment.value,
        "home_id": request.home_id,
        "one_person": request.one_person,
    }
    keystore = {"root": request.root, "passphrase_file": request.passphrase_file}
    named = {name: value for name, value in keystore.items() if value is not None}
    if named:
        settings["keystore"] = named
    text = "# docs/settings.md explains every setting.\n" + document(settings)
    write_durably(home.settings, text.encode())
    home.unfinished.unlink(missing_ok=True)


def refuse_unfinished(home: Layout) -> None:
    """Refuse a home whose `init` or `restore` was interrupted.

    Raises:
        Misconfigured: it was.

    """
    if home.restoring.exists() and not home.settings.exists():
        raise Misconfigured(
            f"{home.root} is not restored: what was destroyed since its backup may not be destroyed yet",
            hint="run the same `strongroom restore` again",
        )
    if home.unfinished.exists() and not home.settings.exists():
        raise Misconfigured(
            f"{home.root} is not finished: its init was interrupted",
            hint="run the same `strongroom init` again",
        )


def _foreign(home: Layout) -> str | None:
    ours = {home.lock.name, f".{home.unfinished.name}.new"}
    return next((path.name for path in sorted(home.root.iterdir()) if path.name not in ours), None)


def _write(home: Layout, request: Request) -> None:
    write_durably(home.unfinished, orjson.dumps(asdict(request)))


def _read(path: Path) -> Request:
    try:
        found = orjson.loads(path.read_bytes())
        return Request(**{**found, "environment": Environment(found["environment"])})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise Misconfigured(
            f"{path} is damaged", hint="remove the directory: it holds no record yet"
        ) from None
