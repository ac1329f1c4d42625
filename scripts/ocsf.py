"""Derives the JSON Schema that our mapped events are held against from a checkout of the published OCSF schema.

    git clone --no-checkout https://github.com/ocsf/ocsf-schema && git -C ocsf-schema checkout v1.8.0
    python scripts/ocsf.py ocsf-schema > tests/vectors/ocsf.json

Of the schema (Apache-2.0) it takes facts: names, types, requirements, numbers of enumerations. What is required stays
required; of what is optional only the attributes that we write are kept, and nothing else is allowed.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

CLASSES: Final = (
    "iam/account_change",
    "iam/authentication",
    "application/api_activity",
    "application/datastore_activity",
    "findings/detection_finding",
    "findings/incident_finding",
)
WRITTEN: Final = frozenset(
    (  # noqa: SIM905 - a list of words reads as words
        "activity_id activity_name actor analytic api app_name assignee category_name category_uid class_name class_uid"
        " count database event_code finding_info finding_info_list log_name message metadata name operation"
        " original_time product profiles resources sequence service session severity severity_id src_endpoint status"
        " status_code status_id svc_name time title type type_id type_name type_uid uid unmapped user vendor_name"
        " version"
    ).split()
)
_JSON: Final = {
    "boolean_t": {"type": "boolean"},
    "float_t": {"type": "number"},
    "integer_t": {"type": "integer"},
    "json_t": {},
    "long_t": {"type": "integer"},
    "port_t": {"type": "integer", "minimum": 0, "maximum": 65535},
    "timestamp_t": {"type": "integer", "minimum": 0},
}


def main(root: Path) -> None:
    """Print the schema of the checkout at `root`."""
    version = json.loads((root / "version.json").read_text())["version"]
    dictionary = json.loads((root / "dictionary.json").read_text())["attributes"]
    categories = json.loads((root / "categories.json").read_text())["attributes"]
    definitions: dict[str, Any] = {}
    classes = {}
    for path in CLASSES:
        found = _resolved(root / "events", path.rpartition("/")[2])
        category = categories[found["category"]]
        uid = category["uid"] * 1000 + found["uid"]
        schema = _object(root, dictionary, found, definitions)
        activities = sorted(int(n) for n in found["attributes"]["activity_id"]["enum"])
        schema["properties"] |= {
            "class_uid": {"const": uid},
            "class_name": {"const": found["caption"]},
            "category_uid": {"const": category["uid"]},
            "category_name": {"const": category["caption"]},
            "activity_id": {"enum": activities},
            "type_uid": {"enum": [uid * 100 + activity for activity in activities]},
        }
        classes[str(uid)] = schema
    captions = {
        uid: {
            n: e["caption"]
            for n, e in _resolved(root / "events", path.rpartition("/")[2])["attributes"][
                "activity_id"
            ]["enum"].items()
        }
        for uid, path in zip(classes, CLASSES, strict=True)
    }
    document = {
        "source": f"https://github.com/ocsf/ocsf-schema, version {version}, Apache-2.0; by scripts/ocsf.py",
        "version": version,
        "activities": captions,
        "classes": classes,
        "$defs": definitions,
    }
    print(json.dumps(document, indent=1, sort_keys=True))  # noqa: T201 - a script prints its result


def _resolved(directory: Path, name: str) -> dict[str, Any]:
    """Return a class or an object with what it inherits."""
    (path,) = directory.rglob(f"{name}.json")
    own: dict[str, Any] = json.loads(path.read_text())
    parent = own.get("extends")
    if parent is None:
        base: dict[str, Any] = {"attributes": {}}
    else:
        base = _resolved(directory, parent)
    attributes = dict(base["attributes"])
    for key, value in own.get("attributes", {}).items():
        if key == "$include":
            # Of profiles, which nobody has to apply.
            continue
        before = attributes.get(key, {})
        enum = {**before.get("enum", {}), **value.get("enum", {})}
        attributes[key] = {**before, **value, **({"enum": enum} if enum else {})}
    return {**base, **own, "attributes": attributes}


def _object(
    root: Path, dictionary: dict[str, Any], found: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    properties, required = {}, []
    for name, attribute in sorted(found["attributes"].items()):
        must = attribute.get("requirement") == "required" and not attribute.get("profile")
        if must:
            required.append(name)
        if must or name in WRITTEN:
            known = {**dictionary[name], **attribute}
            enum = {**dictionary[name].get("enum", {}), **attribute.get("enum", {})}
            properties[name] = _value(root, dictionary, known, enum, definitions)
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }
    one_of = found.get("constraints", {}).get("at_least_one")
    if one_of:
        schema["anyOf"] = [{"required": [name]} for name in one_of if name in properties]
    return schema


def _value(
    root: Path,
    dictionary: dict[str, Any],
    known: dict[str, Any],
    enum: dict[str, Any],
    definitions: dict[str, Any],
) -> dict[str, Any]:
    kind = known["type"]
    if kind == "object":
        value: dict[str, Any] = {"type": "object"}
    elif kind.endswith("_t"):
        value = dict(_JSON.get(kind, {"type": "string"}))
        if enum and value.get("type") == "integer":
            value["enum"] = sorted(int(number) for number in enum)
    else:
        value = {"$ref": f"#/$defs/{kind}"}
        if kind not in definitions:
            definitions[kind] = {}
            definitions[kind] = _object(
                root, dictionary, _resolved(root / "objects", kind), definitions
            )
    return {"type": "array", "items": value} if known.get("is_array") else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
