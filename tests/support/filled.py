"""A home with something on every page of the desk, made through the rooms that make it in daily work."""

from __future__ import annotations

from datetime import timedelta

from strongroom.alarms import AlarmKind, Response, Severity, Signal
from strongroom.assurance.assets import Kind as Asset
from strongroom.assurance.assets import Words
from strongroom.assurance.changes import Kind as ChangeKind
from strongroom.assurance.scans import NO_REPOSITORY, Assessment, Declared, Filter, ScanKind
from strongroom.assurance.scans.scan import ExcuseKind
from strongroom.assurance.staff import Topic
from strongroom.assurance.suppliers import Role as SupplierRole
from strongroom.compliance.evidence_rows import Belongs
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.compliance.policies import Kind, text
from strongroom.feeds.destinations import Webhook
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role
from strongroom.policy.deletion import Asked, Scope, Selectors
from strongroom.policy.laws import RequestKind
from strongroom.terms import Action, AuthMethod, Caller, Category, PrincipalKind, Purpose
from strongroom.vault import LwaCredentials, Wish
from strongroom.vault.rights import Sought
from tests.support.pages import DeskHome, Member
from tests.support.releases import COMMIT, committed, tried
from tests.support.releases import scanned as releases_scanned
from tests.support.scans import report

MONTH = timedelta(days=30)
HOUSE = {
    "company": "Example Ltd",
    "address": "1 Example Street, Berlin",
    "store_name": "Example Store",
    "hosting": "our own machines in Berlin",
    "carriers": "Example Parcels",
    "processors": "none",
    "transfers": "none",
    "consent_purposes": "nothing",
    "supervisory_authority": "the authority of Berlin",
    "amazon_contact": "security@amazon.com",
    "privacy_email": "privacy@shop.example",
    "security_email": "security@shop.example",
    "fallback_channel": "by telephone",
    "incident_lead_phone": "+49 30 555 0100",
    "incident_deputy_phone": "+49 30 555 0101",
    "incident_deputy": "grace",
    "alarm_rules": "those that ship",
    "remote_access": "by VPN with a second factor",
    "code_scanner": "Bandit",
    "dependency_scanner": "pip-audit",
    "host_scanner": "Trivy",
    "penetration_tester": "Example Testers",
}
"""What the house's documents say of it; other blanks take the name of a person."""


def fill(home: DeskHome, member: Member) -> None:
    """Put an app with grants, alarms, destinations and a second person into a home of one administrator."""
    system, now, console = home.system, home.now, home.console
    system.accounts.add_person("grace", caller=console, now=now, credential=True)
    system.accounts.add_app("erp", member.name, caller=console, now=now)
    system.accounts.add_app("labels", member.name, caller=console, now=now)
    system.sellers.add(
        console,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn1.application-oa2-client.1", "secret", "Atzr|token"),
        now=now,
    )
    _let(home, member, "ada", Action.OVERSEE, Purpose.FULFILMENT, *Category)
    _let(home, member, "erp", Action.REVEAL, Purpose.FULFILMENT, Category.NAME, Category.PHONE)
    _let(home, member, "labels", Action.RELAY, Purpose.FULFILMENT, Category.ADDRESS)
    wish = _wish(home, "grace", Action.SEARCH, Purpose.SUBJECT_REQUEST, Category.EMAIL)
    system.grants.request(console, [wish], now)
    party = Party("labels.example", 443, "/v1", (Category.ADDRESS,), (Purpose.FULFILMENT,))
    system.targets.request_add(Role.PARTY, "labels", party, console, now)
    hook = Webhook("https://alarms.example/hook", None, None, '{"text": "${text}"}', None)
    system.targets.request_add(Role.CHANNEL, "night", hook, console, now)
    _alarm(home, AlarmKind.UNAUTHORIZED_CALLS, Severity.HIGH, 34, timedelta(minutes=20))
    _alarm(home, AlarmKind.NEW_DESTINATION, Severity.MEDIUM, 1, timedelta(hours=30))
    system.alarms.drills.run([AlarmKind.SLOW_DRAIN], console, now, lambda _done, _all: None)


def _wish(
    home: DeskHome, name: str, action: Action, purpose: Purpose, *categories: Category
) -> Wish:
    who = home.system.accounts.find(name).id
    return Wish(who, action, purpose, frozenset(categories), None, MONTH, reason="daily work")


