"""Every store that may hold what a notice is about, in one table: how it is emptied, and how that is verified [1.7].

`looks` reads a store and says what is left; whatever cannot be read from here is `unknown`, and a named person answers
for it. A store that is added to Strongroom is added here, or no certificate is true.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from strongroom.policy.deletion import Asked, Method, Verdict
from strongroom.vault.clearing import Left, Within


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy that this installation knows of: a backup, a copy of the keystore, an archive file."""

    name: str
    made_at: datetime
    destroyed_at: datetime | None = None
    law: str | None = None
    """Of an archive: what it is kept by."""
    until: datetime | None = None


Lister = Callable[[], Sequence[Copy]]


@dataclass(frozen=True, slots=True)
class Copies:
    """What lists copies; None where nothing does, and a person has to say what there is."""

    backups: Lister | None = None
    keystore: Lister | None = None
    archives: Lister | None = None
    standbys: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True, slots=True)
class Looking:
    """What looking at the stores begins with."""

    left: Left
    copies: Copies
    keys_gone_at: datetime
    is_sqlite: bool
    package_kept: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What reading one store found."""

    verdict: Verdict
    told: str
    counts: dict[str, int] = field(default_factory=dict)


Look = Callable[[Looking], Finding]


@dataclass(frozen=True, slots=True)
class Store:
    """One store. `holds`, `emptied` and `checked` are sentences of the plan and of the certificate."""

    name: str
    holds: str
    emptied: str
    checked: str
    method: Method
    confirmed_by: str
    looks: Look


def _records(looking: Looking) -> Finding:
    left = looking.left
    counts = {"rows": left.rows, "tags": left.tags, "in_scope": left.again}
    if left.rows or left.tags or left.again:
        return Finding(Verdict.FOUND, "records, tags or wrapped keys are left", counts)
    return Finding(
        Verdict.CLEAN, "no blob, wrapped key, long value or tag; a reading is refused", counts
    )


def _files(looking: Looking) -> Finding:
    left = looking.left
    if left.bytes_in:
        return Finding(Verdict.FOUND, f"bytes are left in {', '.join(left.bytes_in)}")
    if not looking.is_sqlite:
        # Its files and log keep old pages whatever is done: only destroyed keys count there.
        return _by_keys(looking)
    counts = {"samples": left.tried}
    return Finding(Verdict.CLEAN, "file, free pages and log do not hold the samples", counts)


def _keys(looking: Looking) -> Finding:
    return _by_keys(looking)


def _by_keys(looking: Looking) -> Finding:
    counts = {"samples": looking.left.tried, "opened": looking.left.opened}
    if looking.left.opened:
        return Finding(Verdict.FOUND, "a key that exists opens a wrapped key", counts)
    return Finding(Verdict.CLEAN, "no key that exists opens a wrapped key of the samples", counts)


def _standbys(looking: Looking) -> Finding:
    names = looking.copies.standbys()
    if not names:
        return Finding(Verdict.CLEAN, "the database names no standby")
    return _keyless(looking, len(names))


def _keyless(looking: Looking, copies: int) -> Finding:
    """Judge copies of ciphertext: they are as good as empty when no copy of the keys is older than the keys' end."""
    found, old = _by_keys(looking), _keystore(looking)
    counts = {"copies": copies, **found.counts}
    if found.verdict is not Verdict.CLEAN:
        return Finding(found.verdict, found.told, counts)
    if old.verdict is not Verdict.CLEAN:
        return Finding(old.verdict, f"as good as the keystore's copies are: {old.told}", counts)
    return Finding(
        Verdict.CLEAN, "nothing that exists opens them: their keys are destroyed", counts
    )


def _backups(looking: Looking) -> Finding:
    if looking.copies.backups is None:
        return Finding(Verdict.UNKNOWN, "this installation does not list its backups")
    kept = [copy for copy in looking.copies.backups() if copy.destroyed_at is None]
    return _keyless(looking, len(kept))


def _keystore(looking: Looking) -> Finding:
    if looking.copies.keystore is None:
        return Finding(Verdict.UNKNOWN, "this installation does not list copies of its keystore")
    old = [
        copy
        for copy in looking.copies.keystore()
        if copy.destroyed_at is None and copy.made_at <= looking.keys_gone_at
    ]
    if old:
        return Finding(
            Verdict.FOUND, "copies of the keystore still have the keys", {"copies": len(old)}
        )
    return Finding(Verdict.CLEAN, "no copy is older than the end of the keys")


def _archives(looking: Looking) -> Finding:
    if looking.copies.archives is None:
        return Finding(Verdict.UNKNOWN, "this installation does not list archives")
    kept = [copy for copy in looking.copies.archives() if copy.destroyed_at is None]
    if any(copy.law is None for copy in kept):
        return Finding(Verdict.FOUND, "an archive is kept by no law", {"files": len(kept)})
    told = "kept by law, offline and sealed; listed as exceptions" if kept else "there is none"
    return Finding(Verdict.CLEAN, told, {"files": len(kept)})


