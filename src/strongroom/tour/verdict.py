"""What one tour found, and which of the promises it broke. Pure."""

from dataclasses import dataclass, fields

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one tour; the names are those of its JSON line."""

    orders: int
    """Orders the app got."""
    orders_wanted: int
    pii_fields: int
    """Fields with personal data in what Amazon sent."""
    tokens: int
    """Distinct tokens that the app got instead."""
    pii_in_app_data: int
    """Personal values found in everything the app got."""
    pii_in_files: int
    """Personal values found in any other file: databases, logs, outputs, the copy."""
    files_searched: int
    planted_found: bool
    """The search found what was planted for it to find."""
    reveals: int
    reveals_wrong: int
    """Revealed values that are not what Amazon holds."""
    denials: int
    denials_wanted: int
    found_by_email: bool
    readable_before_destruction: int
    destroyed: int
    """Records that could be opened before the due day and can't be opened after it."""
    readable_after_destruction: int
    gone_after_destruction: bool
    """The door answers Gone for a token it opened before."""
    log_verified: bool
    log_events: int
    seconds: float
    home: str


def broken_promises(summary: Summary) -> list[str]:
    """Return what did not hold, as sentences; empty when all is well."""
    checks = (
        (summary.orders == summary.orders_wanted, "the app got every order"),
        (summary.pii_fields > 0, "Amazon sent personal data"),
        (summary.tokens > 0, "the app got tokens"),
        (summary.planted_found, "the search finds what is planted"),
        (summary.pii_in_app_data == 0, "no personal data reached the app"),
        (summary.pii_in_files == 0, "no personal data is in any file"),
        (summary.reveals > 0, "a grant reveals an address"),
        (summary.reveals_wrong == 0, "what is revealed is what Amazon holds"),
        (
            summary.denials == summary.denials_wanted and summary.denials > 0,
            "what no grant covers is refused",
        ),
        (summary.found_by_email, "an order is found by its buyer's e-mail"),
        (
            summary.destroyed == summary.readable_before_destruction and summary.destroyed > 0,
            "everything readable was destroyed on its day",
        ),
        (summary.readable_after_destruction == 0, "no copy opens after its day"),
        (summary.gone_after_destruction, "the door says that destroyed data is gone"),
        (summary.log_verified, "the log is whole"),
    )
    return [promise for held, promise in checks if not held]


def as_json(summary: Summary) -> Json:
    """Return the figures, whether all is well, and what is not."""
    figures: Json = {field.name: getattr(summary, field.name) for field in fields(summary)}
    broken = broken_promises(summary)
    return {"ok": not broken, "broken": broken, **figures}
