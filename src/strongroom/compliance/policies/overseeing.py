"""What the documents tell of the duties they serve, and what is to be done about them [1.2, 1.6, 2.2, 2.6, 2.7]."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.policies import text
from strongroom.compliance.policies.kinds import (
    ALARMS_HEADING,
    CONSENT_HEADING,
    SPECS,
    Kind,
    required,
)
from strongroom.compliance.policies.policies import Policies, Standing
from strongroom.compliance.policies.published import Found, Published
from strongroom.policy.limits import ACKNOWLEDGED_WITHIN, PUBLISHED_CHECK_AGE
from strongroom.policy.purposes import AMAZONS

PATH: Final = "/documents"
_NAMED: Final = 5


class PolicyDuties:
    """The part of the documents in keeping duties."""

    def __init__(self, policies: Policies, published: Published) -> None:
        self._policies = policies
        self._published = published

    def findings(self, now: datetime) -> dict[DutyId, Finding]:
        """Return what is seen of each duty that a document serves."""
        standing = {one.spec.kind: one for one in self._policies.standings(now)}
        privacy, handling = standing[Kind.PRIVACY_POLICY], standing[Kind.DATA_HANDLING]
        plan, use = standing[Kind.INCIDENT_PLAN], standing[Kind.ACCEPTABLE_USE]
        holds = {kind: partial(_holds, one, now) for kind, one in standing.items()}
        return {
            DutyId("1.2-f"): _first(holds[Kind.ACCEPTABLE_USE], partial(_known, use)),
            DutyId("1.6-a"): holds[Kind.INCIDENT_PLAN](),
            DutyId("2.2-a"): _first(
                holds[Kind.PRIVACY_POLICY],
                holds[Kind.DATA_HANDLING],
                partial(_known, privacy),
                partial(_known, handling),
                partial(self._is_published, privacy, now),
            ),
            DutyId("2.2-b"): _first(holds[Kind.DATA_HANDLING], partial(_linked, handling)),
            DutyId("2.2-f"): _first(holds[Kind.PRIVACY_POLICY], partial(_grounded, privacy)),
            DutyId("2.6-n"): _first(holds[Kind.INCIDENT_PLAN], partial(self._lists_alarms, plan)),
            DutyId("2.7-a"): holds[Kind.VULNERABILITY_PLAN](),
        }

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return the reviews, the documents that are missing, what waits for approval, and who has to acknowledge."""
        for one in self._policies.standings(now):
            spec, path = one.spec, f"{PATH}/{one.spec.kind.slug}"
            title = spec.title.lower()
            if one.current is None or one.current.review_by is None or not one.sound:
                yield Due(f"Approve the {title}", path, now, office=spec.office, duty=spec.duty)
            else:
                by = one.current.review_by
                yield Due(f"Review the {title}", path, by, office=spec.office, duty=spec.duty)
                since = one.current.approved_at or now
                for person in one.missing:
                    yield Due(
                        f"Acknowledge the {title}",
                        path,
                        since + ACKNOWLEDGED_WITHIN,
                        person=person,
                        duty=spec.duty,
                    )
            if one.open is not None and one.open.submitted_at is not None:
                yield Due(
                    f"Approve version {one.open.number} of the {title}",
                    f"{PATH}/versions/{one.open.id}",
                    one.open.submitted_at + ACKNOWLEDGED_WITHIN,
                    office=Office.EXECUTIVE,
                    duty=spec.duty,
                )

    def _is_published(self, one: Standing, now: datetime) -> Finding:
        """Return whether the privacy policy stands where it is published."""
        version = one.current
        if not self._published.address or version is None:
            return Finding(
                Verdict.UNKNOWN,
                "the privacy policy is approved and known, and nothing says where it is published",
                _proof(one),
                "publish it on your own site and set documents.privacy_url",
            )
        last = self._published.last()
        remedy = "strongroom document compare"
        if last is None or last.version != version.id or now - last.at > PUBLISHED_CHECK_AGE:
            why = "where the privacy policy is published was not looked at since it was approved, or for a week"
            return Finding(Verdict.UNKNOWN, why, _proof(one), remedy)
        if last.found is not Found.SAME:
            return Finding(Verdict.FAIL, _SEEN[last.found], _proof(one), remedy, last.at)
        why = "the published privacy policy is word for word the approved one, and everybody acknowledged it"
        return Finding(Verdict.PASS, why, _proof(one), seen_at=last.at)

    def _lists_alarms(self, one: Standing) -> Finding:
        """Return whether the incident plan says how alarms are investigated, and names each rule that watches."""
        section = text.sections(_said(one)).get(ALARMS_HEADING, "")
        lacking = [rule for rule in self._policies.rules if f"`{rule}`" not in section]
        if lacking:
            return Finding(
                Verdict.FAIL,
                f"the plan's section “{ALARMS_HEADING}” does not list {_some(lacking)}",
                _proof(one),
                "begin a new version and list every alarm rule there",
            )
        rules = len(self._policies.rules)
        why = f"the incident plan says how alarms are investigated, and lists all {rules} rules that watch"
        return Finding(Verdict.PASS, why, _proof(one))


