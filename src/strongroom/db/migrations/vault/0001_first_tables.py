"""The first tables of the vault."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("stored_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "audit_event",
        sa.Column("seq", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("ts", _ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", _ID, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("obj_ref", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("epoch", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.create_table(
        "audit_tile",
        sa.Column(
            "level", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("n", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("width", sa.SmallInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "catalogue_drift",
        sa.Column("operation", sa.Text(), primary_key=True, nullable=False),
        sa.Column("path", sa.Text(), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("count", _ID, nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("last_seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "grant_use",
        sa.Column("grant_id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("day", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("record_number", _ID, primary_key=True, autoincrement=False, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_role",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("revision", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "review_campaign",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("started_by", _ID, nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("row_count", _ID, nullable=False),
        sa.Column("population_hash", sa.Text(), nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("closed_by", _ID, nullable=True),
    )
    op.create_table(
        "review_item",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("campaign_id", _ID, sa.ForeignKey("review_campaign.id"), nullable=True),
        sa.Column("grant_id", _ID, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("reads", _ID, nullable=False),
        sa.Column("last_read_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", _ID, nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("proved_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "access_baseline",
        sa.Column("campaign_id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("taken_at", _INSTANT, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
    )
    op.create_table(
        "period_replacement",
        sa.Column("period_id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("replace_by", _ID, nullable=False),
    )
    op.create_table(
        "principal",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("name", sa.Text(), unique=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, sa.ForeignKey("principal.id"), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "record",
        sa.Column("number", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("subject_ref", sa.LargeBinary(16), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("version", _ID, nullable=False),
        sa.Column("slot_names", sa.Text(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=True),
        sa.Column("source_updated", _ID, nullable=False),
        sa.UniqueConstraint("seller_id", "subject_ref", name="record_subject"),
    )
    op.create_table(
        "record_key",
        sa.Column("record_number", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("period_id", _ID, nullable=True),
        sa.Column("wrapped_dek", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", _ID, nullable=True),
        sa.Column("past_periods", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("purchased_at", _ID, nullable=False),
        sa.Column("shipped_at", _ID, nullable=False),
        sa.Column("seen_open_at", _ID, nullable=False),
    )
    op.create_index("record_key_period", "record_key", ["period_id"])
    op.create_table(
        "search_tag",
        sa.Column("period_id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("tag", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("record_number", _ID, primary_key=True, autoincrement=False, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seller",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("name", sa.Text(), unique=True, nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("marketplaces", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("lwa_url", sa.Text(), nullable=False),
        sa.Column("upstream_ca", sa.Text(), nullable=True),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("rdt_elements", sa.Text(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "access_grant",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("sellers", sa.Text(), nullable=False),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("one_person", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("budget", _ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("review_by", _INSTANT, nullable=True),
        sa.Column("reviewed_at", _INSTANT, nullable=True),
    )
    op.create_index("access_grant_principal", "access_grant", ["principal_id"])
    op.create_table(
        "app_authorization",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), unique=True, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "app_channel",
        sa.Column(
            "principal_id", _ID, sa.ForeignKey("principal.id"), primary_key=True, nullable=False
        ),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("behind_proxy", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "credential",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("client_id", sa.Text(), unique=True, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.Column("expires_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "record_block",
        sa.Column("block", _ID, primary_key=True, nullable=False),
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), nullable=False),
    )
