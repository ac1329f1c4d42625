"""What commands do in the inventory: `asset` [1.1, 2.3]."""

import base64
import binascii
from datetime import datetime

from strongroom.assurance.assets import (
    Asset,
    Assets,
    Campaign,
    Check,
    Disposal,
    Filter,
    Import,
    Kind,
    Source,
    State,
    Words,
    own_bom,
)
from strongroom.assurance.assets.posture import AGES, FLAGS
from strongroom.assurance.assets.written import as_csv
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json, instant
from strongroom.terms import PrincipalKind

_MOST_LISTED = 1000


@operation("asset.list")
def _asset_list(
    call: Call,
    *,
    show: str = "active",
    kind: str | None = None,
    source: str | None = None,
    owner: str | None = None,
    text: str = "",
    before: int | None = None,
    limit: int = 100,
) -> Json:
    assets = _assets(call)
    found = assets.inventory.page(
        member(Filter, show, "filter"),
        call.now,
        kind=None if kind is None else member(Kind, kind, "kind"),
        source=None if source is None else member(Source, source, "source"),
        owner=None if owner is None else call.system.accounts.find(owner).id,
        text=text,
        before=before,
        limit=max(1, min(limit, _MOST_LISTED)),
    )
    return {
        "counts": dict(assets.inventory.counts(call.now)),
        "assets": [_asset(call, one) for one in found],
    }


@operation("asset.show")
def _asset_show(call: Call, *, asset: int) -> Json:
    inventory = _assets(call).inventory
    found = inventory.show(asset)
    bom = inventory.bom(asset)
    return {
        **_asset(call, found),
        "note": found.words.note,
        "posture": {
            check.value: cell.state.value
            for check, cell in inventory.posture(found, call.now).items()
        },
        "bom": None if bom is None else {"components": bom.components, "sha256": bom.sha256},
    }


@operation("asset.add")
def _asset_add(
    call: Call,
    *,
    kind: str,
    name: str,
    serial: str = "",
    place: str = "",
    note: str = "",
    owner: str = "",
    pii: bool = True,
) -> Json:
    inventory = _assets(call).inventory
    words = Words(name, serial, place, note)
    id_ = inventory.add(
        call.caller, member(Kind, kind, "kind"), words, call.now, owner=owner, pii=pii
    )
    return _asset(call, inventory.show(id_))


@operation("asset.change")
def _asset_change(  # noqa: PLR0913 - all that an asset says
    call: Call,
    *,
    asset: int,
    kind: str | None = None,
    name: str | None = None,
    serial: str | None = None,
    place: str | None = None,
    note: str | None = None,
    owner: str | None = None,
    pii: bool | None = None,
) -> Json:
    """Write an asset anew; what is not given stays."""
    inventory = _assets(call).inventory
    old = inventory.show(asset)
    words = Words(
        old.words.name if name is None else name,
        old.words.serial if serial is None else serial,
        old.words.place if place is None else place,
        old.words.note if note is None else note,
    )
    held = "" if old.owner is None else call.system.accounts.name_of(old.owner)
    inventory.change(
        call.caller,
        asset,
        old.kind if kind is None else member(Kind, kind, "kind"),
        words,
        call.now,
        owner=held if owner is None else owner,
        pii=old.pii if pii is None else pii,
    )
    return _asset(call, inventory.show(asset))


@operation("asset.confirm")
def _asset_confirm(call: Call, *, assets: list[int], owner: str = "") -> Json:
    done = _assets(call).inventory.confirm(call.caller, assets, call.now, owner=owner)
    return {"confirmed": done}


@operation("asset.retire")
def _asset_retire(call: Call, *, asset: int, disposal: str, digest: str = "") -> Json:
    inventory = _assets(call).inventory
    how = member(Disposal, disposal, "disposal")
    inventory.retire(call.caller, asset, how, call.now, digest=digest)
    return _asset(call, inventory.show(asset))


@operation("asset.posture")
def _asset_posture(
    call: Call, *, state: str | None = None, before: int | None = None, limit: int = 100
) -> Json:
    inventory = _assets(call).inventory
    rows = inventory.matrix(
        call.now,
        state=None if state is None else member(State, state, "state"),
        before=before,
        limit=max(1, min(limit, _MOST_LISTED)),
    )
    return {
        "tally": {one.value: number for one, number in inventory.tally(call.now).items()},
        "devices": [
            {
                "asset": one.id,
                "name": one.words.name,
                "kind": one.kind.value,
                **{check.value: cell.state.value for check, cell in row.items()},
            }
            for one, row in rows
        ],
    }


