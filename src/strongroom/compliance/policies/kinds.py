"""The documents that the policy asks for: what each must say, how long it holds, who knows it [1.6, 2.2, 2.7]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from strongroom.compliance.overseen import DutyId, Office
from strongroom.compliance.policies.text import headings
from strongroom.policy.limits import PLAN_REVIEW_MONTHS, POLICY_REVIEW_MONTHS


class Kind(StrEnum):
    """One document that a house has."""

    PRIVACY_POLICY = "privacy_policy"
    """What buyers are told; public [2.2]."""
    DATA_HANDLING = "data_handling"
    """How personal data is handled inside [2.2]."""
    INCIDENT_PLAN = "incident_plan"
    """Who does what when something went wrong [1.6]."""
    ACCEPTABLE_USE = "acceptable_use"
    """What each person may do with accounts, devices and data [1.2]."""
    VULNERABILITY_PLAN = "vulnerability_plan"
    """How weaknesses are found and mended [2.7]."""

    @property
    def slug(self) -> str:
        """How an address names it."""
        return self.value.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Spec:
    """What holds for every version of one document."""

    kind: Kind
    title: str
    about: str
    """What it is for, as a sentence."""
    office: Office
    """Who keeps it."""
    duty: DutyId
    """The duty it serves first."""
    review_months: int
    known_by_all: bool = True
    """Every person acknowledges each version of it."""
    public_as: str = ""
    """Where it is shown to anybody: `privacy` is the page /policy/privacy; empty: nowhere."""


SPECS: Final[Mapping[Kind, Spec]] = {
    spec.kind: spec
    for spec in (
        Spec(
            Kind.PRIVACY_POLICY,
            "Privacy policy",
            "What buyers are told about the data that Amazon gives us about them.",
            Office.PRIVACY_OWNER,
            DutyId("2.2-a"),
            POLICY_REVIEW_MONTHS,
            public_as="privacy",
        ),
        Spec(
            Kind.DATA_HANDLING,
            "Data handling policy",
            "How everybody here collects, uses, shares and disposes of personal data.",
            Office.PRIVACY_OWNER,
            DutyId("2.2-a"),
            POLICY_REVIEW_MONTHS,
        ),
        Spec(
            Kind.INCIDENT_PLAN,
            "Incident response plan",
            "Who does what, and by when, once something may have gone wrong.",
            Office.INCIDENT_LEAD,
            DutyId("1.6-a"),
            PLAN_REVIEW_MONTHS,
        ),
        Spec(
            Kind.ACCEPTABLE_USE,
            "Acceptable use of accounts, devices and data",
            "What each person here may do, and never does.",
            Office.SECURITY_OWNER,
            DutyId("1.2-f"),
            POLICY_REVIEW_MONTHS,
        ),
        Spec(
            Kind.VULNERABILITY_PLAN,
            "Vulnerability management plan",
            "How weaknesses are found, and by when they are mended.",
            Office.DEV_LEAD,
            DutyId("2.7-a"),
            PLAN_REVIEW_MONTHS,
            known_by_all=False,
        ),
    )
}

ALARMS_HEADING: Final = "Investigating alarms"
"""Where the incident plan says how alarms are looked into, and lists them [2.6]."""

CONSENT_HEADING: Final = "Why we may use your data"
"""Where the privacy policy says on which ground data serves which purpose [2.2]."""

BLANKS: Final[Mapping[str, str]] = {
    "address": "your postal address, in one line",
    "alarm_rules": "the alarm rules that watch",
    "amazon_contact": "the person whom Amazon reaches at any hour",
    "carriers": "names of the carriers you ship with",
    "code_scanner": "what scans your code and looks for secrets in it",
    "company": "your company, as it is registered",
    "consent_purposes": "what you ask consent for; nothing, if you ask for none",
    "dependency_scanner": "what scans libraries and containers",
    "dev_lead": "the person who leads development",
    "executive": "the person who runs the company",
    "fallback_channel": "how you speak when mail and chat may be read, such as a telephone list",
    "host_scanner": "what scans hosts and networks",
    "hosting": "where your systems stand, and with whom",
    "incident_deputy": "the lead's deputy, another person",
    "incident_deputy_phone": "a telephone number at work",
    "incident_lead": "the person who leads when something happens",
    "incident_lead_phone": "a telephone number at work",
    "infra_admin": "the person who keeps machines and networks",
    "penetration_tester": "who tests from outside, by contract",
    "privacy_email": "the address for questions about data",
    "privacy_owner": "the person who answers for data protection",
    "processors": "who processes data for you by contract; nobody, if there is none",
    "remote_access": "how people work from elsewhere, such as your VPN",
    "security_email": "the address for reports about security",
    "security_owner": "the person who answers for security",
    "store_name": "your name on Amazon",
    "supervisory_authority": "the data protection authority you answer to",
    "transfers": "which of them are in another country, and how data is protected there; none, if none is",
}
"""What each blank of our own texts is for."""


@cache
def template(kind: Kind) -> str:
    """Return our own text of a document, with blanks to be filled in."""
    file = resources.files(__package__).joinpath("templates", f"{kind.value}.md")
    return file.read_text(encoding="utf-8")


@cache
def required(kind: Kind) -> tuple[str, ...]:
    """Return the headings that a version must have, each with something below it: those of our own text."""
    return headings(template(kind))


def kind_of(slug: str) -> Kind | None:
    """Return the document that an address names; None for no such one."""
    return next((kind for kind in Kind if kind.slug == slug), None)
