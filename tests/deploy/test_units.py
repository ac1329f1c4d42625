"""The units of deploy/systemd are what docs/deploying.md says, and what they forbid is not in the way of `serve`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pyrage
import pytest
from tests.support.booted import DEPLOY, ROOT, booted

from strongroom.app import _SYSTEMD_CREDENTIAL
from strongroom.serve import Face
from strongroom.settings import PREFIX, load

pytestmark = pytest.mark.clause("1.1", "2.4")

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PAGE = (ROOT / "docs/deploying.md").read_text()
HOME = "/var/lib/strongroom/home"
HIGHEST = {
    "strongroom": 1.1,
    "strongroom-witness": 1.1,
    "strongroom-backup": 0.2,
    "strongroom-firewall": 2.0,
}


def read(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the lines of each section, in order; a name may come again."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(section, []).append((name, value))
    return found


def exposure(path: Path) -> float:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert score, said.stdout
    return float(score[1])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_exposed_no_more_than_its_page_says(unit: Path) -> None:
    assert f"`{unit.name}` | {HIGHEST[unit.stem]} |" in PAGE
    assert exposure(unit) <= HIGHEST[unit.stem]


def test_a_restriction_that_is_taken_away_is_seen(tmp_path: Path) -> None:
    weak = tmp_path / "strongroom.service"
    text = (DEPLOY / "systemd/strongroom.service").read_text()
    weak.write_text(text.replace("NoNewPrivileges=yes\n", "").replace("PrivateUsers=yes\n", ""))
    assert exposure(weak) > HIGHEST["strongroom"]


@pytest.mark.parametrize(
    "unit", sorted((DEPLOY / "systemd").glob("*.[st][ei]*r*")), ids=lambda path: path.name
)
def test_systemd_understands_each_line(unit: Path, tmp_path: Path) -> None:
    """Names that systemd does not know are only warned of: they must not be there, or they protect nothing."""
    for one in (DEPLOY / "systemd").iterdir():
        text = one.read_text().replace("/opt/strongroom/bin/strongroom", "/bin/true")
        (tmp_path / one.name).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_the_witness_is_restricted_as_the_home_is() -> None:
    home, witness = (
        (DEPLOY / "systemd" / f"{name}.service").read_text()
        for name in ("strongroom", "strongroom-witness")
    )
    theirs = re.sub(r"strongroom-witness", "strongroom", witness.split("[Service]")[1])
    ours = home.split("[Service]")[1]
    differ = set(theirs.splitlines()) ^ set(ours.splitlines())
    assert {line.split("=")[0] for line in differ} == {"ExecStart", "SocketBindAllow"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_what_a_unit_names_exists(unit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = read(unit)["Service"]
    values = dict(service)
    for name, value in service:
        if name == "ExecStart" and " serve " in value:
            assert value.rpartition(" ")[2] in set(Face)
        if name.startswith("LoadCredential"):
            assert value.startswith(f"{_SYSTEMD_CREDENTIAL}:")
        if name == "Environment":
            assert value.startswith(f"{PREFIX}HOME=")
    home = values["Environment"].partition("=")[2]
    if unit.stem == "strongroom-firewall":
        assert "User" not in values, "rules are root's to change"
        return
    if "StateDirectory" in values:
        assert home == f"/var/lib/{values['StateDirectory']}/home"
        assert f"ConditionPathExists={home}/strongroom.toml" in unit.read_text()
    accounts = (DEPLOY / "systemd/strongroom.sysusers.conf").read_text()
    assert f"\nu {values['User']} " in accounts


def test_the_ports_that_a_unit_lets_it_bind_are_those_of_the_settings(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "strongroom.toml").write_text('environment = "test"\nhome_id = "0123456789abcdef"\n')
    settings = load(home, {})
    ports = {
        getattr(settings, name).port
        for name in ("gateway", "api", "desk", "health", "witness", "proxy")
    }
    allowed = dict(read(DEPLOY / "systemd/strongroom.service")["Service"])["SocketBindAllow"]
    first, last = map(int, allowed.rpartition(":")[2].split("-"))
    assert ports == set(range(first, last + 1))


def test_the_timer_comes_before_the_home_would_do_it_itself(tmp_path: Path) -> None:
    """A setting that the timer's comment names is one that the home takes."""
    hours = re.search(
        r"set\s+(?:#\s+)?that to (\d+)", _plain(DEPLOY / "systemd/strongroom-backup.timer")
    )
    assert hours
    (tmp_path / "strongroom.toml").write_text(
        f'environment = "test"\nhome_id = "0123456789abcdef"\n[backup]\nevery_hours = {hours[1]}\n'
    )
    assert load(tmp_path, {}).backup.every_hours == int(hours[1]) > 24


def _plain(path: Path) -> str:
    return path.read_text().replace("\n# ", " ")


# -- a machine with systemd ------------------------------------------------------------------------

CALL = f"runuser -u strongroom -- env STRONGROOM_HOME={HOME} /opt/strongroom/bin/strongroom"
HEALTH = f"curl --silent --show-error --cacert {HOME}/tls/ca.pem https://localhost:8446/health"
READY = f"for n in $(seq 200); do {HEALTH} >/dev/null && exit 0; sleep 0.2; done; exit 1"
STATE = "systemctl show strongroom -p ActiveState,NRestarts,ExecMainStatus,Result"

