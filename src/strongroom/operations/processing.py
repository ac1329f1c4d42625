"""What commands do with the record of processing: `processing` [2.2]."""

import base64
from dataclasses import asdict

from strongroom.compliance.people import refuse_programs
from strongroom.compliance.processing import Record, as_csv, as_parts
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, operation
from strongroom.paper import draw_statement
from strongroom.request import Json


@operation("processing.show")
def _processing_show(call: Call, *, every: bool = False) -> Json:
    refuse_programs(call.caller)
    found = call.system.compliance.processing.record(call.now)
    return {
        **_record(call, found),
        "rows": [asdict(row) for row in found.rows if every or row.is_seen],
        "changed": [asdict(one) for one in found.changed],
    }


@operation("processing.confirm")
def _processing_confirm(call: Call, *, digest: str) -> Json:
    processing = call.system.compliance.processing
    processing.confirm(digest, call.caller, call.now)
    return _record(call, processing.record(call.now))


@operation("processing.export")
def _processing_export(call: Call, *, form: str = "csv") -> Json:
    refuse_programs(call.caller)
    found = call.system.compliance.processing.record(call.now)
    if form == "csv":
        content = as_csv(found.rows)
    elif form == "pdf":
        parts = as_parts(found.rows, found.digest)
        content = draw_statement("Record of processing", parts, call.now).content
    else:
        raise Malformed("no such form of file", hint="one of csv, pdf")
    file = base64.b64encode(content).decode("ascii")
    return {"sha256": found.digest, "form": form, "bytes": len(content), "file": file}


def _record(call: Call, found: Record) -> Json:
    last = found.confirmed
    return {
        "fields": len(found.rows),
        "seen": sum(row.is_seen for row in found.rows),
        "sha256": found.digest,
        "missing": list(found.missing),
        "gaps": list(found.gaps),
        "confirmed_at": None if last is None else last.at.isoformat(),
        "confirmed_by": None if last is None else call.system.accounts.name_of(last.by),
        "changes": len(found.changed),
    }
