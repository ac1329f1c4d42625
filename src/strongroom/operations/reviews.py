"""What commands do in reviews of access, and the proof about a leaver [1.2]."""

from dataclasses import asdict
from datetime import timedelta

from strongroom.compliance import Campaign, Item, Narrowing, prove_leaving
from strongroom.operations.grants import grant_json
from strongroom.operations.registry import Call, iso, member, operation, sellers_of
from strongroom.policy.reviews import Verdict
from strongroom.request import Json
from strongroom.terms import Category


@operation("review.start")
def _review_start(call: Call) -> Json:
    made = call.system.reviews.start(call.caller, call.now)
    return _shown(call, made.id)


@operation("review.show")
def _review_show(call: Call, *, review: int | None = None) -> Json:
    """Return one campaign with its items, or every campaign and what a broken glass left to review."""
    if review is not None:
        return _shown(call, review)
    reviews = call.system.reviews
    return {
        "reviews": [_campaign(call, campaign) for campaign in reviews.all()],
        "break_glass": [_item(call, item) for item in reviews.broken_glass()],
    }


@operation("review.decide")
def _review_decide(
    call: Call,
    *,
    item: int,
    decision: str,
    days: int | None = None,
    categories: list[str] | None = None,
    sellers: list[str] | None = None,
    budget: int | None = None,
) -> Json:
    lifetime = None if days is None else timedelta(days=days)
    narrowing = Narrowing(
        None
        if categories is None
        else frozenset(member(Category, name, "category") for name in categories),
        None if sellers is None else frozenset(sellers_of(call.system, sellers)),
        budget,
        lifetime,
    )
    verdict = member(Verdict, decision, "decision")
    decided = call.system.reviews.decide(
        call.caller, item, verdict, call.now, lifetime=lifetime, narrowing=narrowing
    )
    return _item(call, decided)


@operation("review.close")
def _review_close(call: Call, *, review: int) -> Json:
    closed = call.system.reviews.close(call.caller, review, call.now)
    return {
        **_campaign(call, closed.campaign),
        "decided": closed.decided,
        "suspended": list(closed.suspended),
        "proved": list(closed.proved),
        "baseline_sha256": closed.baseline,
    }


@operation("user.proof")
def _user_proof(call: Call, *, name: str) -> Json:
    system = call.system
    proof = prove_leaving(
        system.audit,
        system.accounts,
        system.grants,
        name,
        caller=call.caller,
        now=call.now,
    )
    return {
        "name": proof.principal.name,
        "kind": proof.principal.kind.value,
        "ended_at": iso(proof.principal.ended_at),
        "at": call.now.isoformat(),
        "complete": proof.complete,
        "held": [asdict(held) for held in proof.held],
    }


def _shown(call: Call, review: int) -> Json:
    campaign, items = call.system.reviews.show(review)
    return {**_campaign(call, campaign), "items": [_item(call, item) for item in items]}


def _campaign(call: Call, campaign: Campaign) -> Json:
    names = call.system.accounts.name_of
    closer = campaign.closed_by
    return {
        "review": campaign.id,
        "state": "open" if campaign.closed_at is None else "closed",
        "started_at": campaign.started_at.isoformat(),
        "started_by": names(campaign.started_by),
        "query": campaign.query,
        "row_count": campaign.row_count,
        "population_sha256": campaign.population_hash,
        "closed_at": iso(campaign.closed_at),
        "closed_by": None if closer is None else names(closer),
    }


def _item(call: Call, item: Item) -> Json:
    decider = item.decided_by
    return {
        "item": item.id,
        "grant": grant_json(call, item.grant),
        "marks": list(item.marks),
        "reads": item.reads,
        "last_read_at": iso(item.last_read_at),
        "due_at": item.due_at.isoformat(),
        "decision": None if item.decision is None else item.decision.value,
        "decided_by": None if decider is None else call.system.accounts.name_of(decider),
        "decided_at": iso(item.decided_at),
        "proved_at": iso(item.proved_at),
    }
