"""The inventory of software and devices: `asset` [1.1, 2.3]."""

from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.cli.written import file_of, text_of, write_out
from strongroom.errors import Malformed

asset = typer.Typer(help="Software and devices with access to personal data.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ASSET", show_default=False)]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        help="computer, mobile, server, printer, network, medium, software, service or other.",
    ),
]

_COLUMNS: Final = ("asset", "name", "kind", "owner", "pii", "source", "seen_at", "state")
_MATRIX: Final = (
    *("asset", "name", "kind", "present", "running", "signatures", "guarded"),
    *("disk", "lock", "patches", "scan", "owner"),
)
_COUNTS: Final = ("created", "changed", "untouched", "unseen", "bad")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(asset, name="asset")


@verb(asset, "list", example="strongroom asset list --show open")
def asset_list(  # noqa: PLR0913 - the filters of one list
    session: Session,
    *,
    show: Annotated[str, typer.Option(help="active, open, no_owner, retired or every.")] = "active",
    kind: KindOption = None,
    source: Annotated[str | None, typer.Option(help="declared, import or seen.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="PERSON", help="Whose.")] = None,
    text: Annotated[str, typer.Option("--find", help="A whole name or serial number.")] = "",
    before: Annotated[int | None, typer.Option(help="Numbers below this one.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """List the inventory, the newest first."""
    found = session.call(
        "asset.list",
        as_name=as_name,
        credential_file=credential_file,
        show=show,
        kind=kind,
        source=source,
        owner=owner,
        text=text,
        before=before,
        limit=limit,
    )
    session.say(found, table(found["assets"], _COLUMNS))


@verb(asset, "show", example="strongroom asset show 7")
def asset_show(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show an asset and how it stands."""
    session.say(
        session.call("asset.show", as_name=as_name, credential_file=credential_file, asset=number)
    )


@verb(asset, "add", example="strongroom asset add packing-3 --kind computer --owner ada")
def asset_add(  # noqa: PLR0913 - all that an asset says
    session: Session,
    *,
    name: Annotated[str, typer.Argument(show_default=False)],
    kind: Annotated[str, typer.Option(help="computer, mobile, server, printer, software …")],
    serial: Annotated[str, typer.Option(help="Its serial number.")] = "",
    place: Annotated[str, typer.Option(help="Where it is.")] = "",
    note: Annotated[str, typer.Option(help="What else is to be known.")] = "",
    owner: Annotated[str, typer.Option(metavar="PERSON", help="Who answers for it.")] = "",
    pii: Annotated[bool, typer.Option(help="It handles personal data.")] = True,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Declare an asset on your own name."""
    session.say(
        session.call(
            "asset.add",
            as_name=as_name,
            credential_file=credential_file,
            kind=kind,
            name=name,
            serial=serial,
            place=place,
            note=note,
            owner=owner,
            pii=pii,
        )
    )


@verb(asset, "change", example="strongroom asset change 7 --place 'hall 2' --owner boris")
def asset_change(  # noqa: PLR0913 - all that an asset says
    session: Session,
    *,
    number: Number,
    kind: KindOption = None,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    serial: Annotated[str | None, typer.Option(help="Another serial number.")] = None,
    place: Annotated[str | None, typer.Option(help="Another place.")] = None,
    note: Annotated[str | None, typer.Option(help="Other notes.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="PERSON", help="Another owner.")] = None,
    pii: Annotated[bool | None, typer.Option(help="Whether it handles personal data.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write an asset anew; what is not given stays."""
    session.say(
        session.call(
            "asset.change",
            as_name=as_name,
            credential_file=credential_file,
            asset=number,
            kind=kind,
            name=name,
            serial=serial,
            place=place,
            note=note,
            owner=owner,
            pii=pii,
        )
    )


@verb(asset, "confirm", example="strongroom asset confirm 7 8 9 --owner ada")
def asset_confirm(
    session: Session,
    *,
    numbers: Annotated[list[int], typer.Argument(metavar="ASSET…", show_default=False)],
    owner: Annotated[str, typer.Option(metavar="PERSON", help="For those without an owner.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say on your own name that these are ours."""
    session.say(
        session.call(
            "asset.confirm",
            as_name=as_name,
            credential_file=credential_file,
            assets=numbers,
            owner=owner,
        )
    )


@verb(asset, "retire", example="strongroom asset retire 7 --disposal destroy")
def asset_retire(
    session: Session,
    *,
    number: Number,
    disposal: Annotated[
        str, typer.Option(help="clear, purge, crypto_erase, destroy or none_held (SP 800-88).")
    ],
    digest: Annotated[str, typer.Option(metavar="SHA256", help="Of a certificate.")] = "",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take an asset out of use, and say how its data was destroyed."""
    session.say(
        session.call(
            "asset.retire",
            as_name=as_name,
            credential_file=credential_file,
            asset=number,
            disposal=disposal,
            digest=digest,
        )
    )


@verb(asset, "posture", example="strongroom asset posture --state fail")
def asset_posture(
    session: Session,
    *,
    state: Annotated[str | None, typer.Option(help="pass, fail or unknown.")] = None,
    before: Annotated[int | None, typer.Option(help="Numbers below this one.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show how devices that handle personal data stand."""
    found = session.call(
        "asset.posture",
        as_name=as_name,
        credential_file=credential_file,
        state=state,
        before=before,
        limit=limit,
    )
    session.say(found, table(found["devices"], _MATRIX))


@verb(asset, "state", example="strongroom asset state 7 --said posture.json --digest 3f2a…")
def asset_state(
    session: Session,
    *,
    number: Number,
    said: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help='JSON, such as {"present": true, "disk": true, "scan": "2026-03-09T00:00:00Z"}.',
        ),
    ],
    digest: Annotated[str, typer.Option(metavar="SHA256", help="Of a picture that shows it.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """State how a device without a feed stands, for 90 days."""
    try:
        given = orjson.loads(text_of(said))
    except orjson.JSONDecodeError:
        raise Malformed("the file of --said is no JSON") from None
    session.say(
        session.call(
            "asset.state",
            as_name=as_name,
            credential_file=credential_file,
            asset=number,
            said=given,
            digest=digest,
        )
    )


@verb(asset, "import", example="strongroom asset import hosts.json --from fleet --preview")
def asset_import(
    session: Session,
    *,
    file: Annotated[Path, typer.Argument(show_default=False)],
    feed: Annotated[
        str,
        typer.Option(
            "--from", help="fleet, fleet-csv, intune, snipe-it, own; or a name beside --mapping."
        ),
    ],
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Which column is what, as TOML or JSON.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would do.")] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave out rows that cannot be read.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Import what another tool knows of devices, as a whole or not at all; over 600 KiB through the desk."""
    found = session.call(
        "asset.import",
        as_name=as_name,
        credential_file=credential_file,
        feed=feed,
        file=file_of(file),
        mapping="" if mapping is None else file_of(mapping),
        preview=preview,
        leave_out=leave_out,
    )
    for fault in () if session.as_json else found["faults"]:
        session.warn(f"row {fault['row']} {fault['why']}")
    session.say(found, table([found], _COUNTS))


@verb(asset, "campaign", example="strongroom asset campaign start")
def asset_campaign(
    session: Session,
    *,
    act: Annotated[str, typer.Argument(metavar="start|show|sign", show_default=False)] = "show",
    campaign: Annotated[int | None, typer.Option(help="Which; the last one else.")] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Freeze, show or sign the inventory of a quarter."""
    session.say(
        session.call(
            "asset.campaign",
            as_name=as_name,
            credential_file=credential_file,
            act=act,
            campaign=campaign,
        )
    )


@verb(asset, "sbom", example="strongroom asset sbom --out strongroom.cdx.json")
def asset_sbom(
    session: Session,
    *,
    number: Annotated[int | None, typer.Option("--asset", help="Of an asset; ours else.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it.")] = None,
    attach: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CycloneDX JSON to attach to the asset.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write our bill of materials (CycloneDX 1.6), or attach that of other software."""
    if (out is None) == (attach is None):
        raise Malformed("name --out, or --attach")
    found = session.call(
        "asset.sbom",
        as_name=as_name,
        credential_file=credential_file,
        asset=number,
        file=None if attach is None else file_of(attach),
    )
    if out is None:
        session.say(found)
    else:
        write_out(session, out, found)


@verb(asset, "export", example="strongroom asset export --out assets.csv")
def asset_export(
    session: Session,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write the whole inventory as CSV."""
    found = session.call("asset.export", as_name=as_name, credential_file=credential_file)
    write_out(session, out, found)
