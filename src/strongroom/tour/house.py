"""The demo's house: what people here keep on the desk, written through the operations that commands use.

Nobody of Amazon's is told anything, and no row is put anywhere by hand: each of these could be typed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.compliance.duties import duty_of
from strongroom.compliance.policies.text import blanks

Ask = Callable[..., dict[str, Any]]
"""Runs an operation: its name, and what it is given."""

_OFFICES: Final = (
    "executive",
    "security_owner",
    "privacy_owner",
    "incident_lead",
    "amazon_contact",
    "app_admin",
    "infra_admin",
    "it_admin",
    "dev_lead",
)
"""Those of the house that have somebody; nobody keeps a warehouse here yet."""

_APPROVED: Final = ("privacy-policy", "incident-plan", "acceptable-use")
_SUBMITTED: Final = "data-handling"
_HOUSE: Final = {
    "address": "1 Example Street, Berlin",
    "alarm_rules": "those that Strongroom ships",
    "carriers": "Example Parcels",
    "code_scanner": "Bandit and gitleaks",
    "company": "Example Trading Ltd",
    "consent_purposes": "nothing",
    "dependency_scanner": "pip-audit",
    "fallback_channel": "a telephone list on paper",
    "host_scanner": "Trivy",
    "hosting": "one machine of our own, in Berlin",
    "incident_deputy_phone": "+44 7700 900101",
    "incident_lead_phone": "+44 7700 900100",
    "penetration_tester": "Example Testers",
    "privacy_email": "privacy@shop.example",
    "processors": "nobody",
    "remote_access": "by VPN with a second factor",
    "security_email": "security@shop.example",
    "store_name": "Example Trading",
    "supervisory_authority": "the data protection authority of Berlin",
    "transfers": "none",
}
_SYSTEM: Final = {
    "hosting": "one machine of our own",
    "country": "DE",
    "tls": "process",
    "sealed": "no",
    "owner": "the security owner",
    "note": "",
}
_SYSTEMS: Final = {
    "shop": {"categories": "name address email phone", "pii": "no"},
    "label-printer": {"categories": "name address phone", "pii": "yes"},
}
_STATED: Final = (
    *("0-a", "1.2-b", "1.3-b", "1.4-a", "1.5-c", "1.6-a", "1.6-c", "1.6-d", "1.6-f"),
    *("1.7-c", "2-b", "2.1-b", "2.2-d", "2.3-e", "2.4-b"),
)
"""What the checks see kept here, and the pages show."""

_AMAZON: Final = "security@amazon.com"
_NOTE: Final = "Looked at on the desk of the demo."


def furnish(ask: Ask, me: str, now: datetime) -> None:
    """Have `me` keep the records of a young house; a few things stay undone, to be done on the desk.

    Raises:
        StrongroomError: of an operation.

    """
    for office in _OFFICES:
        ask("office.set", office=office, part="holder", person=me)
        ask("office.accept", office=office, part="holder", address=f"{me}@shop.example")
    _write_documents(ask, me)
    _keep_registers(ask)
    _open_cases(ask, now)
    _assure(ask, me, now)
    ask("review.start")
    ask("duty.check")
    for duty in _STATED:
        ask("duty.attest", duty=duty, digest=duty_of(duty).digest, note=_NOTE)


def _write_documents(ask: Ask, me: str) -> None:
    for document in (*_APPROVED, _SUBMITTED):
        ask("document.draft", document=document)
        open_ = blanks(ask("document.show", document=document)["text"])
        answers = {blank: _HOUSE.get(blank, me) for blank in open_}
        begun = ask("document.draft", document=document, fill=answers)
        written = ask("document.submit", version=begun["version"])
        if document == _SUBMITTED:
            continue
        held = ask("document.approve", version=written["version"], digest=written["sha256"])
        ask("document.acknowledge", document=document, digest=held["sha256"])


def _keep_registers(ask: Ask) -> None:
    for register in ("scope", "risk", "law"):
        ask("register.begin", register=register)
    for entry in ask("register.show", register="scope")["entries"]:
        known = _SYSTEMS.get(entry["title"], _SYSTEMS["shop"])
        answers = {"title": entry["title"], "kind": entry["kind"], **_SYSTEM, **known}
        ask("register.write", register="scope", entry=entry["entry"], answers=answers)
    for entry in ask("register.show", register="law")["entries"]:
        answers = {"country": entry["country"], "laws": entry["laws"], "owner": "the privacy owner"}
        ask("register.write", register="law", entry=entry["entry"], answers=answers)
    for register in ("scope", "law"):
        ask("register.review", register=register, note=_NOTE)


def _open_cases(ask: Ask, now: datetime) -> None:
    opened = ask(
        "incident.open",
        kind="access",
        texts={
            "title": "Exercise: the label printer reads at night",
            "description": "Played through with everybody who has a part in the plan.",
        },
        detected_at=(now - timedelta(hours=5)).isoformat(),
    )
    case = opened["incident"]
    for step in ("detect.clock", "detect.source", "contain.who_acts"):
        ask("incident.tick", incident=case, step=step)
    ask("incident.note", incident=case, text="The printer was stopped and its owner asked.")
    ask("incident.contained", incident=case)
    ask(
        "incident.practise",
        practice="exercise",
        texts={
            "scenario": "The label printer reads every address at three in the morning.",
            "participants": "Everybody who has a part in the plan.",
            "findings": "The telephone list was out of date, and is printed anew.",
        },
    )
    ask("incident.practise", practice="review", texts={"text": "Read after the exercise."})
    ask("incident.practise", practice="types", texts={})
    ask("incident.practise", practice="silence", texts={})
    ask("incident.practise", practice="address", texts={"address": _AMAZON})
    ask(
        "notice.register",
        kind="deletion",
        reference="AMZ-DEMO-1",
        received_at=(now - timedelta(hours=30)).isoformat(),
    )
    ask(
        "request.open",
        kind="access",
        law="gdpr",
        sought={"email": "somebody@buyers.example"},
        received_at=(now - timedelta(days=12)).isoformat(),
    )


def _assure(ask: Ask, me: str, now: datetime) -> None:
    place = ask(
        "supplier.add", role="facility", name="Our office, with its machine room",
        does="Everything: orders are read and parcels packed here.", countries=["DE"], destinations=[],
    )  # fmt: skip
    ask(
        "supplier.assess", supplier=place["supplier"], passed=True,
        note="Doors, keys, screens and the printer were looked at.",
    )  # fmt: skip
    ask(
        "supplier.add", role="subcontractor", name="Example Carrier",
        does="Brings parcels, and prints their labels.", countries=["DE", "PL"], destinations=[],
    )  # fmt: skip
    for topic in ("data_protection", "it_security"):
        at = (now - timedelta(days=40)).isoformat()
        ask("staff.train", person=me, topic=topic, on=at)
    ask("staff.state", person=me, step="confidentiality")
    ask(
        "change.open", title="A newer label printer", kind="system",
        what="The printer in the warehouse is replaced by one that forgets what it printed.",
        back_out="The old one stays for a week and is put back.", risk="Labels are late for an hour.",
    )  # fmt: skip
    audit = ask("assessment.open", title="Audit of the year", auditor="Example LLP")
    ask(
        "assessment.request", audit=audit["audit"], text="The last access review, and who confirmed it",
        due=(now + timedelta(days=5)).isoformat(),
    )  # fmt: skip
    ask(
        "questionnaire.write",
        question="describe-network",
        text="One machine behind a firewall of its own.",
    )