def _let(
    home: DeskHome,
    member: Member,
    name: str,
    action: Action,
    purpose: Purpose,
    *categories: Category,
) -> None:
    """Have the console ask, and the member agree on the page of the grant; nobody else could for their own."""
    system = home.system
    (row,) = system.grants.request(
        home.console, [_wish(home, name, action, purpose, *categories)], home.now
    )
    if name == member.name or system.accounts.find(name).owner == member.name:
        approver = system.accounts.console("otto", home.now)
    else:
        approver = system.accounts.console(member.name, home.now)
    system.grants.approve(approver, row.grant.id, home.now)


def _alarm(home: DeskHome, kind: AlarmKind, severity: Severity, count: int, ago: timedelta) -> None:
    at = home.now - ago
    signal = Signal(
        kind,
        severity,
        Response.NOTIFY,
        f"{kind.value}:one:{count}",
        at,
        target="app 7",
        count=count,
        evidence=(1, 2, 3),
    )
    home.system.alarms.outside.raise_outside(signal, at)


def fill_records(home: DeskHome, member: Member) -> None:
    """Have the house keep its records: offices, documents, registers, an incident, a notice, a request, a statement."""
    system, now, console = home.system, home.now, home.console
    ada = Caller(
        system.accounts.find(member.name).id, PrincipalKind.PERSON, member.name, AuthMethod.SESSION
    )
    rooms = system.compliance
    for office in (Office.EXECUTIVE, Office.INCIDENT_LEAD, Office.PRIVACY_OWNER, Office.IT_ADMIN):
        rooms.offices.appoint(console, office, Part.HOLDER, member.name, now)
        rooms.offices.accept(ada, office, Part.HOLDER, now, f"{member.name}@example.com")
    for kind in Kind:
        draft = rooms.policies.begin(kind, ada, now)
        if open_ := text.blanks(draft.text):
            answers = {blank: HOUSE.get(blank, member.name) for blank in open_}
            draft = rooms.policies.fill(draft.id, answers, ada, now)
        rooms.policies.submit(draft.id, ada, now)
    holding = rooms.policies.versions(Kind.INCIDENT_PLAN)[0]
    rooms.policies.approve(holding.id, holding.digest, console, now)
    rooms.registers.take_seen(ada, now)
    for name in ("risk", "law"):
        rooms.registers.take_catalogue(ada, name, now)
    rooms.registers.by_name["risk"].review(ada, "Read with the team, nothing to add.", now)
    number = rooms.incidents.cases.open(
        ada,
        "access",
        "Reads at night by an app",
        now,
        detected_at=now - timedelta(hours=5),
    ).id
    rooms.incidents.cases.note(number, "The app was stopped and its owner asked.", ada, now)
    system.subjects.requests.open(
        ada,
        RequestKind.ACCESS,
        "gdpr",
        Sought(email="somebody@buyers.example"),
        received_at=now - timedelta(days=12),
        now=now,
    )
    system.notices.register(
        Asked.DELETION,
        "AMZ-2026-0310",
        Scope(),
        Selectors(),
        now - timedelta(hours=30),
        ada,
        now,
    )
    system.reviews.start(ada, now)
    _changes(home, ada)
    _audit(home, ada)
    _released(home, ada, member)
    _list_assets(home, ada)
    _scanned(home, ada)
    _supplied(home, ada)


def _supplied(home: DeskHome, ada: Caller) -> None:
    """Have a facility and a subcontractor, trainings, and an answer to a question."""
    rooms, now, console = home.system.assurance, home.now, home.console
    place = rooms.suppliers.add(ada, SupplierRole.FACILITY, "Warehouse", "All of it", ["DE"], now)
    rooms.suppliers.assess(
        console, place.id, "Doors, keys and screens looked at.", now, passed=True
    )
    rooms.suppliers.add(
        ada, SupplierRole.SUBCONTRACTOR, "Example Carrier", "Brings parcels", ["DE", "PL"], now
    )
    rooms.staff.train(console, ada.principal, Topic.IT_SECURITY, now - MONTH, now)
    rooms.staff.state(console, ada.principal, "confidentiality", now)
    rooms.questionnaire.write(ada, "describe-network", "Behind a firewall of its own.", now)