def _log(looking: Looking) -> Finding:
    del looking
    return Finding(Verdict.CLEAN, "its catalogue is closed: no member of an entry takes a value")


def _package(looking: Looking) -> Finding:
    if looking.package_kept:
        return Finding(
            Verdict.UNKNOWN, "the sealed package is still here: hand it over, then remove it"
        )
    return Finding(Verdict.CLEAN, "the sealed package is not here any more")


def _elsewhere(looking: Looking) -> Finding:
    del looking
    return Finding(Verdict.UNKNOWN, "it cannot be read from here")


_SYSTEM: Final = "strongroom"
_PERSON: Final = "a named person"

TABLE: Final[tuple[Store, ...]] = (
    Store(
        "records",
        "sealed records, the keys wrapped beside them, search tags",
        "blobs, wrapped keys and tags are removed; a number and a keyed hash stay",
        "every record that was erased is read again, and the scope is searched for others",
        Method.PURGE_AND_CLEAR,
        _SYSTEM,
        _records,
    ),
    Store(
        "documents",
        "labels, invoices and whole documents, sealed beside their records",
        "removed with their records, whose keys they die with",
        "as for records",
        Method.PURGE_AND_CLEAR,
        _SYSTEM,
        _records,
    ),
    Store(
        "database_files",
        "pages of the database, free pages, the write-ahead log",
        "overwritten when freed; the log is cut to nothing",
        "bytes of sampled records are looked for in every file",
        Method.PURGE_AND_CLEAR,
        _SYSTEM,
        _files,
    ),
    Store(
        "keystore",
        "the period keys under which the records' keys are wrapped",
        "each that ever wrapped one of them is replaced and destroyed",
        "every key that exists is tried on sampled wrapped keys",
        Method.PURGE,
        _SYSTEM,
        _keys,
    ),
    Store(
        "standbys",
        "copies of the database that follow it",
        "their keys are destroyed, and they follow the removal",
        "the database is asked for them; every key that exists is tried",
        Method.PURGE,
        _SYSTEM,
        _standbys,
    ),
    Store(
        "backups",
        "encrypted copies of the database, without keys",
        "their keys are destroyed; each dies with its retention",
        "no key that exists, here or in a copy of the keystore, opens them",
        Method.PURGE,
        _SYSTEM,
        _backups,
    ),
    Store(
        "keystore_copies",
        "copies of the keys, sealed to the recovery recipients",
        "destroyed, or expired within their lifetime",
        "none that is older than the end of the keys is left",
        Method.DESTROY,
        _SYSTEM,
        _keystore,
    ),
    Store(
        "archives",
        "what a law requires to be kept, sealed to people elsewhere",
        "not before its law's end: named as an exception",
        "the list of archives is read",
        Method.OTHERS,
        _SYSTEM,
        _archives,
    ),
    Store(
        "log",
        "who did what and when: no personal data",
        "nothing to empty",
        "by its form",
        Method.NOTHING,
        _SYSTEM,
        _log,
    ),
)
"""Every store there always is, in the order of the plan."""

PACKAGE: Final = Store(
    "package",
    "what is returned, sealed to Amazon's recipient",
    "handed over and removed",
    "its file is looked for",
    Method.CLEAR,
    _PERSON,
    _package,
)


def declared(name: str) -> Store:
    """Return a store that somebody declared: nobody can read it from here."""
    return Store(
        name,
        "a copy that is kept elsewhere, as declared",
        "by whoever keeps it",
        "a named person answers for it",
        Method.OTHERS,
        _PERSON,
        _elsewhere,
    )


def stores(asked: Asked, others: Sequence[str]) -> tuple[Store, ...]:
    """Return the stores of one notice."""
    package = (PACKAGE,) if asked is Asked.RETURN else ()
    return (*TABLE, *package, *map(declared, others))


def listed(store: Store, within: Within, copies: Copies) -> dict[str, Any]:
    """Return a store as the plan shows it."""
    lists = {
        "backups": copies.backups,
        "keystore_copies": copies.keystore,
        "archives": copies.archives,
    }
    counts: dict[str, Any] = {
        "records": {"records": sum(within.live.values())},
        "documents": {"values": within.values},
    }.get(store.name, {})
    lister = lists.get(store.name)
    if lister is not None:
        counts = {"copies": [copy.name for copy in lister() if copy.destroyed_at is None]}
    if store.name == "standbys":
        counts = {"standbys": sorted(copies.standbys())}
    return {
        "store": store.name,
        "holds": store.holds,
        "emptied": store.emptied,
        "checked": store.checked,
        "method": store.method.value,
        "confirmed_by": store.confirmed_by,
        **({"counts": counts} if counts else {}),
    }
