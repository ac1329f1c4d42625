"""What keeps the log's rows from being changed by accident, or by a role that may only write [2.6].

Defence in depth and no more: the owner of a database can drop a trigger, and the evidence is in the
tree (docs/audit.md). A checkpoint is never changed or deleted, and of an event only the body, below the
minimum index, which itself only grows (ADR 0126); a tile is never deleted and only takes one more hash
behind those it has. The head is left out: every append moves it, and its
signature holds it. A migration repeats these texts, and a test holds the two equal.
"""

from typing import Final

import sqlalchemy as sa

_SQLITE_REFUSES: Final = "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
_SQLITE_GROWS: Final = (
    "NEW.level = OLD.level AND NEW.n = OLD.n AND NEW.width = OLD.width + 1"
    " AND length(NEW.hashes) = 32 * NEW.width"
    " AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes"
)
_POSTGRES_GROWS: Final = (
    "NEW.level = OLD.level AND NEW.n = OLD.n AND NEW.width = OLD.width + 1"
    " AND length(NEW.hashes) = 32 * NEW.width"
    " AND substring(NEW.hashes FROM 1 FOR length(OLD.hashes)) = OLD.hashes"
)
_MIN_GROWS: Final = (
    "NEW.id = OLD.id AND NEW.min_index >= OLD.min_index AND (NEW.min_index & 255) = 0"
    " AND NEW.done <= NEW.min_index AND NEW.done >= OLD.done"
)
_REST: Final = ("seq", "ts", "type", "actor", "outcome", "obj_ref", "leaf_hash")
_SQLITE_PRUNES: Final = " AND ".join(
    [
        "NEW.body IS NULL",
        *(f"NEW.{name} IS OLD.{name}" for name in _REST),
        "OLD.seq < COALESCE((SELECT min_index FROM audit_min WHERE id = 1), 0)",
    ]
)
_POSTGRES_PRUNES: Final = " AND ".join(
    ["NEW.body IS NULL", *(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _REST)]
)
# A condition of a PostgreSQL trigger reads no other table: this one asks for the minimum index.
_POSTGRES_PRUNED: Final = (
    "CREATE OR REPLACE FUNCTION audit_pruned() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN IF OLD.seq < COALESCE((SELECT min_index FROM audit_min WHERE id = 1), 0) THEN RETURN NEW; END IF;"
    " RAISE EXCEPTION 'the audit log is only added to'"
    " USING ERRCODE = 'restrict_violation'; END $$"
)
_POSTGRES_FUNCTION: Final = (
    "CREATE OR REPLACE FUNCTION audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN RAISE EXCEPTION 'the audit log is only added to'"
    " USING ERRCODE = 'restrict_violation'; END $$"
)
_SQLITE_UPDATES: Final = {
    "audit_event": _SQLITE_PRUNES,
    "audit_min": _MIN_GROWS,
    "audit_tile": _SQLITE_GROWS,
}
_POSTGRES_UPDATES: Final = {
    "audit_event": _POSTGRES_PRUNES,
    "audit_min": _MIN_GROWS,
    "audit_tile": _POSTGRES_GROWS,
}
_DO: Final = "EXECUTE FUNCTION audit_kept()"
_KEYS: Final = {
    "audit_checkpoint": ("size",),
    "audit_event": ("seq",),
    "audit_min": ("id",),
    "audit_tile": ("level", "n"),
}


def attach(metadata: sa.MetaData) -> None:
    """Have the log's tables made together with their triggers."""
    _run(metadata, "before_create", _POSTGRES_FUNCTION, "postgresql")
    _run(metadata, "before_create", _POSTGRES_PRUNED, "postgresql")
    _run(metadata, "after_drop", "DROP FUNCTION IF EXISTS audit_kept()", "postgresql")
    _run(metadata, "after_drop", "DROP FUNCTION IF EXISTS audit_pruned()", "postgresql")
    for name in _KEYS:
        for dialect, statements in (("sqlite", _sqlite(name)), ("postgresql", _postgres(name))):
            for statement in statements:
                _run(metadata.tables[name], "after_create", statement, dialect)


def _run(target: sa.MetaData | sa.Table, when: str, statement: str, dialect: str) -> None:
    ddl = sa.DDL(statement)  # type: ignore[no-untyped-call] # SQLAlchemy leaves it without types
    sa.event.listen(target, when, ddl.execute_if(dialect=dialect))


def _sqlite(table: str) -> list[str]:
    allowed = _SQLITE_UPDATES.get(table)
    when = "" if allowed is None else f" WHEN NOT ({allowed})"
    keys = " AND ".join(f"{key} = NEW.{key}" for key in _KEYS[table])
    same = f"SELECT 1 FROM {table} WHERE {keys}"  # noqa: S608 - names of ours
    return [
        f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}{when} {_SQLITE_REFUSES}",
        f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} {_SQLITE_REFUSES}",
        # INSERT OR REPLACE deletes without asking the trigger above.
        f"CREATE TRIGGER {table}_insert BEFORE INSERT ON {table} WHEN EXISTS ({same}) {_SQLITE_REFUSES}",
    ]


def _postgres(table: str) -> list[str]:
    allowed = _POSTGRES_UPDATES.get(table)
    when = "" if allowed is None else f" WHEN (NOT ({allowed}))"
    pruned = f"CREATE TRIGGER {table}_pruned BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({allowed})"
    return [
        *([f"{pruned} EXECUTE FUNCTION audit_pruned()"] if table == "audit_event" else []),
        f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} FOR EACH ROW{when} {_DO}",
        f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} FOR EACH ROW {_DO}",
        f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {_DO}",
    ]