def _first(*looks: Callable[[], Finding]) -> Finding:
    """Return the first finding that does not pass, looking no further, or the last one with the proof of all."""
    proof: tuple[str, ...] = ()
    for look in looks:
        found = look()
        proof = tuple(dict.fromkeys((*proof, *found.proof)))
        if found.verdict is not Verdict.PASS:
            break
    return replace(found, proof=proof)


def _said(one: Standing) -> str:
    return "" if one.current is None else one.current.text


def _holds(one: Standing, now: datetime) -> Finding:
    """Return whether a document is approved, is what was approved, complete, and not past its review."""
    title, version, approval = one.spec.title.lower(), one.current, one.approval
    if not one.sound:
        return Finding(
            Verdict.FAIL,
            f"the {title} is not what was approved: its text or its row was changed",
            _proof(one),
            "find out who changed it, and have a new version approved",
        )
    if version is None or approval is None or version.review_by is None:
        waits = one.open is not None and one.open.submitted_at is not None
        return Finding(
            Verdict.FAIL,
            f"no version of the {title} is approved" + ("; one waits for that" if waits else ""),
            (),
            "approve it"
            if waits
            else "begin a draft on the page of documents, fill it in, submit it",
        )
    if lacks := text.faults(version.text, required(version.kind)):
        return Finding(
            Verdict.FAIL,
            f"the {title} lacks something: {lacks[0]}",
            _proof(one),
            "approve a new version",
        )
    if version.state(now) == "overdue":
        return Finding(
            Verdict.FAIL,
            f"the {title} was to be reviewed by {version.review_by:%Y-%m-%d}",
            _proof(one),
            "review it, and have a version approved, with or without changes",
        )
    why = f"version {version.number} of the {title} is approved and holds until {version.review_by:%Y-%m-%d}"
    return Finding(Verdict.PASS, why, _proof(one))


def _known(one: Standing) -> Finding:
    """Return whether everybody has acknowledged a document."""
    title = one.spec.title.lower()
    if one.missing:
        done = one.people - len(one.missing)
        return Finding(
            Verdict.FAIL,
            f"{done} of {one.people} people acknowledged the {title}; not yet {_some(one.missing.values())}",
            _proof(one),
            "each of them acknowledges it on the page of documents",
        )
    return Finding(Verdict.PASS, f"all {one.people} people acknowledged the {title}", _proof(one))


def _linked(one: Standing) -> Finding:
    """Return whether each part of the data handling policy names the duties it serves."""
    found = text.sections(_said(one))
    gaps = [name for name, body in found.items() if not text.duties(body)]
    if gaps:
        return Finding(
            Verdict.FAIL,
            f"sections of the data handling policy name no duty: {_some(gaps)}",
            _proof(one),
            "name the duty each of them serves in brackets, such as [2.1-a]",
        )
    named = len(text.duties(_said(one)))
    why = f"each of the {len(found)} sections of the data handling policy names its duties, {named} in all"
    return Finding(Verdict.PASS, why, _proof(one))


def _grounded(one: Standing) -> Finding:
    """Return whether the privacy policy gives the ground for each of Amazon's three purposes, and speaks of consent."""
    section = text.sections(_said(one)).get(CONSENT_HEADING, "").lower()
    lacking = [
        word
        for word in (*(one.value for one in sorted(AMAZONS)), "consent", "withdraw")
        if word not in section
    ]
    if lacking:
        return Finding(
            Verdict.FAIL,
            f"the privacy policy's section “{CONSENT_HEADING}” says nothing of {_some(lacking)}",
            _proof(one),
            "name the ground of each purpose there, and how consent is given and withdrawn",
        )
    why = "the privacy policy names the ground of each purpose, and how consent is given and withdrawn"
    return Finding(Verdict.PASS, why, _proof(one))


def _proof(one: Standing) -> tuple[str, ...]:
    if one.approval is None:
        return ()
    found = one.approval
    alone = ", who also wrote it: the home is of one person" if found.alone else ""
    return (
        f"{SPECS[found.kind].title}, version {found.number}, SHA-256 {found.digest}",
        f"entry {found.entry} of the log: approved {found.at:%Y-%m-%d} by principal {found.approver}{alone}",
    )


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")


_SEEN: Final = {
    Found.DIFFERENT: "the published privacy policy is not the approved one",
    Found.REFUSED: "the address of the privacy policy answers with something else than a page",
    Found.UNREACHABLE: "the address of the privacy policy can't be reached, or its certificate is not trusted",
}
