"""What was decided about leaves beside Orders: a sample of each kind, held to ADR 0155."""

import pytest

from strongroom.policy.catalogue import Branch, Catalogue, Class, Leaf, Node
from strongroom.terms import Category

CATALOGUE = Catalogue.load()
NOTIFICATIONS = Catalogue.notifications()

pytestmark = pytest.mark.clause("4", "2.2")


def at(operation, path, part="response"):
    """Return the rule at a path of an operation; lists are entered without a sign."""
    catalogue = CATALOGUE if operation in CATALOGUE.operations else NOTIFICATIONS
    rule = getattr(catalogue.operations[operation], part)
    for name in path.split("."):
        rule = rule.node.members[name]
    return rule


def leaves(rule, ident="", within=()):
    """Yield slot names of every personal leaf with what tells its ids apart, and its path."""
    if isinstance(rule, Leaf):
        if rule.slot is not None:
            yield rule.slot, ident
    elif rule is not None and rule.node not in within:
        part = rule.ident.replace("*", ident)
        for member in rule.node.members.values():
            yield from leaves(member, part or ident, (*within, rule.node))


@pytest.mark.parametrize(
    ("operation", "path", "category", "whose"),
    [
        (
            "finances_2024-06-19.listTransactions",
            "payload.transactions.items.contexts.paymentReference",
            Category.PAYMENT,
            "buyer",
        ),
        (
            "merchantFulfillmentV0.getShipment",
            "payload.ShipToAddress.Name",
            Category.NAME,
            "recipient",
        ),
        (
            "merchantFulfillmentV0.createShipment",
            "payload.ShipFromAddress.Phone",
            Category.PHONE,
            "selling_partner",
        ),
        (
            "merchantFulfillmentV0.createShipment",
            "payload.Label.FileContents.Contents",
            Category.DOCUMENT,
            "recipient",
        ),
        (
            "shippingV2.getTracking",
            "payload.eventHistory.location.city",
            Category.ADDRESS,
            "recipient",
        ),
        (
            "shippingV2.getUnmanifestedShipments",
            "unmanifestedCarrierInformationList.unmanifestedShipmentLocationList.address.email",
            Category.EMAIL,
            "selling_partner",
        ),
        (
            "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
            "payload.fulfillmentOrder.destinationAddress.addressLine1",
            Category.ADDRESS,
            "recipient",
        ),
        (
            "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
            "payload.fulfillmentShipments.fulfillmentShipmentPackage.lockerDetails.lockerAccessCode",
            Category.TRACKING,
            "recipient",
        ),
        (
            "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
            "payload.fulfillmentOrderItems.giftMessage",
            Category.FREE_TEXT,
            "buyer",
        ),
        (
            "fulfillmentOutbound_2026-07-04.listOrders",
            "orders.shipments.packages.tracking.proofOfDelivery.receivedBy",
            Category.NAME,
            "recipient",
        ),
        (
            "easyShip_2022-03-23.getScheduledPackage",
            "trackingDetails.trackingId",
            Category.TRACKING,
            "carrier",
        ),
        (
            "externalFulfillmentReturns_2024-09-11.getReturn",
            "otpDetails.otp",
            Category.TRACKING,
            "selling_partner",
        ),
        (
            "externalFulfillmentShipments_2024-09-11.getShipment",
            "partyInfoList.taxInfo.number",
            Category.TAX_ID,
            "buyer",
        ),
        ("services.getServiceJobs", "payload.jobs.buyer.phone", Category.PHONE, "buyer"),
        (
            "services.getServiceJobs",
            "payload.jobs.appointments.assignedTechnicians.name",
            Category.NAME,
            "staff",
        ),
        (
            "supplySources_2020-07-01.getSupplySource",
            "capabilities.outbound.operationalConfiguration.contactDetails.primary.phone",
            Category.PHONE,
            "selling_partner",
        ),
        (
            "vendorDirectFulfillmentOrders_2021-12-28.getOrders",
            "orders.orderDetails.shipToParty.name",
            Category.NAME,
            "recipient",
        ),
        (
            "vendorDirectFulfillmentShipping_2021-12-28.getPackingSlip",
            "content",
            Category.DOCUMENT,
            "recipient",
        ),
        (
            "vendorOrders.getPurchaseOrder",
            "payload.orderDetails.sellingParty.taxInfo",
            Category.TAX_ID,
            "selling_partner",
        ),
        (
            "vendorShipments.GetShipmentDetails",
            "payload.shipments.transportationDetails.carrierDetails.email",
            Category.EMAIL,
            "carrier",
        ),
        ("shipmentInvoicingV0.getShipmentDetails", "payload.BuyerName", Category.NAME, "buyer"),
        (
            "sellerWallet_2024-03-01.getAccount",
            "routingNumber",
            Category.PAYMENT,
            "selling_partner",
        ),
        ("sellerWallet_2024-03-01.getTransaction", "requesterName", Category.NAME, "staff"),
        (
            "awd_2024-05-09.getInbound",
            "originAddress.postalCode",
            Category.ADDRESS,
            "selling_partner",
        ),
        (
            "fulfillmentInbound_2024-03-20.getShipment",
            "contactInformation.email",
            Category.EMAIL,
            "selling_partner",
        ),
        (
            "fulfillmentInbound_2024-03-20.getInboundOperationStatus",
            "operationProblems.message",
            Category.FREE_TEXT,
            "selling_partner",
        ),
        (
            "transfers_2024-06-01.listPayouts",
            "payouts.accountTail",
            Category.PAYMENT,
            "selling_partner",
        ),
        ("sellers.getAccount", "payload.primaryContact.name", Category.NAME, "selling_partner"),
        (
            "OrderChangeNotification.ORDER_CHANGE",
            "Payload.OrderChangeNotification.Summary.DestinationPostalCode",
            Category.ADDRESS,
            "recipient",
        ),
    ],
)
def test_a_leaf_about_a_person_is_personal(operation, path, category, whose):
    rule = at(operation, path)
    assert rule.class_ is Class.PII
    assert (rule.slot.spec.category, rule.slot.spec.subject) == (category, whose)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("awd_2024-05-09.getInbound", "destinationDetails.destinationAddress.addressLine1"),
        ("fulfillmentInbound_2024-03-20.getShipment", "destination.address.city"),
        (
            "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
            "payload.returnAuthorizations.returnToAddress.name",
        ),
        ("vendorOrders.getPurchaseOrder", "payload.orderDetails.shipToParty.address.postalCode"),
        (
            "externalFulfillmentShipments_2024-09-11.retrieveShippingOptions",
            "shippingOptions.handoverLocation.address.city",
        ),
        ("customerFeedback_2024-06-01.getItemReviewTopics", "topics.positiveTopics.reviewSnippets"),
    ],
)
def test_what_amazon_publishes_passes(operation, path):
    assert at(operation, path).class_ is Class.PUBLIC


