"""The columns of reports: known by any spelling, personal ones never passing, wrong rules not loading."""

import pytest

from strongroom.policy.catalogue.reports import Form, Reports, Role, plain_name

REPORTS = Reports.load()

# Columns that hold people, as Amazon's documentation and code in the wild name them.
PERSONAL = [
    "buyer-email",
    "buyer-name",
    "buyer-phone-number",
    "recipient-name",
    "ship-address-1",
    "ship-address-2",
    "ship-address-3",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-phone-number",
    "bill-name",
    "billing-name",
    "bill-address-1",
    "bill-address-2",
    "bill-address-3",
    "bill-city",
    "bill-state",
    "bill-postal-code",
    "billing-phone-number",
    "buyer-company-name",
    "buyer-citizen-name",
    "buyer-citizen-id",
    "cpf",
    "buyer-cst-number",
    "buyer-vat-number",
    "buyer-tax-registration-id",
    "invoice-business-legal-name",
    "invoice-business-address",
    "invoice-business-tax-id",
    "invoice-business-tax-office",
    "customized-url",
    "customized-page",
    "licensee-name",
    "license-number",
    "delivery-instructions",
    "gift-message-text",
    "purchase-order-number",
    "tracking-number",
    "customer-comments",
    "Buyer_Exemption_Certificate_Id",
    "Ship_To_City",
    "Ship_To_State",
    "Ship_To_Postal_Code",
    "BUYER_NAME",
    "BUYER_VAT_NUMBER",
    "ARRIVAL_ADDRESS",
    "ARRIVAL_CITY",
    "ARRIVAL_POST_CODE",
    "INVOICE_URL",
]
SPACED = (
    "Buyer Tax Registration",
    "Buyer E Invoice Account Id",
    "EInvoice URL",
    "Buyer Peppol Id",
    "Buyer NIP",
    "Buyer SIREN",
    "Bill To Postalcode",
    "Customer Bill To Gstid",
    "Customer Ship To Gstid",
)


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("name", sorted(REPORTS.kinds))
def test_no_kind_of_report_lets_a_personal_column_pass(name: str):
    kind = REPORTS.kind(name)
    for column in (*PERSONAL, *SPACED):
        rule = kind.rule([column])
        assert rule is not None
        assert rule.role is Role.PII, column


@pytest.mark.parametrize("name", ["Ship To City", "ship-to-city", "SHIP_TO_CITY", " shipToCity "])
def test_a_name_counts_without_case_and_punctuation(name: str):
    rule = REPORTS.kind(None).rule([name])
    assert rule is not None
    assert rule.number == 12


def test_the_longest_name_that_fits_counts():
    kind = REPORTS.kind("FEED_RESULT")
    message, elsewhere = kind.rule(["issues", "message"]), kind.rule(["other", "message"])
    assert message is not None
    assert message.role is Role.PII
    assert elsewhere is None
    assert plain_name("@Currency") == "@currency"


def test_every_kind_of_report_is_known_with_its_form():
    assert len(REPORTS.kinds) >= 125
    assert REPORTS.kind("GET_EASYSHIP_DOCUMENTS").form is Form.SEALED
    assert REPORTS.kind("SC_VAT_TAX_REPORT").form is Form.TABLE
    assert REPORTS.kind("GET_ORDER_REPORT_DATA_TAX").form is Form.XML
    assert REPORTS.kind("GET_SOMETHING_NEW") is REPORTS.kind(None)


@pytest.mark.parametrize(
    "rule",
    ["pii nowhere.name", "pii recipient.nothing", "personal", "business integer", "pii x", "pii buyer.email as omit"],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_does_not_load(rule: str):
    with pytest.raises(ValueError, match="a-column"):
        Reports.of({"columns": {"a-column": rule}, "types": {}, "kinds": {}})


def test_one_name_twice_does_not_load():
    columns = {"order-id": "order", "Order ID": "business"}
    with pytest.raises(ValueError, match="Order ID"):
        Reports.of({"columns": columns, "types": {}, "kinds": {}})
