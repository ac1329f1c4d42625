"""Our own bill of materials: valid by the published schema, the same each time, and all of what is installed."""

from __future__ import annotations

import json
from importlib.metadata import distribution, requires
from importlib.resources import files

import jsonschema
import pytest
from referencing import Registry, Resource

from strongroom.assurance.assets.sbom import own_bom, read_bom

SCHEMAS = ("bom-1.6", "spdx", "jsf-0.82")


def _validator() -> jsonschema.Draft7Validator:
    directory = files("cyclonedx.schema._res")
    found = {
        name: json.loads(directory.joinpath(f"{name}.SNAPSHOT.schema.json").read_text("utf-8"))
        for name in SCHEMAS
    }
    registry: Registry = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in found.values()]
    )
    return jsonschema.Draft7Validator(found["bom-1.6"], registry=registry)


@pytest.mark.clause("2.3", "2.3-a")
def test_our_bill_of_materials_is_cyclonedx_by_the_published_schema() -> None:
    document = json.loads(own_bom())
    faults = [error.message[:200] for error in _validator().iter_errors(document)]
    assert faults == []
    with pytest.raises(jsonschema.ValidationError):
        _validator().validate(document | {"specVersion": 3})


@pytest.mark.clause("2.3")
def test_the_same_packages_make_the_same_bytes_without_an_instant() -> None:
    assert own_bom() == own_bom()
    assert b"timestamp" not in own_bom()


@pytest.mark.clause("2.3")
def test_everything_that_runs_is_in_it() -> None:
    document = json.loads(own_bom())
    listed = {one["name"]: one["version"] for one in document["components"]}
    needed = [line for line in requires("strongroom") or [] if "extra" not in line]
    assert len(needed) > 20
    for name in ("cryptography", "sqlalchemy", "starlette", "cffi"):
        assert listed[name] == distribution(name).version
    assert "pytest" not in listed
    assert document["metadata"]["component"]["name"] == "strongroom"
    refs = {one["bom-ref"] for one in document["components"]}
    refs.add(document["metadata"]["component"]["bom-ref"])
    assert {
        ref for one in document["dependencies"] for ref in (one["ref"], *one["dependsOn"])
    } == refs
    assert len(read_bom(own_bom()).components) == len(listed)
