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


def answered(operation: str, document: Any) -> Any:
    """Return an answer as it passes. Raises: Refusal."""
    known: Any = None
    links = Links(known, bytes(32), Environment.TEST)
    asking = Asking(known, CATALOGUE.operations[operation], Purpose.FULFILMENT, NOW, "r", base="b")
    found = Plan(asking.operation).extract(document)
    links.refuse_unknown(asking, found)
    links.rewrite(asking, found)
    return found.document


def test_what_was_done_is_told_without_its_link():
    """A refusal would make the app do it again."""
    document = {"scheduledPackages": [], "printableDocumentsUrl": URL}
    got = answered("easyShip_2022-03-23.createScheduledPackageBulk", document)
    assert got == {"scheduledPackages": []}


def test_a_question_whose_answer_leads_to_a_document_nobody_reads_is_refused():
    with pytest.raises(Refusal):
        answered(
            "InvoicesApiModel_2024-06-19.getInvoicesDocument",
            {"invoicesDocument": {"invoicesDocumentUrl": URL}},
        )