ALONE = ("--environment production", "--environment production --one-person")


def _commands(heading: str) -> str:
    """Return the commands of docs/deploying.md under a heading, as somebody would type them."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert part, heading
    return "\n".join(re.findall(r"```sh\n(.*?)```", part[1], re.DOTALL))


@pytest.mark.long
def test_a_home_lives_under_its_unit(tmp_path: Path) -> None:
    """The page's own commands make and serve a home; then a backup, a crash, a wrong setting, a stop."""
    recipient = pyrage.x25519.Identity.generate().to_public()
    unit = (DEPLOY / "systemd/strongroom.service").read_text()
    probe = re.sub(
        "ExecStart=.*",
        f"ExecStart=/usr/bin/python3 /opt/strongroom/confined.py {HOME}",
        re.sub("(?m)^(Restart.*|Type=.*)$", "", unit).replace(
            "[Service]", "[Service]\nType=oneshot"
        ),
    ).replace("[Service]", "[Service]\nStandardOutput=truncate:/run/confined.json", 1)
    free = (
        "systemd-run --quiet --pipe --wait --property=User=strongroom "
        f"/usr/bin/python3 /opt/strongroom/confined.py {HOME}"
    )
    steps = {
        "account": "systemd-sysusers && mkdir -p /etc/credstore.encrypted && touch /tmp/of-the-machine",
        "made": _commands("Make the home").replace(*ALONE),
        "started": f"systemctl enable --now strongroom && {READY}",
        "doctor": f"sleep 1; {CALL} doctor --json",
        "posture": f"{CALL} posture --json",
        "health": HEALTH,
        "place": f"{CALL} backup place add recipient {recipient} --json",
        "backup": "systemctl start strongroom-backup.service",
        "stored": f"find {HOME}/backups -name '*.age' -perm 600 -user strongroom | grep .",
        "confined": "systemctl start confined.service; cat /run/confined.json",
        "free": free,
        "key": f"{CALL} grant add --principal console-strongroom --role auditor --all-sellers --days 30"
        f" && {CALL} audit export /var/lib/strongroom/out",
        "shut": "systemctl start strongroom-firewall && nft list ruleset",
        "kept": "nft --check --file /var/lib/strongroom-firewall/rules.nft",
        "through": HEALTH,
        "owned": f"find {HOME} ! -user strongroom | grep . && exit 1 || exit 0",
        "killed": f"systemctl kill --signal=KILL strongroom; sleep 6; {READY}",
        "again": STATE,
        "stopped": "systemctl stop strongroom; systemctl show strongroom -p Result,ExecMainStatus",
        "wrong": f"echo 'nobody_knows = 1' >>{HOME}/strongroom.toml; systemctl start strongroom; "
        "for n in $(seq 100); do systemctl is-failed --quiet strongroom && break; sleep 0.3; done; "
        f"sleep 6; {STATE}",
        "witness": _commands("A witness of other logs").replace(
            "VKEY", "$(cat /var/lib/strongroom/out/key)"
        ),
        "witnessing": f"{READY.replace('strongroom/home', 'strongroom-witness/home')}",
        "listening": "ss --listening --tcp --numeric --no-header | awk '{print $4}' | sort",
        "journal": "journalctl --no-pager --unit='strongroom*' --unit=confined",
    }
    files = {
        "/etc/strongroom/firewall.conf": "OPTIONS=--admin 192.0.2.0/28 --account strongroom\n",
        "/opt/strongroom/confined.py": (ROOT / "tests/support/confined.py").read_text(),
        "/etc/systemd/system/confined.service": probe,
    }
    did = booted(tmp_path, steps, files)
    told = did["journal"].output

    for name in (
        "account",
        "made",
        "started",
        "place",
        "backup",
        "stored",
        "key",
        "stopped",
        "witness",
    ):
        assert did[name].code == 0, f"{name}: {did[name].output}\n{told}"
    checks = {one["id"]: one["state"] for one in did["doctor"].json["checks"]}
    assert [id_ for id_, state in checks.items() if state == "failed"] == []
    assert did["posture"].json["ok"] is True, did["posture"].output
    assert did["health"].output.strip() == "ok"
    assert "NRestarts=1" in did["again"].output, "killed, it was started again"
    assert "ActiveState=active" in did["again"].output
    assert "Result=success" in did["stopped"].output, told
    assert "ExecMainStatus=78" in did["wrong"].output, told
    assert "NRestarts=0" in did["wrong"].output, "what no start mends is not tried again"

    for name in ("shut", "kept", "through", "owned"):
        assert did[name].code == 0, f"{name}: {did[name].output}\n{told}"
    assert did["shut"].output.count("policy drop") == 3
    assert "ip saddr 192.0.2.0/28 tcp dport 22" in did["shut"].output
    assert did["witnessing"].code == 0, did["witness"].output + told
    assert did["listening"].output.split() == ["127.0.0.1:8446", "127.0.0.1:8447"]

    confined, free_ = did["confined"].json, did["free"].json
    assert confined.keys() == free_.keys()
    assert all(free_.values()), f"an attempt proves nothing: {free_}"
    assert not any(confined.values()), confined
