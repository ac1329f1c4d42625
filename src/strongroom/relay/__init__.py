"""Lets an app use personal data without seeing it: values on the way to a third party, tokens on the way back [1.3]."""

from strongroom.relay.disclosures import Disclosure, Disclosures
from strongroom.relay.line import Failed, Lines
from strongroom.relay.relay import Errand, Relay, Relayed

__all__ = ["Disclosure", "Disclosures", "Errand", "Failed", "Lines", "Relay", "Relayed"]