@pytest.mark.parametrize(
    ("operation", "path", "category"),
    [
        (
            "fulfillmentOutbound_2020-07-01.createFulfillmentOrder",
            "destinationAddress.phone",
            Category.PHONE,
        ),
        (
            "fulfillmentOutbound_2020-07-01.deliveryOffers",
            "terms.destination.ipAddress",
            Category.NETWORK,
        ),
        (
            "merchantFulfillmentV0.createShipment",
            "ShipmentRequestDetails.ShipFromAddress.Email",
            Category.EMAIL,
        ),
        ("shippingV2.purchaseShipment", "additionalInputs", Category.FREE_TEXT),
        ("messaging.createUnexpectedProblem", "text", Category.FREE_TEXT),
        (
            "sellerWallet_2024-03-01.createTransaction",
            "payeeContactInformation.payeeLastName",
            Category.NAME,
        ),
        (
            "vendorDirectFulfillmentShippingV1.submitShipmentConfirmations",
            "shipmentConfirmations.containers.trackingNumber",
            Category.TRACKING,
        ),
        ("shipmentInvoicingV0.submitInvoice", "InvoiceContent", Category.DOCUMENT),
        (
            "InvoicesApiModel_2024-06-19.createGovernmentInvoice",
            "contexts.vehicleLicensePlate",
            Category.DEVICE,
        ),
    ],
)
def test_a_request_may_hold_a_token_where_a_person_stands(operation, path, category):
    rule = at(operation, path, "body")
    assert (rule.class_, rule.category, rule.slot) == (Class.PII, category, None)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("reports_2021-06-30.getReportDocument", "url"),
        ("feeds_2021-06-30.createFeedDocument", "url"),
        ("dataKiosk_2023-11-15.getDocument", "documentUrl"),
        ("easyShip_2022-03-23.createScheduledPackageBulk", "printableDocumentsUrl"),
        ("fulfillmentInboundV0.getLabels", "payload.DownloadURL"),
        ("InvoicesApiModel_2024-06-19.getInvoicesDocument", "invoicesDocument.invoicesDocumentUrl"),
        ("uploads_2020-11-01.createUploadDestinationForResource", "payload.url"),
    ],
)
def test_the_address_of_a_document_is_a_link(operation, path):
    assert at(operation, path).class_ is Class.LINK


def test_no_operation_of_a_secret_is_open():
    closed = {operation.id for operation in CATALOGUE.operations.values() if operation.closed}
    assert closed == {
        "application_2023-11-30.rotateApplicationClientSecret",
        "tokens_2021-03-01.createRestrictedDataToken",
    }


@pytest.mark.parametrize(
    ("operations", "path"),
    [
        (
            (
                "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
                "FulfillmentOrderStatusNotification.FULFILLMENT_ORDER_STATUS",
            ),
            ("fulfillment_package", "tracking_number"),
        ),
    ],
)
def test_views_of_one_parcel_share_their_slots(operations, path):
    """The same ids around the same field: one token, whichever view shows it."""
    seen = set()
    for operation in operations:
        catalogue = CATALOGUE if operation in CATALOGUE.operations else NOTIFICATIONS
        for slot, ident in leaves(catalogue.operations[operation].response):
            if (slot.kind, slot.field) == path:
                seen.add(ident.lower())
    assert seen == {"{amazonshipmentid}-{packagenumber}"}


@pytest.mark.parametrize("operation", sorted(CATALOGUE.operations))
def test_no_two_leaves_of_an_answer_share_a_slot(operation):
    subjects = {subject.at for subject in CATALOGUE.operations[operation].subjects}
    seen = {}

    def walk(rule, path, subject, ident, within):
        if isinstance(rule, Leaf):
            if rule.slot is not None:
                # `{}` is a position in every list: two lists of one kind would meet.
                name = f"{rule.slot.kind}:{ident}.{rule.slot.field}"
                key = subject, rule.slot.spec.name if rule.slot.number else name
                assert seen.setdefault(key, path) == path
            return
        if not isinstance(rule, Branch) or rule.node in within:
            return
        path += rule.wraps.replace("[", "[]").replace("{", "{}")
        if rule.ident:
            ident = rule.ident.replace("*", ident)
        inner: Node = rule.node
        for name, member in inner.members.items():
            below = f"{path}.{name}".lstrip(".")
            walk(member, below, path if path in subjects else subject, ident, (*within, inner))

    walk(CATALOGUE.operations[operation].response, "", "", "", ())
