"""Makes the files of a pack out of its account, and one deterministic archive of them (docs/formats/pack.md) [3].

The same account, log and key give the same bytes. `offline.py` is among the files as `verify.py`; whoever checks a pack
takes it, and the key, from elsewhere.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import orjson

from strongroom.assurance.packs import offline, oscal, tables
from strongroom.assurance.packs.account import FORMAT, MOST_PROVED, Account, written
from strongroom.assurance.packs.guarding import refuse_personal
from strongroom.assurance.packs.page import index
from strongroom.assurance.packs.report import report
from strongroom.audit.proving import Prover
from strongroom.crypto.note import Signer

_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o600 << 16


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack: its archive, and what names it."""

    name: str
    """As its folder and file are called, without an ending."""
    archive: bytes = field(repr=False)
    files: int
    duties: Mapping[str, int]
    key: str
    """The public key it is checked with."""

    @property
    def sha256(self) -> str:
        """Return the hash of the archive."""
        return sha256(self.archive).hexdigest()


def make(
    account: Account,
    prover: Prover,
    signer: Signer,
    marked: Callable[[bytes], bool],
    progress: Callable[[int, int], None],
) -> Pack:
    """Return the pack of an account.

    Raises:
        Conflict: a file would hold what looks like personal data, a credential or a canary.
        Tampered: an entry of the log is not the one that was recorded.
        Unavailable: the report can't be drawn.

    """
    log, proved = _log(account, prover, progress)
    files: dict[str, bytes] = {
        "clauses.csv": tables.clauses(account.rows),
        "events.csv": tables.events(account, proved),
        "poam.csv": tables.register(account.milestones),
        "oscal/assessment-results.json": _json(oscal.assessment_results(account)),
        "oscal/poam.json": _json(oscal.milestones(account)),
        "log.json": log,
        "log.vkey": f"{prover.vkey}\n".encode(),
    }
    for name, rows in account.registers.items():
        files[f"registers/{name}.csv"] = tables.register(rows)
    told = {name: _WHAT.get(name, "a register of the desk") for name in files}
    told["report.pdf"] = "the report, to read and print (PDF/A-2b)"
    told["verify.py"] = "checks a pack, without anything of Strongroom"
    told["manifest.json"] = "what lies here, with sizes and hashes"
    files["index.html"] = index(account, dict(sorted(told.items())))
    # Before anything is drawn or written; what is drawn says nothing else than these.
    refuse_personal(files, marked)
    files["report.pdf"] = report(account)
    files["verify.py"] = (resources.files("strongroom.assurance.packs") / "offline.py").read_bytes()
    told["index.html"] = "the same to browse, without a script"
    files["manifest.json"] = _manifest(account, prover, signer, files, told, len(proved))
    files[offline.SUMS] = _sums(files)
    files[offline.NOTE] = signer.sign(
        f"{FORMAT}\n{sha256(files[offline.SUMS]).hexdigest()}\n"
    ).encode()
    name = f"evidence-{account.period.name}"
    return Pack(name, _packed(name, files), len(files), account.counts, signer.vkey)


_WHAT: Final = {
    "clauses.csv": "every duty, exceptions first",
    "events.csv": "what people and the house did, as the log has it",
    "poam.csv": "the plan of action and milestones",
    "oscal/assessment-results.json": "the duties for machines (OSCAL)",
    "oscal/poam.json": "the plan of action and milestones for machines (OSCAL)",
    "log.json": "entries of the log with the proofs that they stand in it",
    "log.vkey": "the log's public key",
}


def _log(
    account: Account, prover: Prover, progress: Callable[[int, int], None]
) -> tuple[bytes, frozenset[int]]:
    """Return the newest listed entries with their proofs under one checkpoint, and their numbers."""
    size = account.log_size
    chosen = [entry for entry in account.events if entry.body][-MOST_PROVED:]
    entries: list[dict[str, object]] = []
    numbers: set[int] = set()
    for done, entry in enumerate(chosen, start=1):
        one = prover.event(entry.seq, size)
        if one.entry is not None:
            numbers.add(one.seq)
            entries.append({"number": one.seq, "entry": one.entry.decode(), "proof": one.proof})
        progress(done, len(chosen))
    said = {
        "key": prover.vkey,
        "size": size,
        "checkpoint": prover.note(size),
        "entries": entries,
    }
    return _json(said), frozenset(numbers)


def _manifest(
    account: Account,
    prover: Prover,
    signer: Signer,
    files: Mapping[str, bytes],
    told: Mapping[str, str],
    proved: int,
) -> bytes:
    return _json(
        {
            "format": FORMAT,
            "home": account.home,
            "environment": account.environment,
            "edition": account.edition,
            "since": written(account.period.since),
            "until": written(account.period.until),
            "built_at": written(account.built_at),
            "built_by": account.built_by,
            "passes": not account.blocking,
            "duties": dict(account.counts),
            "log": {"key": prover.vkey, "size": account.log_size},
            "key": signer.vkey,
            "events": {
                "listed": len(account.events),
                "proved": proved,
                "counted_only": account.left_out,
            },
            "files": [
                {
                    "name": name,
                    "what": told[name],
                    "bytes": len(content),
                    "sha256": sha256(content).hexdigest(),
                }
                for name, content in sorted(files.items())
            ],
        }
    )


def _sums(files: Mapping[str, bytes]) -> bytes:
    return "".join(
        f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    ).encode()


def _json(value: Any) -> bytes:  # noqa: ANN401 - what JSON can say
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def _packed(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes depend on the files alone."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}", _EARLIEST)
            entry.external_attr, entry.create_system = _MODE, 3
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
