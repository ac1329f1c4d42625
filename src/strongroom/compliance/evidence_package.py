"""Makes a package of one item: its bytes, its custody, the log's proofs, and what checks them all [1.6].

docs/formats/evidence.md gives the files. `evidence_offline.py` is among them; whoever checks takes it from elsewhere.
"""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib import resources
from typing import Final

import orjson

from strongroom.audit import AuditLog
from strongroom.audit.reading import Entry
from strongroom.compliance.custody import written
from strongroom.compliance.evidence_rows import Item, Step
from strongroom.terms import PrincipalId

FORMAT: Final = "strongroom/evidence/v1"

Names = Callable[[PrincipalId], str]


def files_of(
    audit: AuditLog,
    item: Item,
    content: bytes | None,
    steps: Sequence[Step],
    events: Sequence[Entry],
    stamp: tuple[bytes, str] | None,
    names: Names,
) -> dict[str, bytes]:
    """Return the files of a package by name; `content` None for a thing, `stamp` an answer and its roots."""
    files: dict[str, bytes] = {} if content is None else {f"item/{item.name}": content}
    files["manifest.json"] = json_of(
        {
            "format": FORMAT,
            "evidence": item.id,
            "ref": item.ref,
            "name": item.name,
            "media_type": item.media_type,
            "size_bytes": item.size_bytes,
            "sha256": item.sha256,
            "belongs": f"{item.belongs.kind} {item.belongs.ref}",
            "collected_at": written(item.collected_at),
            "stamped": stamp is not None,
        }
    )
    files["custody.json"] = json_of([_shown(step, names) for step in steps])
    files["log.json"] = json_of(proved(audit, events))
    if stamp is not None:
        files["timestamp.tsr"] = stamp[0]
        files["timestamp.pem"] = stamp[1].encode()
        files["timestamp.txt"] = steps[0].link.digest.encode()
    source = resources.files("strongroom.compliance") / "evidence_offline.py"
    files["verify.py"] = source.read_bytes()
    files["SHA256SUMS"] = sums(files)
    return files


def proved(audit: AuditLog, events: Sequence[Entry]) -> dict[str, object]:
    """Return entries of the log with the proofs that they stand in it."""
    with audit.prover() as prover:
        size = prover.size
        entries = [prover.event(event.seq, size) for event in events]
        return {
            "key": prover.vkey,
            "checkpoint": prover.note(size),
            "size": size,
            "entries": [
                {"number": one.seq, "entry": (one.entry or b"").decode(), "proof": one.proof}
                for one in entries
            ],
        }


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return a list of hashes as `sha256sum -c` reads it."""
    return "".join(
        f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    ).encode()


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip whose bytes depend on nothing else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def json_of(value: object) -> bytes:
    """Return a value as indented JSON, its keys sorted."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def _shown(step: Step, names: Names) -> dict[str, object]:
    link = step.link
    return {
        "number": link.number,
        "at": written(link.at),
        "act": link.act.value,
        "by": int(link.by),
        "by_name": names(link.by),
        "other": None if link.other is None else int(link.other),
        "other_name": None if link.other is None else names(link.other),
        "text": step.said,
        "salt": step.salt.hex(),
        "said": link.said,
        "before": link.before,
        "digest": link.digest,
    }
