"""Measures a report of orders on its way through the vault in this process, beside copying it and splitting its rows.

The rows are new orders each time, with twelve columns of personal data. How the document comes and goes is no part of
it: neither is it in memory as a whole, so that the peak is what a report costs, however long it is.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from strongroom.app import System, machine_clock
from strongroom.bench.figures import Part, Row, take_turns
from strongroom.bench.page import order_id
from strongroom.bench.stage import Stage, register
from strongroom.gateway.documents.document import Document, Said
from strongroom.gateway.documents.page import Origin, Page
from strongroom.policy.catalogue.reports import Reports

_KIND: Final = "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING"
_PIECE_BYTES: Final = 64 * 1024
_COLUMNS: Final = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "sku",
    "quantity-purchased",
    "buyer-name",
    "buyer-company-name",
    "purchase-order-number",
    "recipient-name",
    "ship-address-1",
    "ship-address-2",
    "ship-address-3",
    "ship-city",
    "ship-state",
    "ship-postal-code",
]
_TWO_MORE: Final = {
    False: ("cpf", "buyer-citizen-name"),
    True: ("buyer-email", "ship-phone-number"),
}
_TIMES_FOR_MEMORY: Final = 10


def measure(stage: Stage, *, rounds: int, rows: int) -> list[Row]:
    """Return the rows of a report: `rounds` of so many `rows` for each contestant."""
    with stage.system() as system:
        reports = _Reports(system, rows)
        # First: what other rounds left free would hold some of it.
        peak = reports.peak_megabytes()
        times = take_turns(
            {
                "plain": lambda: reports.seal(searchable=False),
                "searchable": lambda: reports.seal(searchable=True),
                "split": reports.split,
                "copy": reports.copy,
            },
            rounds,
            1,
        )
    work = "a report's rows with 12 personal columns sealed and tokenized"
    splitting = rows / times["split"].best
    found = [
        Row(
            Part.DOCUMENTS,
            f"{work}, {what}",
            "/s",
            rows / times[name].best,
            "rows split and joined",
            splitting,
            target,
            None,
            rows / times[name].median,
        )
        for name, what, target in (
            ("plain", "no search tags", 100_000.0),
            ("searchable", "two search tags each", 50_000.0),
        )
    ]
    copied = rows / times["copy"].best
    found.append(
        Row(
            Part.DOCUMENTS,
            "a report's rows copied",
            "/s",
            copied,
            "rows split and joined",
            splitting,
            None,
        )
    )
    if peak is not None:
        what = "memory that a report ten times as long adds at its peak"
        found.append(Row(Part.DOCUMENTS, what, "MB", peak, "", None, 150.0))
    return found


class _Reports:
    """One selling partner's reports."""

    def __init__(self, system: System, rows: int) -> None:
        self._system = system
        self._rows = rows
        self._seller, _console, app = register(system, "https://127.0.0.1:1", None)
        self._now = machine_clock()
        self._caller = system.accounts.check_client(app.client_id, app.client_secret, self._now)
        self._kind = Reports.load().kind(_KIND)
        self._number = 0

    def seal(self, *, searchable: bool) -> float:
        """Bring one report through the vault and return the seconds it took."""
        pieces = list(self._pieces(self._rows, searchable=searchable))
        began = time.perf_counter()
        self._run(iter(pieces))
        return time.perf_counter() - began

    def split(self) -> float:
        """Split one report's rows, join them again, and return the seconds it took."""
        content = b"".join(self._pieces(self._rows, searchable=False))
        began = time.perf_counter()
        lines = [line.split("\t") for line in content.decode().split("\n")]
        "\n".join(map("\t".join, lines)).encode()
        return time.perf_counter() - began

    def copy(self) -> float:
        """Copy one report by pieces and return the seconds it took."""
        pieces = list(self._pieces(self._rows, searchable=False))
        began = time.perf_counter()
        out = bytearray()
        for piece in pieces:
            out += piece
        return time.perf_counter() - began

    def peak_megabytes(self) -> float | None:
        """Return what a long report adds to the process's memory at most; None where the system does not tell."""
        try:
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far: proc(5)
        except OSError:
            return None
        before = _kilobytes("VmRSS:")
        self._run(self._pieces(self._rows * _TIMES_FOR_MEMORY, searchable=True))
        return (_kilobytes("VmHWM:") - before) / 1024

    def _run(self, pieces: Iterator[bytes]) -> None:
        now = int(self._now.timestamp())
        origin = Origin(self._kind, f"report-{self._number}", now, now, now)
        document = Document(origin, Said("text/plain; charset=UTF-8"))
        for piece in pieces:
            self._store(document, document.feed(piece))
        self._store(document, document.end())

    def _store(self, document: Document, pages: Iterator[Page]) -> None:
        for page in pages:
            placed = self._system.vault.put(
                self._seller,
                page.sightings,
                caller=self._caller,
                op="reports_2021-06-30.getReportDocument",
                now=self._now,
            )
            document.write(page, placed)

    def _pieces(self, rows: int, *, searchable: bool) -> Iterator[bytes]:
        yield ("\t".join((*_COLUMNS, *_TWO_MORE[searchable])) + "\n").encode()
        date = datetime.fromtimestamp(self._now.timestamp() - 86_400, UTC).isoformat("T", "seconds")
        held: list[str] = []
        size = 0
        for _ in range(rows):
            self._number += 1
            line = _line(self._number, date, searchable=searchable)
            held.append(line)
            size += len(line)
            if size >= _PIECE_BYTES:
                yield "".join(held).encode()
                held, size = [], 0
        yield "".join(held).encode()


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _line(number: int, date: str, *, searchable: bool) -> str:
    text = f"{number:08d}"
    more = (
        (f"{text}@marketplace.amazon.example", f"+49 151 {text}")
        if searchable
        else (f"000{text}", f"Citizen {text}")
    )
    cells = (
        order_id(number).decode(),
        f"00000{text}",
        date,
        f"SKU-{number % 997}",
        "1",
        f"Buyer {text}",
        f"Company {text}",
        f"PO {text}",
        f"Recipient {text}",
        f"Long Street {text}",
        f"Floor {number % 50}",
        f"Door {text}",
        f"City {number % 5000}",
        f"State {number % 60}",
        f"{number % 100_000:05d}",
        *more,
    )
    return "\t".join(cells) + "\n"
