"""What a certificate of deletion says, byte by byte: canonical JSON, a page to read, and one signature over both [1.7].

Pure. No personal data: a record is a number, a person the name of their account. `offline.py` checks all of it with the
public key alone and says for itself what stands here.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from strongroom.crypto.note import Signer

FORMAT: Final = "strongroom/deletion-certificate/v1"
DOCUMENT: Final = "certificate.json"
PAGE: Final = "certificate.pdf"
SIGNATURE: Final = "certificate.note"
KEY: Final = "certificate.vkey"


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: members sorted, no spaces, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def sign(signer: Signer, notice: int, document: bytes, page: bytes) -> str:
    """Return the signed note: the format, the notice, and the hashes of document and page."""
    lines = (FORMAT, str(notice), _hash(document), _hash(page))
    return signer.sign("".join(f"{line}\n" for line in lines))


def parts(content: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the page: headings, each with its lines."""
    notice, records, run = content["notice"], content["records"], content["run"]
    head = [
        f"Amazon's notice {notice['reference']}, to {_ASKED[notice['asked']]}, received {notice['received_at']}.",
        f"Due within 72 hours: {notice['erase_by']}; no live instance after: {notice['live_by']}.",
        f"It is about {content['scope']}.",
        f"Home {content['home']}, environment {content['environment']}, notice {notice['id']} of its register.",
    ]
    done = [
        f"{records['erased']} records were erased; {records['gone_before']} of them held nothing any more.",
        f"{records['held']} records are kept because a law requires it.",
        f"Planned by {run['planned_by']}, approved by {run['approved_by']}, run by {run['run_by']}.",
        f"Begun {run['began_at']}, ended {run['ended_at']}.",
    ]
    return [
        ("Notice", head),
        ("What was done", done),
        ("Stores, with the method of NIST SP 800-88", [_store(one) for one in content["stores"]]),
        ("Exceptions", [_exception(one) for one in content["exceptions"]] or ["None."]),
        ("Who received the data", [_party(one) for one in content["parties"]] or ["Nobody."]),
        (
            "Evidence",
            [
                f"{len(content['events'])} entries of the audit log, each proved in {DOCUMENT}, under the key",
                content["log"]["key"],
                f"Issued {content['issued_at']} by {content['issued_by']}.",
                f"{SIGNATURE} signs this page and {DOCUMENT}; verify.py checks them.",
            ],
        ),
    ]


_ASKED: Final = {"deletion": "delete", "return": "return and delete"}


def _store(one: Mapping[str, Any]) -> str:
    said = f"{one['store']}: {one['method']}. {one['verdict']}: {one['told']}."
    return said + (f" Stated by {one['stated_by']}: {one['stated']}." if one["stated_by"] else "")


def _exception(one: Mapping[str, Any]) -> str:
    return f"{one['records']} records are kept under {one['law']} until {one['until']}."


def _party(one: Mapping[str, Any]) -> str:
    if one["confirmed_by"] is None:
        return f"{one['party']} ({one['records']} records): deletion there is not confirmed yet."
    return (
        f"{one['party']} ({one['records']} records): confirmed by {one['confirmed_by']}"
        f" on {one['confirmed_at']}."
    )


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
