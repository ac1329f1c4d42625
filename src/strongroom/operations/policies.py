"""What commands do with the house's own documents: `document` [1.6, 2.2, 2.7]."""

import base64

from strongroom.compliance.people import refuse_programs
from strongroom.compliance.policies import SPECS, Kind, Standing, Version, kind_of, markup
from strongroom.compliance.policies import text as texts
from strongroom.errors import Denied, Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.paper import draw_statement
from strongroom.request import Json

_FORMATS = ("md", "html", "pdf")


@operation("document.list")
def _document_list(call: Call) -> Json:
    refuse_programs(call.caller)
    policies = call.system.compliance.policies
    return {"documents": [_standing(call, one) for one in policies.standings(call.now)]}


@operation("document.show")
def _document_show(
    call: Call, *, document: str, version: int | None = None, compared: bool = False
) -> Json:
    """Return one document: what holds, or one version of it; `compared`: with what held before."""
    refuse_programs(call.caller)
    policies, kind = call.system.compliance.policies, _kind(document)
    standing = policies.standing(kind, call.now)
    shown = standing.current or standing.open if version is None else policies.version(version)
    if shown is not None and shown.kind is not kind:
        raise Malformed("the version is of another document")
    answer = {
        **_standing(call, standing),
        "waits_for": sorted(standing.missing.values()),
        "versions": [_version(call, one) for one in policies.versions(kind)],
    }
    if shown is not None:
        answer |= {
            "shown": _version(call, shown),
            "text": shown.text,
            "lacks": policies.faults(shown) if shown.is_open else [],
        }
        if compared and (before := policies.before(shown)) is not None:
            lines = texts.difference(before.text, shown.text)
            answer["compared"] = [{"how": line.how, "line": line.text} for line in lines]
    return answer


@operation("document.draft")
def _document_draft(
    call: Call,
    *,
    document: str,
    text: str | None = None,
    fill: dict | None = None,  # type: ignore[type-arg]
    template: bool = False,
) -> Json:
    """Begin a draft, or write on at the one there is; `fill` are values of its blanks."""
    if fill is not None and not all(isinstance(value, str) for value in fill.values()):
        raise Malformed("blanks are filled in with texts")
    policies, kind = call.system.compliance.policies, _kind(document)
    open_ = policies.standing(kind, call.now).open
    if open_ is None:
        open_ = policies.begin(kind, call.caller, call.now, written=text, from_template=template)
    elif text is not None:
        open_ = policies.write(open_.id, text, call.caller, call.now)
    elif template:
        raise Malformed("a draft is on its way", hint="give it up first: strongroom document drop")
    if fill:
        open_ = policies.fill(open_.id, fill, call.caller, call.now)
    return {**_version(call, open_), "lacks": policies.faults(open_)}


@operation("document.submit")
def _document_submit(call: Call, *, version: int) -> Json:
    policies = call.system.compliance.policies
    return _version(call, policies.submit(version, call.caller, call.now))


@operation("document.return")
def _document_return(call: Call, *, version: int) -> Json:
    policies = call.system.compliance.policies
    return _version(call, policies.give_back(version, call.caller, call.now))


@operation("document.drop")
def _document_drop(call: Call, *, version: int) -> Json:
    return _version(call, call.system.compliance.policies.drop(version, call.caller, call.now))


@operation("document.approve")
def _document_approve(call: Call, *, version: int, digest: str) -> Json:
    policies = call.system.compliance.policies
    return _version(call, policies.approve(version, digest, call.caller, call.now))


@operation("document.acknowledge")
def _document_acknowledge(call: Call, *, document: str, digest: str) -> Json:
    """Record that the caller read what holds; for nobody else."""
    policies = call.system.compliance.policies
    holds = policies.current(_kind(document), call.now)
    if holds is None:
        raise Denied("nothing is approved of this document yet")
    policies.acknowledge(holds.id, digest, call.caller, call.now)
    at = policies.acknowledged_at(holds, call.caller.principal)
    return {**_version(call, holds), "acknowledged_at": iso(at), "by": call.caller.name}


@operation("document.export")
def _document_export(
    call: Call, *, document: str, version: int | None = None, form: str = "pdf"
) -> Json:
    """Return a version as a file: Markdown, HTML to publish, or PDF; without a number what holds."""
    refuse_programs(call.caller)
    if form not in _FORMATS:
        raise Malformed("no such form of file", hint=f"one of {', '.join(_FORMATS)}")
    policies, kind = call.system.compliance.policies, _kind(document)
    found = policies.current(kind, call.now) if version is None else policies.version(version)
    if found is None or found.kind is not kind:
        raise Malformed("there is no such version of this document")
    if form == "md":
        content = found.text.encode()
    elif form == "html":
        content = _page(SPECS[kind].title, found).encode()
    else:
        head = f"Version {found.number}, {found.state(call.now)}. SHA-256 {found.digest}"
        parts = [("", [head]), *markup.parts(found.text)]
        content = draw_statement(SPECS[kind].title, parts, call.now).content
    file = base64.b64encode(content).decode("ascii")
    return {**_version(call, found), "form": form, "bytes": len(content), "file": file}


@operation("document.compare")
def _document_compare(call: Call) -> Json:
    """Look whether the privacy policy stands where it is published."""
    refuse_programs(call.caller)
    seen = call.system.compliance.published.compare(call.now, call.caller)
    return {"version": seen.version, "at": seen.at.isoformat(), "found": seen.found.value}


def _kind(name: str) -> Kind:
    found = kind_of(name.replace("_", "-"))
    if found is None:
        raise Malformed("no such document", hint=f"one of {', '.join(kind.slug for kind in Kind)}")
    return found


def _standing(call: Call, one: Standing) -> Json:
    state = "changed" if not one.sound else "none"
    if one.sound and one.current is not None:
        state = one.current.state(call.now)
    current = one.current
    return {
        "document": one.spec.kind.slug,
        "title": one.spec.title,
        "state": state,
        "number": None if current is None else current.number,
        "approved_at": iso(None if current is None else current.approved_at),
        "review_by": iso(None if current is None else current.review_by),
        "acknowledged": f"{one.people - len(one.missing)}/{one.people}" if one.people else None,
        "open": None if one.open is None else one.open.id,
    }


def _version(call: Call, one: Version) -> Json:
    names = call.system.accounts.name_of
    return {
        "version": one.id,
        "document": one.kind.slug,
        "number": one.number,
        "state": one.state(call.now),
        "sha256": one.digest,
        "authors": sorted(names(author) for author in one.authors),
        "drafted_at": iso(one.drafted_at),
        "submitted_by": None if one.submitted_by is None else names(one.submitted_by),
        "approved_by": None if one.approved_by is None else names(one.approved_by),
        "approved_at": iso(one.approved_at),
        "review_by": iso(one.review_by),
    }


def _page(title: str, version: Version) -> str:
    """Return a page of its own to be published, with nothing that loads or runs."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n<title>{title}</title></head>\n'
        f"<body>\n<h1>{title}</h1>\n{markup.html(version.text)}"
        f"<p>Version {version.number}, SHA-256 {version.digest}</p>\n</body>\n</html>\n"
    )
