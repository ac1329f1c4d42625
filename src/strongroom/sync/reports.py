"""Has Amazon make a report, waits for it, and takes its document through the gateway (Reports API 2021-06-30).

What was asked for is kept before Amazon is asked: after a crash in between, the report is looked for among those that
were made, and asked for again only if it is not there. Its rows are sealed before a byte of it is written [2.4].
"""

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.errors import Malformed, Throttled, Unavailable
from strongroom.gateway.facts import seconds
from strongroom.sync.asking import Asker
from strongroom.sync.checkpoints import Checkpoint, Checkpoints
from strongroom.sync.files import Folder
from strongroom.sync.orders import FIRST_PULL, FIRST_WINDOW, SETTLING
from strongroom.sync.told import Run
from strongroom.vault.sellers import Seller

REPORTS: Final = "/reports/2021-06-30/reports"
DOCUMENTS: Final = "/reports/2021-06-30/documents"

_TYPE: Final = re.compile(r"[A-Z0-9_]{5,100}")
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_OPTION: Final = re.compile(r"[A-Za-z]{1,40}=[A-Za-z0-9_.,:-]{1,200}")
_FIRST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 60.0
_PATIENCE: Final = 400
"""How often a report is looked at: hours, before the next run goes on."""


@dataclass(slots=True)
class ReportPull:
    """One selling partner's report of one type."""

    asker: Asker
    checkpoints: Checkpoints
    seller: Seller
    type: str
    options: dict[str, str]
    run: Run
    out: Folder | None = None

    def begin(self, since: datetime | None, now: datetime) -> Checkpoint:
        """Return what to ask for: what was begun, unless `since` names another window, or what comes after."""
        known = self.checkpoints.of(self.seller.id, self.run.stream)
        if known.under_way and since is None:
            self.run.resumed = True
            if known.report is None:
                return self._keep(replace(known, report=self._made(known)), now)
            return known
        if since is not None:
            known.refuse_narrower(since)
        until = now - SETTLING
        since = since or known.covered_until or now - FIRST_PULL
        if since >= until:
            raise Malformed("the window to report on is empty", hint="it ends three minutes ago")
        return self._keep(Checkpoint(known.covered_until, since, until), now)

    def make(self, place: Checkpoint, now: datetime) -> Checkpoint:
        """Have the report made, if it is not yet, and wait until it is there; an empty one has no report.

        Amazon cancels what has no rows, and what anybody with the selling partner's account cancels: one that was
        cancelled is asked for once more before it counts as empty.
        """
        for _ in range(2):
            if place.report is None:
                place = self._keep(replace(place, report=self._asked(place)), now)
            if self._awaited(place, now):
                return place
            place = self._keep(replace(place, report=None), now)
        self.run.notes.append("Amazon cancelled the report twice: it has no rows")
        return self._keep(place.ended(FIRST_WINDOW), now)

    def take(self, place: Checkpoint, now: datetime) -> Checkpoint:
        """Take its document through the vault, to a file where one is wanted."""
        report = self.asker.get(f"{REPORTS}/{place.report}")
        document = self.asker.get(f"{DOCUMENTS}/{_id(report, 'reportDocumentId')}")
        address = document.get("url") if isinstance(document, dict) else None
        if not isinstance(address, str):
            raise Unavailable("the report has no document")
        packed = ".gz" if document.get("compressionAlgorithm") == "GZIP" else ""
        name = f"{self.type}-{self.seller.name}-{place.report}.txt{packed}"
        with nullcontext() if self.out is None else self.out.writing(name) as file:
            self.asker.fetch(address, _nowhere if file is None else file.write)
        self.run.pages += 1
        self.run.seen += 1
        return self._keep(place.ended(FIRST_WINDOW), now)

    def _keep(self, place: Checkpoint, now: datetime) -> Checkpoint:
        self.checkpoints.put(self.seller.id, self.run.stream, place, now)
        return place

    def _asked(self, place: Checkpoint) -> str:
        wanted: dict[str, Any] = {
            "reportType": self.type,
            "marketplaceIds": list(self.seller.marketplaces),
            "dataStartTime": _instant(place.since),
            "dataEndTime": _instant(place.until),
        }
        if self.options:
            wanted["reportOptions"] = self.options
        return _id(self.asker.post(REPORTS, wanted), "reportId")

    def _made(self, place: Checkpoint) -> str | None:
        """Return the report of a window that was asked for, where Amazon has it and its number was lost."""
        if place.until is None:
            return None
        since = place.until - timedelta(hours=1)
        found = self.asker.get(REPORTS, reportTypes=self.type, createdSince=_instant(since))
        reports = found.get("reports") if isinstance(found, dict) else None
        window = int(_stamp(place.since)), int(_stamp(place.until))
        for report in reports if isinstance(reports, list) else ():
            told = report if isinstance(report, dict) else {}
            if (seconds(told.get("dataStartTime")), seconds(told.get("dataEndTime"))) == window:
                return _id(told, "reportId")
        return None

    def _awaited(self, place: Checkpoint, now: datetime) -> bool:
        """Wait for the report; False where it was cancelled.

        Raises:
            Unavailable: Amazon could not make it; the next run asks anew.
            Throttled: it is still not there.

        """
        pause = _FIRST_SECONDS
        for _ in range(_PATIENCE):
            report = self.asker.get(f"{REPORTS}/{place.report}")
            match report.get("processingStatus") if isinstance(report, dict) else None:
                case "DONE":
                    return True
                case "CANCELLED":
                    return False
                case "FATAL":
                    self._keep(replace(place, report=None, since=None, until=None), now)
                    raise Unavailable("Amazon could not make the report")
            self.asker.wait(pause)
            pause = min(pause * 1.5, _LONGEST_SECONDS)
        raise Throttled("Amazon has not made the report yet", hint="run it again later")


def check_type(text: str) -> str:
    """Return a report's type. Raises: Malformed."""
    if not _TYPE.fullmatch(text):
        raise Malformed("a report's type is of capitals, such as GET_FLAT_FILE_ORDERS_DATA")
    return text


def check_options(texts: list[str]) -> dict[str, str]:
    """Return options as Amazon takes them. Raises: Malformed."""
    if not all(_OPTION.fullmatch(text) for text in texts):
        raise Malformed("an option of a report is NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def _id(document: Any, name: str) -> str:  # noqa: ANN401 - any JSON
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise Unavailable(f"the answer has no {name}")
    return found


def _stamp(at: datetime | None) -> float:
    return 0 if at is None else at.timestamp()


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _nowhere(piece: bytes) -> int:
    return len(piece)