def _scanned(home: DeskHome, ada: Caller) -> None:
    """Have an image scanned, a risk asked to be accepted, and a penetration test recorded."""
    scans, now = home.system.assurance.scans, home.now
    made = report("trivy.json").replace(b"2026-12-01", b"2026-03-01")
    scans.declare(ScanKind.HOST, "registry.example/shop:4", ada, now)
    scans.declare(ScanKind.CODE, "shop", ada, now)
    scans.declare(ScanKind.SECRETS, NO_REPOSITORY, ada, now)
    scans.import_report(made, "trivy.json", Declared(), ada, now)
    said = Assessment(
        "people",
        ScanKind.PENTEST,
        "shop.example.com",
        now - MONTH,
        "The shop and this desk",
        "Example Ltd, which built neither",
    )
    scans.record(b"%PDF-1.7 report", "report.pdf", said, ada, now)
    found = home.system.assurance.vulnerabilities
    (first,) = found.listed(Filter(), now, most=1)
    reason = "It is not reachable from outside until the next release."
    found.ask(ada, first.id, ExcuseKind.RISK, reason, MONTH, now)


def _released(home: DeskHome, ada: Caller, member: Member) -> None:
    """Have one release approved and the next one waiting."""
    releases, now = home.system.assurance.releases, home.now
    releases_scanned(member)
    for version in ("1.0", "1.1"):
        made = releases.record(ada, "our app", version, COMMIT, committed(home), tried(home), now)
        if version == "1.0":
            releases.approve(home.console, made.id, now)


def _audit(home: DeskHome, ada: Caller) -> None:
    """Have an audit with a request that waits and a finding with its plan."""
    audits, now = home.system.assurance.audits, home.now
    one = audits.open(ada, "Audit of the year", "Example LLP", now)
    audits.ask(home.console, one.id, "The last access review", now + timedelta(days=5), now)
    found = audits.find(ada, one.id, "Drills are not written down", now)
    audits.plan(ada, one.id, found.id, "Keep a record of each", now + timedelta(days=30), now)


def _changes(home: DeskHome, ada: Caller) -> None:
    """Have storage recorded, a change of it waiting for its approval and a major one that is done."""
    changes, now, console = home.system.assurance.changes, home.now, home.console
    paul = home.system.accounts.console("paul", now)
    place = changes.administrators.name(console, ada.name, now)
    changes.administrators.approve(paul, place.id, now)
    changes.record_storage(ada, now)
    for kind, title in (
        (ChangeKind.STORAGE_VOLUME, "A larger disk for the vault"),
        (ChangeKind.SUPPLY_CHAIN, "Labels come from another carrier"),
    ):
        change = changes.open(
            ada,
            kind,
            title,
            now,
            what="As the plan of the quarter says.",
            back_out="What was there stays for a week.",
            risk="An hour without labels.",
        )
        item = home.system.compliance.evidence.put(
            b"tried on a copy", "test.txt", "text/plain", Belongs("change", "1"), console, now
        )
        changes.test(ada, change.id, now, passed=True, result="Tried on a copy.", evidence=item.id)
        changes.verify(console, change.id, now)
    changes.approve(paul, change.id, now)
    changes.close(ada, change.id, now, major=True, reason="Somebody else gets addresses.")


def _list_assets(home: DeskHome, ada: Caller) -> None:
    """Have devices reported, one stated, what is seen come in, and the inventory of a quarter signed."""
    assets, now = home.system.assurance.assets, home.now
    day = now.date().isoformat()
    rows = [
        "name,serial,kind,place,owner,seen_at,present,running,guarded,disk,lock,signatures,patches,scan",
        f"packing-3,PF3A1,computer,Hall 2,ada,{day},yes,yes,yes,yes,yes,{day},{day},{day}",
        f"packing-4,PF3A2,computer,Hall 2,ada,{day},yes,no,yes,yes,yes,{day},2025-11-02,{day}",
        f"scanner-1,HX77,mobile,Hall 1,ada,{day},,,,yes,yes,,{day},",
        "label printer,ZT4,printer,Hall 2,ada,,,,,,,,,",
    ]
    content = "\n".join(rows).encode()
    waiting = assets.imports.preview(ada, "own", content, now)
    assets.imports.apply(ada, waiting.id, now)
    campaign = assets.campaigns.start(ada, now)
    left = assets.campaigns.unsettled(campaign, before=None, after=None, limit=50)
    assets.inventory.confirm(ada, [one.id for one in left], now, owner=ada.name)
    assets.campaigns.close(ada, campaign.id, now)
    assets.inventory.add(
        ada, Asset.SERVER, Words("warehouse-db", place="rack 2"), now, owner=ada.name
    )