@operation("asset.state")
def _asset_state(
    call: Call,
    *,
    asset: int,
    said: dict,  # type: ignore[type-arg]
    digest: str,
) -> Json:
    """State how a device without a feed stands: yes or no, or an instant, by the name of the check."""
    flags: dict[Check, bool] = {}
    ages: dict[Check, datetime] = {}
    for name, told in said.items():
        check = member(Check, name, "check")
        if check in FLAGS and isinstance(told, bool):
            flags[check] = told
        elif check in AGES and isinstance(told, str):
            ages[check] = instant(told)
        else:
            raise Malformed(
                f"{check.value} is told by {'true or false' if check in FLAGS else 'an instant'}"
            )
    # Whoever answers for a device states this too: the room asks.
    inventory = call.system.assurance.assets.inventory
    inventory.state(call.caller, asset, flags, ages, call.now, digest=digest)
    return {"asset": asset, "stated": len(flags) + len(ages)}


@operation("asset.import")
def _asset_import(
    call: Call,
    *,
    feed: str,
    file: str,
    mapping: str = "",
    preview: bool = False,
    leave_out: bool = False,
) -> Json:
    """Read a file and apply it at once, or with `preview` say what it would do."""
    imports = _assets(call).imports
    content, own = _bytes(file), _bytes(mapping)
    found = imports.preview(call.caller, feed, content, call.now, mapping=own)
    if preview:
        imports.drop(call.caller, found.id, call.now)
    else:
        found = imports.apply(call.caller, found.id, call.now, leave_out=leave_out)
    return _import(found)


@operation("asset.campaign")
def _asset_campaign(call: Call, *, act: str = "show", campaign: int | None = None) -> Json:
    """Start, show or sign the quarter's campaign."""
    campaigns = _assets(call).campaigns
    if act == "start":
        return _campaign(call, campaigns.start(call.caller, call.now))
    listed = campaigns.listed()
    if campaign is None:
        if not listed:
            raise Malformed("there is no campaign yet", hint="strongroom asset campaign start")
        campaign = listed[0].id
    if act == "sign":
        return _campaign(call, campaigns.close(call.caller, campaign, call.now))
    if act != "show":
        raise Malformed("a campaign is started, shown or signed")
    return _campaign(call, campaigns.show(campaign))


@operation("asset.sbom")
def _asset_sbom(call: Call, *, asset: int | None = None, file: str | None = None) -> Json:
    """Return our own bill of materials or that of an asset; with a file, attach it to the asset."""
    inventory = _assets(call).inventory
    if file is not None:
        if asset is None:
            raise Malformed("say to which asset the file is attached")
        bom = inventory.attach(call.caller, asset, _bytes(file), call.now)
        return {"asset": asset, "components": bom.components, "sha256": bom.sha256}
    content = own_bom() if asset is None else inventory.bom_content(asset)
    return {"file": base64.b64encode(content).decode("ascii"), "bytes": len(content)}


@operation("asset.export")
def _asset_export(call: Call) -> Json:
    rows = _assets(call).inventory.export(call.caller, call.now)
    names = {one.id: one.name for one in call.system.accounts.listed(PrincipalKind.PERSON)}
    content = as_csv(rows, names)
    return {"file": base64.b64encode(content).decode("ascii"), "assets": len(rows)}


def _assets(call: Call) -> Assets:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return call.system.assurance.assets


def _asset(call: Call, one: Asset) -> Json:
    return {
        "asset": one.id,
        "name": one.words.name,
        "kind": one.kind.value,
        "serial": one.words.serial,
        "place": one.words.place,
        "owner": None if one.owner is None else call.system.accounts.name_of(one.owner),
        "pii": one.pii,
        "source": one.source.value,
        "feed": one.feed,
        "state": one.state,
        "seen_at": iso(one.seen_at),
        "confirmed_at": iso(one.confirmed_at),
        "retired_at": iso(one.retired_at),
        "disposal": None if one.disposal is None else one.disposal.value,
    }


def _import(one: Import) -> Json:
    return {
        "import": one.id,
        "feed": one.feed,
        "sha256": one.sha256,
        "applied_at": iso(one.applied_at),
        **one.counts,
        "faults": [{"row": fault.row, "why": fault.why} for fault in one.faults],
    }


def _campaign(call: Call, one: Campaign) -> Json:
    campaigns = call.system.assurance.assets.campaigns
    difference = campaigns.difference(one)
    return {
        "campaign": one.id,
        "started_at": one.started_at.isoformat(),
        "assets": one.assets,
        "added": len(difference.added),
        "gone": len(difference.gone),
        "changed": len(difference.changed),
        "left": campaigns.left(one) if one.closed_at is None else 0,
        "signed_at": iso(one.closed_at),
        "sha256": one.digest or one.frozen_digest,
        "sound": one.sound,
    }


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("the file is no base64") from None
