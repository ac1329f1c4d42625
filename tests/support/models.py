"""Amazon's published models as plain facts: which leaves each operation has.

The facts are checked in (`tests/policy/catalogue/leaves.json`), so that tests never pass for want of the models. Where
the models themselves are present (STRONGROOM_MODELS_DIR, or beside the checkout), a test compares the two.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FACTS = ROOT / "tests" / "policy" / "catalogue" / "leaves.json"
MODELS = ("ordersV0", "orders_2026-01-01")

Leaves = dict[str, str]
"""By path the type, and after a colon a value where not every one is allowed: `boolean`, `string:MFN`."""

_SAMPLES = {"date-time": "2026-08-01T12:00:00Z", "date": "2026-08-01"}


def models_dir() -> Path | None:
    """Return the folder with Amazon's models, None where there is none."""
    given = os.environ.get("STRONGROOM_MODELS_DIR")
    folder = Path(given) if given else ROOT.parent / "shared" / "spapi" / "models"
    return folder if folder.is_dir() else None


def known_facts() -> dict[str, dict[str, Leaves]]:
    """Return the checked-in facts: operation id, then response, body, query and path."""
    facts: dict[str, dict[str, Leaves]] = json.loads(FACTS.read_text(encoding="utf-8"))
    return facts


def facts_of(folder: Path) -> dict[str, dict[str, Leaves]]:
    """Return the facts of the models in a folder."""
    facts = {}
    for name in MODELS:
        model = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for methods in model["paths"].values():
            for method, operation in methods.items():
                if method != "parameters":
                    facts[f"{name}.{operation['operationId']}"] = _operation(model, operation)
    return facts


def _operation(model: dict[str, Any], operation: dict[str, Any]) -> dict[str, Leaves]:
    schema = next(
        (r.get("schema") for code, r in operation["responses"].items() if code.startswith("2")),
        None,
    )
    made: dict[str, Leaves] = {"query": {}, "path": {}, "body": {}, "response": {}}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "body":
            made["body"] = dict(_leaves(model, parameter["schema"], ""))
        elif parameter["in"] in ("query", "path"):
            made[parameter["in"]].update(_leaves(model, parameter, parameter["name"]))
    if schema is not None:
        made["response"] = dict(_leaves(model, schema, ""))
    return made


def _leaves(model: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    while "$ref" in schema:
        schema = model["definitions"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        yield from _leaves(model, schema["items"], f"{path}[]")
    elif "properties" in schema:
        for name, member in schema["properties"].items():
            yield from _leaves(model, member, f"{path}.{name}" if path else name)
    else:
        sample = schema.get("enum", [_SAMPLES.get(schema.get("format", ""), "")])[0]
        yield path, f"{schema['type']}:{sample}" if sample else schema["type"]
