"""When somebody has left: from an instant on, whatever ran or did not run at it [1.2].

One comparison, made where a credential, an authorization or a grant is checked. No job ends an
account, so none can be late.
"""

from datetime import datetime


def has_ended(ends_at: datetime | None, now: datetime) -> bool:
    """Tell whether the end has come; None is no end."""
    return ends_at is not None and ends_at <= now
