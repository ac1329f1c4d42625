"""How long the log is kept: its minimum index, holds, and what a second person has to approve."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE = (
    ("DROP TRIGGER audit_event_update"),
    (
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event WHEN NOT (NEW.body IS"
        " NULL AND NEW.seq IS OLD.seq AND NEW.ts IS OLD.ts AND NEW.type IS OLD.type AND "
        "NEW.actor IS OLD.actor AND NEW.outcome IS OLD.outcome AND NEW.obj_ref IS OLD.obj_ref"
        " AND NEW.leaf_hash IS OLD.leaf_hash AND OLD.seq < COALESCE((SELECT min_index FROM "
        "audit_min WHERE id = 1), 0)) BEGIN SELECT RAISE(ABORT, 'the audit log is only added "
        "to'); END"
    ),
    (
        "CREATE TRIGGER audit_min_update BEFORE UPDATE ON audit_min WHEN NOT (NEW.id = OLD.id"
        " AND NEW.min_index >= OLD.min_index AND (NEW.min_index & 255) = 0 AND NEW.done <= "
        "NEW.min_index AND NEW.done >= OLD.done) BEGIN SELECT RAISE(ABORT, 'the audit log is "
        "only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_min_delete BEFORE DELETE ON audit_min BEGIN SELECT RAISE(ABORT,"
        " 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_min_insert BEFORE INSERT ON audit_min WHEN EXISTS (SELECT 1 "
        "FROM audit_min WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the audit log is only "
        "added to'); END"
    ),
)

_POSTGRES = (
    ("DROP TRIGGER audit_event_update ON audit_event"),
    (
        "CREATE OR REPLACE FUNCTION audit_pruned() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF OLD.seq < COALESCE((SELECT min_index FROM audit_min WHERE id = 1), 0) THEN "
        "RETURN NEW; END IF; RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE ="
        " 'restrict_violation'; END $$"
    ),
    (
        "CREATE TRIGGER audit_event_pruned BEFORE UPDATE ON audit_event FOR EACH ROW WHEN "
        "(NEW.body IS NULL AND NEW.seq IS NOT DISTINCT FROM OLD.seq AND NEW.ts IS NOT "
        "DISTINCT FROM OLD.ts AND NEW.type IS NOT DISTINCT FROM OLD.type AND NEW.actor IS NOT"
        " DISTINCT FROM OLD.actor AND NEW.outcome IS NOT DISTINCT FROM OLD.outcome AND "
        "NEW.obj_ref IS NOT DISTINCT FROM OLD.obj_ref AND NEW.leaf_hash IS NOT DISTINCT FROM "
        "OLD.leaf_hash) EXECUTE FUNCTION audit_pruned()"
    ),
    (
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event FOR EACH ROW WHEN "
        "(NOT (NEW.body IS NULL AND NEW.seq IS NOT DISTINCT FROM OLD.seq AND NEW.ts IS NOT "
        "DISTINCT FROM OLD.ts AND NEW.type IS NOT DISTINCT FROM OLD.type AND NEW.actor IS NOT"
        " DISTINCT FROM OLD.actor AND NEW.outcome IS NOT DISTINCT FROM OLD.outcome AND "
        "NEW.obj_ref IS NOT DISTINCT FROM OLD.obj_ref AND NEW.leaf_hash IS NOT DISTINCT FROM "
        "OLD.leaf_hash)) EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_min_update BEFORE UPDATE ON audit_min FOR EACH ROW WHEN (NOT "
        "(NEW.id = OLD.id AND NEW.min_index >= OLD.min_index AND (NEW.min_index & 255) = 0 AND "
        "NEW.done <= NEW.min_index AND NEW.done >= OLD.done)) EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_min_delete BEFORE DELETE ON audit_min FOR EACH ROW EXECUTE "
        "FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_min_truncate BEFORE TRUNCATE ON audit_min FOR EACH STATEMENT "
        "EXECUTE FUNCTION audit_kept()"
    ),
)


def upgrade() -> None:
    """Make the tables, and let the bodies of entries below the minimum index be taken away."""
    op.create_table(
        "audit_min",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("min_index", _ID, nullable=False),
        sa.Column("event", _ID, nullable=False),
        sa.Column("done", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "keeping_change",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_hold",
        sa.Column("id", _ID, nullable=False),
        sa.Column("first", _ID, nullable=False),
        sa.Column("end", _ID, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", _ID, nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRES:
        op.execute(statement)
