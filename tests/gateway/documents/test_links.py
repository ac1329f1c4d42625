"""Addresses of documents in answers: replaced, left out or the end of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gateway.conftest import NOW

from strongroom.gateway.answers import Refusal
from strongroom.gateway.documents.links import Links
from strongroom.gateway.outgoing import Asking
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Catalogue
from strongroom.terms import Environment, Purpose

CATALOGUE = Catalogue.load()
URL = "https://bucket.s3.amazonaws.com/secret"

pytestmark = pytest.mark.clause("1.3")


def answered(operation: str, document: Any, base: str = "b") -> Any:
    """Return an answer as it passes. Raises: Refusal."""
    known: Any = None
    links = Links(known, bytes(32), Environment.TEST)
    asking = Asking(known, CATALOGUE.operations[operation], Purpose.FULFILMENT, NOW, "r", base=base)
    found = Plan(asking.operation).extract(document)
    links.refuse_unknown(asking, found)
    links.rewrite(asking, found)
    return found.document


def test_what_was_done_is_told_without_its_link():
    """A refusal would make the app do it again."""
    document = {"payload": {"uploadDestinationId": "1", "url": URL}}
    got = answered("uploads_2020-11-01.createUploadDestinationForResource", document)
    assert got == {"payload": {"uploadDestinationId": "1"}}


def test_labels_that_were_made_are_told_of_where_their_link_leads_nowhere():
    document = {"scheduledPackages": [], "printableDocumentsUrl": URL}
    got = answered("easyShip_2022-03-23.createScheduledPackageBulk", document, base="")
    assert got == {"scheduledPackages": []}


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (
            "InvoicesApiModel_2024-06-19.getInvoicesDocument",
            {"invoicesDocument": {"invoicesDocumentUrl": URL}},
        ),
        ("feeds_2021-06-30.createFeedDocument", {"feedDocumentId": "f", "url": URL}),
    ],
)
def test_a_link_that_nothing_can_replace_ends_the_answer(operation: str, document: Any):
    with pytest.raises(Refusal):
        answered(operation, document, base="")
