"""Tables for people who sign on, for networks and machines, and for our own secrets' age."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "person_password",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("person_password_principal", "person_password", ["principal_id"])
    op.create_table(
        "second_factor",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True, unique=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("counter", _ID, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("confirmed_at", _INSTANT, nullable=True),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("second_factor_principal", "second_factor", ["principal_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("recovery_code_principal", "recovery_code", ["principal_id"])
    op.create_table(
        "person_identity",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("person_identity_subject", "person_identity", ["issuer", "subject_ref"])
    op.create_table(
        "login_link",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "login_step",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("principal_id", _ID, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "login_session",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("device_id", _ID, nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address_ref", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("proved_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
    )
    op.create_index("login_session_principal", "login_session", ["principal_id"])
    op.create_table(
        "login_device",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("last_seen_at", _INSTANT, nullable=False),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.UniqueConstraint("digest", "principal_id", name="login_device_person"),
    )
    op.create_index("login_device_principal", "login_device", ["principal_id"])
    op.create_table(
        "login_count",
        sa.Column("scope", sa.Text(), primary_key=True, nullable=False),
        sa.Column("target", sa.Text(), primary_key=True, nullable=False),
        sa.Column("member", sa.Text(), primary_key=True, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.Column("count", _ID, nullable=False),
    )
    op.create_table(
        "account_lock",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("principal_id", _ID, nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("locked_at", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.Column("lifted_at", _INSTANT, nullable=True),
        sa.Column("lifted_by", _ID, nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("disposed_by", _ID, nullable=True),
        sa.Column("disposed_at", _INSTANT, nullable=True),
    )
    op.create_index("account_lock_target", "account_lock", ["scope", "target"])
    op.create_table(
        "network_range",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("cidr", sa.Text(), nullable=False),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("rejected_at", _INSTANT, nullable=True),
        sa.Column("removal_by", _ID, nullable=True),
        sa.Column("removal_at", _INSTANT, nullable=True),
        sa.Column("removed_by", _ID, nullable=True),
        sa.Column("removed_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "client_certificate",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("bound", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("not_after", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "system_secret",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("changed_by", _ID, nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "request_key",
        sa.Column("principal_id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key_ref", sa.Text(), primary_key=True, nullable=False),
        sa.Column("request_ref", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
