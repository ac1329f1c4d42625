"""The container's files say what exists, hold no secret and no shell, and what they forbid is not in the way.

No engine builds anything here: what is checked is each name, and the commands under the same restrictions.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from tests.support import contained
from tests.support.booted import _COMMAND, INTERPRETER
from tests.support.home import COMMAND

from strongroom.db.engine import Database
from strongroom.settings import load

pytestmark = pytest.mark.clause("1.1", "2.4")

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy/container"
COMPOSE: dict[str, Any] = yaml.safe_load((FILES / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LINES = [
    line
    for line in (FILES / "Containerfile").read_text().splitlines()
    if line and not line.startswith("#")
]
USER = 10001


def instructions(name: str) -> list[str]:
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{name} ")]


def test_every_instruction_runs_without_a_shell() -> None:
    commands = instructions("RUN") + instructions("ENTRYPOINT") + instructions("CMD")
    commands += [line.partition(" CMD ")[2] for line in instructions("HEALTHCHECK")]
    for command in commands:
        arguments = json.loads(command)
        assert arguments
        assert not {"sh", "bash", "/bin/sh", "/bin/bash"} & set(arguments)


def test_the_image_is_named_by_its_digest_by_who_builds_it() -> None:
    assert {line.split()[0] for line in instructions("FROM")} == {"${PYTHON_IMAGE}"}
    assert instructions("ARG") == ["PYTHON_IMAGE"], "no default, which would be forgotten"
    for service in SERVICES.values():
        asked = service["build"]["args"]["PYTHON_IMAGE"] if "build" in service else service["image"]
        assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*digest\}", asked)


def test_it_ends_as_somebody_and_runs_the_project_s_command() -> None:
    assert LINES[-1].startswith("CMD")
    assert instructions("USER") == [f"{USER}:{USER}"]
    (entry,) = json.loads(instructions("ENTRYPOINT")[0])
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert Path(entry).name in scripts
    assert Path(entry).parent == Path("/opt/strongroom/bin")


def test_only_what_is_copied_is_shown_to_the_build() -> None:
    shown = {line[1:] for line in (FILES / "Containerfile.dockerignore").read_text().splitlines()
             if line.startswith("!")}  # fmt: skip
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert {"dist" if one.startswith("dist/") else one for one in copied} == shown
    for one in shown - {"dist"}:
        assert (ROOT / one).is_file()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["ulimits"]["core"] == 0
    assert int(service["user"].partition(":")[0]) > 0
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "privileged" not in service
    assert set(service["secrets"]) <= COMPOSE["secrets"].keys()
    # A secret is a file: none stands in the environment or in an argument.
    for key, value in service["environment"].items():
        assert not re.search("PASSWORD|SECRET|URL|PASSPHRASE", key) or key.endswith("_FILE")
        if key.endswith("_FILE"):
            assert Path(value).name in service["secrets"]


def test_databases_have_no_network_and_meet_nobody_but_the_home() -> None:
    for name in ("vault", "keystore"):
        service = SERVICES[name]
        assert service["network_mode"] == "none"
        assert "listen_addresses=" in service["command"]
        assert f"unix_socket_directories=/run/{name}" in service["command"]
        users = [
            one for one, it in SERVICES.items() if f"{name}-socket:/run/{name}" in it["volumes"]
        ]
        assert users == ["strongroom", name]
        assert f"gid={USER},mode=0750" in COMPOSE["volumes"][f"{name}-socket"]["driver_opts"]["o"]
    data = [SERVICES[one]["volumes"][0].partition(":")[0] for one in ("vault", "keystore")]
    assert data == ["vault", "keystore"], "one cluster each"
    for said in ("archive_mode=off", "max_wal_senders=0"):
        assert said in SERVICES["keystore"]["command"]


def programs() -> Path:
    """Return where PostgreSQL's programs are."""
    named = os.environ.get("STRONGROOM_TEST_PG_BIN")
    return Path(named) if named else max(Path("/usr/lib/postgresql").glob("*/bin"))


