"""The log's events, checkpoints and tiles are only added to: triggers refuse everything else."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = (
    (
        "CREATE TRIGGER audit_checkpoint_update BEFORE UPDATE ON audit_checkpoint BEGIN "
        "SELECT RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_checkpoint_delete BEFORE DELETE ON audit_checkpoint BEGIN "
        "SELECT RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_checkpoint_insert BEFORE INSERT ON audit_checkpoint WHEN "
        "EXISTS (SELECT 1 FROM audit_checkpoint WHERE size = NEW.size) BEGIN SELECT "
        "RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event BEGIN SELECT "
        "RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_event_delete BEFORE DELETE ON audit_event BEGIN SELECT "
        "RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_event_insert BEFORE INSERT ON audit_event WHEN EXISTS "
        "(SELECT 1 FROM audit_event WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the "
        "audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_tile_update BEFORE UPDATE ON audit_tile WHEN NOT "
        "(NEW.level = OLD.level AND NEW.n = OLD.n AND NEW.width = OLD.width + 1 AND "
        "length(NEW.hashes) = 32 * NEW.width AND substr(NEW.hashes, 1, "
        "length(OLD.hashes)) = OLD.hashes) BEGIN SELECT RAISE(ABORT, 'the audit log is "
        "only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_tile_delete BEFORE DELETE ON audit_tile BEGIN SELECT "
        "RAISE(ABORT, 'the audit log is only added to'); END"
    ),
    (
        "CREATE TRIGGER audit_tile_insert BEFORE INSERT ON audit_tile WHEN EXISTS "
        "(SELECT 1 FROM audit_tile WHERE level = NEW.level AND n = NEW.n) BEGIN SELECT "
        "RAISE(ABORT, 'the audit log is only added to'); END"
    ),
)

_POSTGRES = (
    (
        "CREATE OR REPLACE FUNCTION audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = "
        "'restrict_violation'; END $$"
    ),
    (
        "CREATE TRIGGER audit_checkpoint_update BEFORE UPDATE ON audit_checkpoint FOR "
        "EACH ROW EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_checkpoint_delete BEFORE DELETE ON audit_checkpoint FOR "
        "EACH ROW EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_checkpoint_truncate BEFORE TRUNCATE ON audit_checkpoint "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event FOR EACH ROW "
        "EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_event_delete BEFORE DELETE ON audit_event FOR EACH ROW "
        "EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event FOR EACH "
        "STATEMENT EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_tile_update BEFORE UPDATE ON audit_tile FOR EACH ROW WHEN "
        "(NOT (NEW.level = OLD.level AND NEW.n = OLD.n AND NEW.width = OLD.width + 1 "
        "AND length(NEW.hashes) = 32 * NEW.width AND substring(NEW.hashes FROM 1 FOR "
        "length(OLD.hashes)) = OLD.hashes)) EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_tile_delete BEFORE DELETE ON audit_tile FOR EACH ROW "
        "EXECUTE FUNCTION audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_tile_truncate BEFORE TRUNCATE ON audit_tile FOR EACH "
        "STATEMENT EXECUTE FUNCTION audit_kept()"
    ),
)


def upgrade() -> None:
    """Make the triggers."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRES:
        op.execute(statement)
