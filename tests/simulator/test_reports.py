"""The pretend SP-API's reports and feeds, as Amazon's: made from its orders, fetched under links that end."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.simulator import SellerAccount, SimulatorConfig
from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import complete_accounts
from strongroom.simulator.errors import SpApiError
from strongroom.simulator.reports import DOCUMENT_PATH, Cabinet

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SHIPMENTS = "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def accounts() -> tuple[SellerAccount, ...]:
    return complete_accounts((SellerAccount("acme"), SellerAccount("globex")), 7)


@pytest.fixture(scope="module")
def book(accounts: tuple[SellerAccount, ...]) -> OrderBook:
    config = SimulatorConfig(orders=120, seed=7, clock=lambda: NOW, sellers=accounts)
    return OrderBook(config, accounts)


def link(url: str) -> str:
    return url.partition("?")[0].rpartition(DOCUMENT_PATH)[2]


def test_a_report_is_made_from_the_sellers_orders_and_found_again(book, accounts):
    cabinet = Cabinet(book, Clock())
    asked = {"reportType": SHIPMENTS, "reportOptions": {"packed": "true"}}
    made = cabinet.create_report(accounts[0], asked)
    report = cabinet.get_report(accounts[0], made["reportId"])
    assert report["processingStatus"] == "DONE"
    assert cabinet.get_reports(accounts[0], {"reportTypes": SHIPMENTS})["reports"] == [report]
    with pytest.raises(SpApiError):
        cabinet.get_report(accounts[1], made["reportId"])
    found = cabinet.get_document(accounts[0], report["reportDocumentId"], "reportDocumentId")
    assert found["compressionAlgorithm"] == "GZIP"
    stored = cabinet.fetch(link(found["url"]))
    assert stored is not None
    lines = gzip.decompress(stored.content).decode().splitlines()
    assert {line.split("\t")[0] for line in lines[1:]} <= set(book.ids("acme"))
    assert len(lines) > 1


def test_a_link_ends_after_five_minutes(book, accounts):
    clock = Clock()
    cabinet = Cabinet(book, clock)
    document = cabinet.plant("acme", SHIPMENTS, b"x", "text/plain", packed=False)
    found = cabinet.get_document(accounts[0], document, "reportDocumentId")
    assert cabinet.fetch(link(found["url"])) is not None
    clock.now = NOW + timedelta(minutes=5)
    assert cabinet.fetch(link(found["url"])) is None


def test_an_upload_needs_its_own_link_and_content_type(book, accounts):
    cabinet = Cabinet(book, Clock())
    made = cabinet.create_feed_document({"contentType": "text/xml"})
    upload = link(made["url"])
    assert not cabinet.store(upload, b"<a/>", "text/plain")
    assert cabinet.fetch(upload) is None
    assert cabinet.store(upload, b"<a/>", "text/xml")
    assert cabinet.uploaded(made["feedDocumentId"]) == b"<a/>"
    found = cabinet.get_document(accounts[0], made["feedDocumentId"], "feedDocumentId")
    assert not cabinet.store(link(found["url"]), b"", "text/xml")