def test_postgresql_knows_each_setting() -> None:
    said = subprocess.run(
        [programs() / "postgres", "--describe-config"], check=True, capture_output=True, text=True
    )
    known = {line.partition("\t")[0] for line in said.stdout.splitlines()}
    for name in ("vault", "keystore"):
        arguments = SERVICES[name]["command"]
        given = {
            arguments[n + 1].partition("=")[0] for n, one in enumerate(arguments) if one == "-c"
        }
        assert given <= known
        assert len(given) >= 3


def test_the_home_takes_each_setting(tmp_path: Path) -> None:
    environment = dict(SERVICES["strongroom"]["environment"])
    for name in ("vault", "keystore"):
        path = tmp_path / name
        path.write_text(f"postgresql+psycopg://strongroom:mark@/{name}?host=/run/{name}\n")
        key = f"STRONGROOM_{name.upper()}__URL_FILE"
        assert environment[key] == f"/run/secrets/{name}-url"
        environment[key] = str(path)
    (tmp_path / "strongroom.toml").write_text(
        'environment = "test"\nhome_id = "0123456789abcdef"\n'
    )
    settings = load(tmp_path, environment)
    assert Database.place(settings.vault.url) != Database.place(settings.keystore.url)
    ports = {settings.gateway.port, settings.api.port, settings.desk.port}
    assert {int(one.rpartition(":")[2]) for one in SERVICES["strongroom"]["ports"]} == ports
    with pytest.raises(Exception, match="not a setting"):
        load(tmp_path, {**environment, "STRONGROOM_NOBODY__KNOWS": "1"})


def test_what_starts_programs_is_taken_out_of_the_image(tmp_path: Path) -> None:
    for name in (
        "bin/sh",
        "usr/bin/perl5.36",
        "usr/bin/apt-get",
        "usr/local/bin/pip3.11",
        "usr/bin/chfn",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o4755)
    kept = tmp_path / "usr/local/bin/python3.11"
    kept.touch()
    bare = [
        sys.executable,
        str(FILES / "bare.py"),
        str(os.getuid()),
        "/srv/strongroom",
        str(tmp_path),
    ]
    subprocess.run(bare, check=True)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert set(left) == {kept, tmp_path / "usr/bin/chfn"}
    assert not any(path.stat().st_mode & stat.S_ISUID for path in left)
    assert stat.S_IMODE((tmp_path / "srv/strongroom").stat().st_mode) == 0o700


@pytest.mark.long
def test_a_home_lives_without_a_shell_on_a_root_that_is_read_only(tmp_path: Path) -> None:
    """The entry point, command, health check and environment of the files; the databases are files of the home here."""
    assert INTERPRETER.exists()
    (entry,) = json.loads(instructions("ENTRYPOINT")[0])
    health = json.loads(instructions("HEALTHCHECK")[0].partition(" CMD ")[2])
    environment = {
        key: value
        for key, value in SERVICES["strongroom"]["environment"].items()
        if "URL_FILE" not in key
    } | {"PYTHONDONTWRITEBYTECODE": "1"}
    passphrase = environment["STRONGROOM_KEYSTORE__PASSPHRASE_FILE"]
    write = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    plan = {
        "base": str(tmp_path / "lab"),
        "bare": shutil.copy(FILES / "bare.py", tmp_path),
        "user": USER,
        "directory": "/srv/strongroom",
        "environment": environment,
        "binds": {
            sysconfig.get_path("purelib"): "opt/strongroom/site",
            str(ROOT / "src"): "opt/strongroom/src",
        },
        "files": {
            "opt/strongroom/bin/strongroom": _COMMAND.format(interpreter=INTERPRETER),
            passphrase.lstrip("/"): "a passphrase of the tests, 42",
        },
        "commands": {
            "init": [entry, "init", "--environment", "production", "--one-person",
                     "--passphrase-file", passphrase, "--json"],
            "serve": [entry, *SERVICES["strongroom"]["command"]],
            "health": [str(INTERPRETER), *health[1:]],
            "doctor": [entry, "doctor", "--json"],
            "allow": [entry, "network", "allow", "--listener", "desk", "172.30.84.1", "--json"],
            "shell": ["/bin/sh", "-c", "true"],
            "bash": ["/bin/bash", "-c", "true"],
            "outside": [str(INTERPRETER), "-c", write, "/usr/left"],
            "inside": [str(INTERPRETER), "-c", write, "/srv/strongroom/left"],
        },
    }  # fmt: skip
    (tmp_path / "lab").mkdir()
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    said = subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c",
         'ip link set lo up; exec "$@"', "sh", sys.executable, contained.__file__, str(tmp_path / "plan.json")],
        check=True, stdout=subprocess.PIPE, text=True, timeout=180,
    )  # fmt: skip
    did = json.loads(said.stdout)
    for name in ("init", "health", "doctor", "allow", "serve", "inside"):
        assert did[name]["code"] == 0, (name, did[name])
    assert did["shell"] == did["bash"] == {"code": -1, "output": "No such file or directory"}
    assert did["outside"]["code"] != 0
    assert "Read-only file system" in did["outside"]["output"]
    assert json.loads(did["doctor"]["output"])["ok"] is True


