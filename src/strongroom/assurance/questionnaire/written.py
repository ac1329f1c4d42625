"""The questionnaire as a file: CSV, Markdown or JSON, each answer beside what it stands on [3]. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from strongroom.assurance.questionnaire.answers import Shown
from strongroom.compliance.processing.table import cell

COLUMNS: Final = ("question", "form", "asks", "answer", "state", "stands_on")


def rows(shown: Sequence[Shown]) -> list[dict[str, Any]]:
    """Return one row for each question."""
    return [
        {
            "question": one.question.name,
            "form": one.question.form.value,
            "asks": one.question.asks,
            "answer": one.text,
            "state": one.state,
            "stands_on": "; ".join(f"{p.duty} {p.status.value}" for p in one.draft.proofs),
        }
        for one in shown
    ]


def as_csv(shown: Sequence[Shown]) -> bytes:
    """Return it as CSV (RFC 4180, UTF-8): a cell that a program might take for a formula begins with '."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows(shown):
        writer.writerow([cell(str(row[name])) for name in COLUMNS])
    return out.getvalue().encode()


def as_markdown(shown: Sequence[Shown]) -> bytes:
    """Return it to read: a heading for each question, its answer quoted as text."""
    parts = ["# Questionnaire\n"]
    for row in rows(shown):
        quoted = "\n".join(
            f"    {line}" for line in (row["answer"] or "(nothing yet)").splitlines()
        )
        parts.append(
            f"## {row['question']}\n\n{row['asks']}\n\n{quoted}\n\n"
            f"State: {row['state']}. Stands on: {row['stands_on']}.\n"
        )
    return "\n".join(parts).encode()
