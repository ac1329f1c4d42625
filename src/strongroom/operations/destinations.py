"""What commands do to the destinations of the relay, and to whom it disclosed what [1.3, 2.2]."""

from hashlib import sha256

from strongroom.feeds.destinations import host_and_port
from strongroom.feeds.parties import Answers, Party, ordered, pin
from strongroom.feeds.targets import Role, Target
from strongroom.operations.channels import about, checked_ca
from strongroom.operations.registry import Call, member, operation, sellers_of
from strongroom.relay import Disclosure
from strongroom.request import Json
from strongroom.terms import Category, Purpose


@operation("destination.add")
def _destination_add(  # noqa: PLR0913 - one for each thing that a second person approves
    call: Call,
    *,
    name: str,
    host: str,
    categories: list[str],
    purposes: list[str],
    sellers: list[str] | None = None,
    prefix: str = "/",
    pins: list[str] | None = None,
    ca: str | None = None,
    networks: list[str] | None = None,
    answers: str = Answers.SCAN.value,
    answer_bytes: int = 1024 * 1024,
    per_minute: int = 60,
) -> Json:
    """`sellers` None is every selling partner, now and later."""
    where, port = host_and_port(host if host.rpartition(":")[2].isdigit() else f"{host}:443")
    party = Party(
        where.lower(),
        port,
        prefix.rstrip("/") or "/",
        ordered(member(Category, one, "category") for one in categories),
        tuple(sorted({member(Purpose, one, "purpose") for one in purposes})),
        None if sellers is None else tuple(sorted(set(sellers_of(call.system, sellers)))),
        tuple(sorted({pin(one) for one in pins or ()})),
        checked_ca(ca),
        tuple(sorted(set(networks or ()))),
        member(Answers, answers, "way to treat answers"),
        answer_bytes,
        per_minute,
    )
    targets = call.system.targets
    return _shown(call, targets.request_add(Role.PARTY, name, party, call.caller, call.now))


@operation("destination.list")
def _destination_list(call: Call) -> Json:
    tampered = [row for row in call.system.targets.drift() if row.startswith(Role.PARTY)]
    rows = [_shown(call, target) for target in call.system.targets.listed(Role.PARTY)]
    return {"destinations": rows, "tampered": tampered}


@operation("destination.show")
def _destination_show(call: Call, *, name: str) -> Json:
    return _shown(call, call.system.targets.by_name(Role.PARTY, name))


@operation("destination.approve")
def _destination_approve(call: Call, *, name: str, terms: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.approve(Role.PARTY, name, call.caller, call.now, terms=terms))


@operation("destination.reject")
def _destination_reject(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.reject(Role.PARTY, name, call.caller, call.now))


@operation("destination.remove")
def _destination_remove(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.request_removal(Role.PARTY, name, call.caller, call.now))


@operation("destination.disclosures")
def _destination_disclosures(call: Call, *, name: str) -> Json:
    # Who told whom what is what the log says.
    call.system.log_readers.admit(call.caller, "destination.disclosures", call.now)
    target = call.system.targets.by_name(Role.PARTY, name)
    sellers = call.system.sellers.names()
    found = call.system.disclosures.of_destination(target.id)
    return {"disclosures": [_told(call, one, sellers[one.seller]) for one in found]}


def _told(call: Call, one: Disclosure, seller: str) -> Json:
    return {
        "at": one.at.isoformat(),
        "principal": call.system.accounts.name_of(one.principal),
        "seller": seller,
        "record": one.record,
        "purpose": one.purpose.value,
        "categories": [category.value for category in one.categories],
        "fields": list(one.fields),
        "req": one.req,
    }


def _shown(call: Call, target: Target) -> Json:
    party = target.destination
    if not isinstance(party, Party):
        raise TypeError("a destination of the relay is a party")
    names = call.system.sellers.names()
    return {
        **about(call, target),
        "host": party.host,
        "port": party.port,
        "prefix": party.prefix,
        "categories": [category.value for category in party.categories],
        "purposes": [purpose.value for purpose in party.purposes],
        "sellers": None if party.sellers is None else [names[id_] for id_ in party.sellers],
        "pins": list(party.pins),
        "ca_sha256": None if party.ca is None else sha256(party.ca.encode()).hexdigest(),
        "networks": list(party.networks),
        "answers": party.answers.value,
        "answer_bytes": party.answer_bytes,
        "per_minute": party.per_minute,
    }