@pytest.fixture
def clusters() -> Iterator[Path]:
    """Both clusters as compose.yaml starts them, but for where their sockets are; owned by an account of their own."""
    base = Path(tempfile.mkdtemp(prefix="clusters-", dir="/tmp"))
    base.chmod(0o711)
    account = pwd.getpwnam("postgres")
    with ExitStack() as running:
        running.callback(shutil.rmtree, base, ignore_errors=True)
        for name in ("vault", "keystore"):
            own, secret = base / name, base / f"{name}-password"
            own.mkdir(mode=0o755)
            secret.write_text(f"a-password-of-{name}")
            for path in (own, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
            as_account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            asked = SERVICES[name]["environment"]
            initdb = [
                str(programs() / "initdb"), "--pgdata", str(own / "data"), "--username", asked["POSTGRES_USER"],
                "--pwfile", str(secret), *asked["POSTGRES_INITDB_ARGS"].split(),
            ]  # fmt: skip
            subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_account)
            command = [one.replace(f"/run/{name}", str(own)) for one in SERVICES[name]["command"]]
            command = [str(programs() / command[0]), "-D", str(own / "data"), *command[1:]]
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL, **as_account)
            running.callback(server.wait, 30)
            running.callback(server.send_signal, getattr(signal, SERVICES[name]["stop_signal"]))
            url = f"host={own} user=strongroom password=a-password-of-{name} dbname=postgres"
            for _try in range(100):
                with suppress(psycopg.OperationalError):
                    with psycopg.connect(url, autocommit=True) as made:
                        made.execute(f"CREATE DATABASE {asked['POSTGRES_DB']}")
                    break
                time.sleep(0.1)
        yield base


@pytest.mark.long
def test_a_home_is_made_on_the_two_clusters(clusters: Path, tmp_path: Path) -> None:
    environment = dict(SERVICES["strongroom"]["environment"]) | {"PATH": "/usr/bin:/bin"}
    environment["STRONGROOM_HOME"] = str(tmp_path / "home")
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("a passphrase of the tests, 42")
    environment["STRONGROOM_KEYSTORE__PASSPHRASE_FILE"] = str(passphrase)
    page = (ROOT / "docs/deploying.md").read_text()
    form = re.search(r"printf '(postgresql[^']+)'", page)
    assert form, "the page says how the URL is written"
    for name in ("vault", "keystore"):
        url = tmp_path / f"{name}-url"
        url.touch(mode=0o600)
        said = form[1] % (f"a-password-of-{name}", name, name)
        url.write_text(said.replace(f"/run/{name}", str(clusters / name)))
        environment[f"STRONGROOM_{name.upper()}__URL_FILE"] = str(url)

    def strongroom(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(COMMAND), *arguments, "--json"], check=False, env=environment, capture_output=True, text=True
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    made = ("--environment", "production", "--one-person", "--passphrase-file", str(passphrase))
    strongroom("init", *made)
    checks = {one["id"]: one["state"] for one in strongroom("doctor")["checks"]}
    assert checks["home.opens"] == "ok"
    assert not list((tmp_path / "home").glob("*.db"))
    with psycopg.connect(
        f"host={clusters}/keystore user=strongroom password=a-password-of-keystore dbname=keystore"
    ) as there:
        shown = [there.execute(f"SHOW {name}").fetchone() for name in ("archive_mode", "wal_level")]
    assert shown == [("off",), ("minimal",)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host={clusters}/keystore user=strongroom password=wrong dbname=keystore")
