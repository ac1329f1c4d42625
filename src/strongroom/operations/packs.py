"""What commands do about packs of evidence: `evidence pack`, `evidence packs`, `evidence pack-key` [3].

The files are written by the process that opens the home, as it writes bundles of the log, and nothing of a pack lies
anywhere before it was found sound.
"""

import io
import os
import shutil
import zipfile
from pathlib import Path

from strongroom.assurance.packs import Built
from strongroom.audit.export import put, sync
from strongroom.errors import Conflict, Malformed, Unavailable
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant

_UNFINISHED = ".unfinished"


@operation("evidence.pack")
def _pack(call: Call, *, since: str, directory: str, until: str | None = None) -> Json:
    """Build a pack and write it into a directory, as a folder and as one file."""
    place = Path(directory)
    if not place.is_absolute():
        raise Malformed("a directory is named by its whole path")
    packs = call.system.assurance.packs
    ends = call.now if until is None else instant(until)
    pack = packs.build(call.caller, instant(since), ends, call.now, call.progress)
    try:
        folder = _written(place, pack.name, pack.archive)
    except OSError as exc:
        why = os.strerror(exc.errno or 0)
        raise Unavailable(f"the pack can't be written there: {why}") from None
    return {
        "folder": str(folder),
        "archive": f"{folder}.zip",
        "sha256": pack.sha256,
        "files": pack.files,
        "duties": dict(pack.duties),
        "key": pack.key,
    }


@operation("evidence.packs")
def _packs(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"packs": [_built(call, one) for one in call.system.assurance.packs.listed()]}


@operation("evidence.pack_key")
def _pack_key(call: Call) -> Json:
    return {"key": call.system.assurance.packs.vkey}


def _built(call: Call, one: Built) -> Json:
    return {
        "event": one.event,
        "at": iso(one.at),
        "by": call.system.accounts.name_of(one.by),
        "state": "sound" if one.sha256 else "refused",
        "files": one.files,
        "sha256": one.sha256,
    }


def _written(place: Path, name: str, archive: bytes) -> Path:
    """Write the archive and its files for their owner alone; the folder has its name when all is durable."""
    folder = place / name
    packed = place / f"{name}.zip"
    if folder.exists() or packed.exists():
        raise Conflict(
            f"{name} is there already", hint="take another directory, or remove the older pack"
        )
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun = place / f"{name}{_UNFINISHED}"
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(mode=0o700)
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        for member in members.namelist():
            path = begun / member.removeprefix(f"{name}/")
            path.parent.mkdir(mode=0o700, exist_ok=True)
            put(path, members.read(member))
    put(packed, archive)
    for directory in {path.parent for path in begun.rglob("*")}:
        sync(directory)
    begun.rename(folder)
    sync(place)
    return folder
