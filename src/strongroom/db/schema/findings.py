"""The table of what checks found of duties [2.2, 3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import column, vault

duty_finding = sa.Table(
    "duty_finding",
    vault,
    column("duty", sa.Text, "business", primary_key=True),
    column("check_id", sa.Text, "business", primary_key=True),
    column("verdict", sa.Text, "business"),  # pass | fail | unknown
    column("why", sa.Text, "business"),
    column("proof", sa.Text, "business"),  # JSON: a list of texts
    column("remedy", sa.Text, "business"),
    column("seen_at", UtcDateTime, "business"),
    column("good_until", UtcDateTime, "business"),  # not looked at again by then: nobody knows
    column("beside", sa.Text, "business"),  # every check of the duty, by which a removed row shows
    column("bound", sa.LargeBinary(32), "reference"),  # HMAC over all of it
)
