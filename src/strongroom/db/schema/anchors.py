"""Tables of what binds the log elsewhere: who is asked, what they said, and the logs we are a witness of [1.6, 2.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

anchor = sa.Table(
    "anchor",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),  # witness | timestamp | copy
    column("place", sa.Text, "business"),  # its address
    column("key", sa.Text, "public"),  # a witness's vkey; roots of a timestamp authority, PEM
    column("ca", sa.Text, "public", nullable=True),  # PEM; null: the public roots
    column("sealed", sa.LargeBinary, "sealed", nullable=True),  # what it wants to see of us
    column("added_by", Id, "reference"),
    column("added_at", UtcDateTime, "business"),
    column("removed_at", UtcDateTime, "business", nullable=True),
    column("origin", sa.Text, "public"),  # the log it was last bound for
    column("size", Id, "public"),  # how many of its entries it holds or signed for
    column("reached_at", UtcDateTime, "business", nullable=True),
    column("tried_at", UtcDateTime, "business", nullable=True),
    column(
        "fault", sa.Text, "business", nullable=True
    ),  # reason of the last try; null: it went well
    column("told", sa.Text, "business", nullable=True),  # reason of the last event; empty: success
    column("told_at", UtcDateTime, "business", nullable=True),
)

anchor_cosignature = sa.Table(
    "anchor_cosignature",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("anchor_id", Id, "reference", sa.ForeignKey("anchor.id")),
    column("origin", sa.Text, "public"),
    column("size", Id, "public"),
    column("note", sa.Text, "public"),  # the checkpoint as we signed it
    column("line", sa.Text, "public"),  # the witness's signature line
    column("signed_at", UtcDateTime, "public"),  # as the witness says
    column("stored_at", UtcDateTime, "business"),
    sa.Index("anchor_cosignature_size", "origin", "size"),
    sa.Index("anchor_cosignature_stored", "anchor_id", "stored_at"),
)

anchor_timestamp = sa.Table(
    "anchor_timestamp",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("anchor_id", Id, "reference", sa.ForeignKey("anchor.id")),
    column("origin", sa.Text, "public"),
    column("size", Id, "public"),
    column("note", sa.Text, "public"),  # what was stamped
    column("response", sa.LargeBinary, "public"),  # RFC 3161, DER
    column("stamped_at", UtcDateTime, "public"),  # as the authority says
    sa.Index("anchor_timestamp_size", "origin", "size"),
)

followed_log = sa.Table(
    "followed_log",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("origin", sa.Text, "public", unique=True),
    column("vkey", sa.Text, "public"),
    column("size", Id, "public"),  # the largest tree we cosigned; never less again
    column("root", sa.LargeBinary, "reference"),
    column("note", sa.Text, "public", nullable=True),  # its checkpoint
    column("cosigned_at", UtcDateTime, "business", nullable=True),
    column("count", Id, "business"),  # cosignatures since the last event
    column("told", sa.Text, "business", nullable=True),
    column("told_at", UtcDateTime, "business", nullable=True),
    column("added_by", Id, "reference"),
    column("added_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
)
