"""The data inventory: every column has a class, and the page shows the schema as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.db import schema
from strongroom.db.inventory import CLASSES, render

PAGE = Path(__file__).parents[2] / "docs" / "data-inventory.md"


@pytest.mark.clause("2.2")
def test_every_column_has_a_class() -> None:
    columns = [
        column
        for metadata in (schema.vault, schema.keystore)
        for table in metadata.tables.values()
        for column in table.columns
    ]

    assert {column.info.get("class") for column in columns} == set(CLASSES)


@pytest.mark.clause("2.2")
def test_the_page_shows_the_schema_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


@pytest.mark.clause("2.4")
def test_no_sealed_column_lies_in_the_keystore_and_no_unwrapped_key_in_the_vault() -> None:
    kept = {c.info["class"] for t in schema.keystore.tables.values() for c in t.columns}

    assert "sealed" not in kept
