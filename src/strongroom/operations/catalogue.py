"""What commands ask of the catalogue: where Amazon's answers differ from it [2.2]."""

from dataclasses import asdict

from strongroom.operations.registry import Call, operation
from strongroom.request import Json
from strongroom.vault.drift import seen_drift


@operation("catalogue.drift")
def _catalogue_drift(call: Call) -> Json:
    rows = seen_drift(call.system.database)
    return {
        "drift": [
            {
                **asdict(row),
                "first_seen_at": row.first_seen_at.isoformat(),
                "last_seen_at": row.last_seen_at.isoformat(),
            }
            for row in rows
        ]
    }
