"""The page of what the catalogue covers."""

from pathlib import Path

import pytest

from strongroom.policy.catalogue import Catalogue
from strongroom.policy.catalogue.coverage import page

PAGE = Path(__file__).parents[3] / "docs" / "catalogue-coverage.md"


@pytest.mark.clause("2.2")
def test_the_page_says_what_the_rule_files_say():
    """Renew it: python -m strongroom.policy.catalogue.coverage > docs/catalogue-coverage.md."""
    assert PAGE.read_text(encoding="utf-8") == page(Catalogue.load(), Catalogue.notifications())


@pytest.mark.clause("2.2")
def test_leaves_are_counted_by_class_category_and_person():
    model = {
        "model": "parcels",
        "operations": {
            "getParcel": {
                "method": "GET",
                "path": "/parcels",
                "response": "Parcel",
                "subject": {"kind": "shipment", "at": "", "id": "id"},
                "parameters": {"email": "pii @email", "nextToken": "cursor"},
            }
        },
        "definitions": {
            "Parcel": {"id": "business", "to": "Address as recipient", "inside": "[] Parcel"},
            "Address": {"name": "pii .name", "city": "pii .city"},
        },
    }
    said = page(Catalogue.of([model]), Catalogue.of([]))
    assert "| `parcels` | 1 | 3 | 2 | address 1, email 1, name 1 |" in said
    assert "| recipient | 2 |" in said
    assert "| cursor | 0 | 1 |" in said
