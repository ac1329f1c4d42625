"""`strongroom catalogue check`: the catalogue against a folder of models, without a home."""

import json

import pytest

from strongroom.cli.commands import run

pytestmark = pytest.mark.clause("2.2")

# The one operation of the smallest model: no parameters, no body, no answer.
SMALLEST = {
    "paths": {
        "/applications/2023-11-30/clientSecret": {
            "post": {"operationId": "rotateApplicationClientSecret", "responses": {"204": {}}}
        }
    }
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "application_2023-11-30.json").write_text(json.dumps(SMALLEST))
    return tmp_path


def told(capsys, *arguments, code=0):
    assert run(["catalogue", "check", *map(str, arguments)]) == code
    return capsys.readouterr()


def test_a_folder_that_the_catalogue_covers_ends_well_and_needs_no_home(
    folder, capsys, monkeypatch
):
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    document = json.loads(told(capsys, folder, "--json").out)
    assert document["ok"] is True
    assert (document["models"], document["operations"], document["leaves"]) == (1, 1, 0)
    assert set(document["counts"].values()) == {0}
    assert {"missing", "unclassified", "dead", "type", "length", "required"} <= set(
        document["counts"]
    )
    said = told(capsys, folder).out.splitlines()
    assert said[0].split() == ["models", "1"]
    assert any(line.split() == ["unclassified", "0"] for line in said)


def test_what_is_found_is_listed_and_ends_in_one(folder, capsys):
    grown = json.loads(json.dumps(SMALLEST))
    (operation,) = (path["post"] for path in grown["paths"].values())
    operation["responses"]["200"] = {
        "schema": {"type": "object", "properties": {"secret": {"type": "string"}}}
    }
    (folder / "application_2023-11-30.json").write_text(json.dumps(grown))
    document = json.loads(told(capsys, folder, "--json", code=1).out)
    assert document["counts"]["unclassified"] == 1
    assert document["findings"] == [
        {
            "fault": "unclassified",
            "operation": "application_2023-11-30.rotateApplicationClientSecret",
            "part": "answer",
            "path": "secret",
            "detail": "",
        }
    ]
    said = told(capsys, folder, code=1).out
    assert "rotateApplicationClientSecret answer secret" in said


@pytest.mark.parametrize("text", ["{", "[]", '{"paths": 3}', "\x00"])
def test_a_file_that_is_no_model_is_named_and_the_others_are_checked(folder, capsys, text):
    (folder / "broken.json").write_text(text)
    said = told(capsys, folder, code=1).out
    assert "broken.json is no model" in said
    document = json.loads(told(capsys, folder, "--json", code=1).out)
    assert (document["ok"], document["models"]) == (False, 1)
    assert len(document["unreadable"]) == 1


def test_a_schema_that_lacks_its_own_definitions_is_named(folder, capsys):
    """As Amazon's ShipmentTrackingMilestoneChangedNotification."""
    schema = {"$schema": "x", "$ref": "#/definitions/Notification", "definitions": {}}
    (folder / "Milestone.json").write_text(json.dumps(schema))
    document = json.loads(told(capsys, folder, "--json", code=1).out)
    (why,) = document["unreadable"]
    assert why.endswith("refers to a definition that is not there")


def test_no_escape_sequence_of_a_model_reaches_the_terminal(folder, capsys):
    hostile = {
        "paths": {
            "/x": {
                "get": {
                    "operationId": "x\x1b]0;owned\x07",
                    "responses": {"200": {"schema": {"$ref": "#/definitions/\x1b[2J"}}},
                }
            }
        }
    }
    (folder / "hostile.json").write_text(json.dumps(hostile))
    assert "\x1b" not in told(capsys, folder, code=1).out
    hostile["paths"]["/x"]["get"]["responses"] = {}
    (folder / "hostile.json").write_text(json.dumps(hostile))
    assert "\x1b" not in told(capsys, folder, code=1).out


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_models_is_refused(tmp_path, capsys, name):
    assert "models" in told(capsys, tmp_path / name, code=2).err
