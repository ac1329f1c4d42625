"""What the machine's files and commands say, and what is never taken for good because it could not be seen."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from strongroom.home import Layout, layout
from strongroom.posture import State, Surroundings
from strongroom.posture import firewall as firewalls
from strongroom.posture import machine as machines


class Machine:
    """A made-up machine: files under a root, and commands that print what they are told to."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.commands = directory / "commands"
        self.root.mkdir()
        self.commands.mkdir()
        self.seen = Surroundings(self.root, str(self.commands))

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def command(self, name: str, prints: str, *, code: int = 0) -> None:
        printed = self.commands / f"{name}.out"
        printed.write_text(prints)
        program = self.commands / name
        program.write_text(f"#!/bin/sh\n/bin/cat '{printed}'\nexit {code}\n")
        program.chmod(0o700)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Layout:
    found = layout(tmp_path / "home")
    found.root.mkdir(mode=0o700)
    return found


# -- firewall --------------------------------------------------------------------------------------


def nft(*chains: dict[str, Any], rules: tuple[dict[str, Any], ...] = ()) -> str:
    entries: list[dict[str, Any]] = [{"metainfo": {"version": "1.0.6"}}]
    entries += [{"chain": {"table": "filter", "name": "input", **chain}} for chain in chains]
    entries += [{"rule": {"table": "filter", "chain": "input", **rule}} for rule in rules]
    return json.dumps({"nftables": entries})


INPUT = {"family": "inet", "hook": "input", "policy": "accept"}


@pytest.mark.clause("1.1")
@pytest.mark.parametrize(
    ("ruleset", "denies"),
    [
        (nft({**INPUT, "policy": "drop"}), True),
        (nft(INPUT), False),
        (nft(INPUT, rules=({"family": "inet", "expr": [{"drop": None}]},)), True),
        (
            nft(
                INPUT,
                rules=(
                    {"family": "inet", "expr": [{"match": {}}, {"accept": None}]},
                    {"family": "inet", "expr": [{"counter": {}}, {"reject": {}}]},
                ),
            ),
            True,
        ),
        (nft(INPUT, rules=({"family": "inet", "expr": [{"match": {}}, {"drop": None}]},)), False),
        (nft(INPUT, rules=({"family": "ip", "expr": [{"drop": None}]},)), False),
        (nft({"family": "ip", "hook": "input", "policy": "drop"}), False),
        (
            nft(
                {"family": "ip", "hook": "input", "policy": "drop"},
                {"family": "ip6", "hook": "input", "policy": "drop"},
            ),
            True,
        ),
        (nft({"family": "inet", "hook": "forward", "policy": "drop"}), False),
        (nft(), False),
    ],
)
def test_nftables_denies_where_its_policy_or_its_last_rule_does_for_both_families(
    machine: Machine, ruleset: str, *, denies: bool
) -> None:
    machine.command("nft", ruleset)
    exposed = firewalls.firewall(machine.seen, exposed=True)
    assert exposed.state is (State.OK if denies else State.FAILED)
    inside = firewalls.firewall(machine.seen, exposed=False)
    assert inside.state is (State.OK if denies else State.WARNING)


@pytest.mark.clause("1.1")
@pytest.mark.parametrize(
    ("four", "six", "state"),
    [
        ("-P INPUT DROP\n", "-P INPUT DROP\n", State.OK),
        ("-P INPUT ACCEPT\n-A INPUT -j DROP\n", "-P INPUT DROP\n", State.OK),
        ("-P INPUT DROP\n", "-P INPUT ACCEPT\n", State.FAILED),
        ("-P INPUT ACCEPT\n-A INPUT -s 10.0.0.0/8 -j DROP\n", "-P INPUT DROP\n", State.FAILED),
        ("-P INPUT ACCEPT\n", "-P INPUT ACCEPT\n", State.FAILED),
    ],
)
def test_iptables_is_read_where_nftables_has_no_rules(
    machine: Machine, four: str, six: str, state: State
) -> None:
    machine.command("nft", nft())
    machine.command("iptables", four)
    machine.command("ip6tables", six)
    assert firewalls.firewall(machine.seen, exposed=True).state is state


@pytest.mark.clause("1.1")
def test_ufw_is_believed_by_its_files_where_the_rules_cannot_be_read(machine: Machine) -> None:
    machine.command("nft", "", code=1)
    machine.file("etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")
    machine.file("etc/default/ufw", 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n')
    assert firewalls.firewall(machine.seen, exposed=True).state is State.OK
    machine.file("etc/default/ufw", 'IPV6=no\nDEFAULT_INPUT_POLICY="DROP"\n')
    assert firewalls.firewall(machine.seen, exposed=True).state is State.FAILED
    machine.file("etc/ufw/ufw.conf", "ENABLED=no\n")
    assert firewalls.firewall(machine.seen, exposed=True).state is State.UNKNOWN


@pytest.mark.clause("1.1")
@pytest.mark.parametrize("printed", ["", "{", "[]", '{"nftables": [{"chain": 1}]}', "null"])
def test_rules_that_cannot_be_read_are_unknown_and_never_good(
    machine: Machine, printed: str
) -> None:
    assert firewalls.firewall(machine.seen, exposed=False).state is State.UNKNOWN
    machine.command("nft", printed)
    assert firewalls.firewall(machine.seen, exposed=False).state is State.UNKNOWN
    machine.command("nft", nft({**INPUT, "policy": "drop"}), code=1)
    assert firewalls.firewall(machine.seen, exposed=False).state is State.UNKNOWN


def test_a_command_gets_none_of_our_variables(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_VAULT__URL", "postgresql+psycopg://u:secret@db/x")
    program = machine.commands / "nft"
    program.write_text("#!/bin/sh\n/usr/bin/env\n")
    program.chmod(0o700)
    printed = machine.seen.output("nft")
    assert printed is not None
    assert "secret" not in printed


# -- clock -----------------------------------------------------------------------------------------


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    ("seconds", "state"),
    [("0.000012", State.OK), ("2.500000", State.WARNING), ("61.000000", State.FAILED)],
)
def test_chrony_says_how_far_the_clock_is_off(machine: Machine, seconds: str, state: State) -> None:
    machine.command(
        "chronyc", f"Stratum : 3\nSystem time     : {seconds} seconds slow of NTP time\n"
    )
    found = machines.clock(machine.seen)
    assert (found.id, found.state) == ("clock.kept", state)


@pytest.mark.clause("2.6")
def test_a_clock_that_nobody_speaks_for_is_unknown(machine: Machine) -> None:
    assert machines.clock(machine.seen).state is State.UNKNOWN
    machine.command("timedatectl", "no\n")
    assert machines.clock(machine.seen).state is State.WARNING
    machine.command("timedatectl", "yes\n")
    assert machines.clock(machine.seen).state is State.OK
    machine.command("chronyc", "506 Cannot talk to daemon\n", code=1)
    assert machines.clock(machine.seen).state is State.OK


# -- disk, swap, memory ----------------------------------------------------------------------------


def number(path: Path) -> str:
    device = path.stat().st_dev
    return f"{os.major(device)}:{os.minor(device)}"


@pytest.mark.clause("2.4")
def test_a_home_on_dm_crypt_is_seen_through_the_volumes_between(
    machine: Machine, home: Layout
) -> None:
    block = f"sys/dev/block/{number(home.root)}"
    assert machines.disk(machine.seen, home).state is State.UNKNOWN
    machine.file(f"{block}/size", "1")
    assert machines.disk(machine.seen, home).state is State.WARNING
    machine.file(f"{block}/dm/uuid", "LVM-abc")
    machine.file(f"{block}/slaves/dm-1/dm/uuid", "CRYPT-LUKS2-abc")
    assert machines.disk(machine.seen, home).state is State.OK
    machine.file(f"{block}/slaves/sdb1/size", "1")
    assert machines.disk(machine.seen, home).state is State.WARNING, "half of it is not"


@pytest.mark.clause("2.4")
def test_a_file_system_with_a_number_of_its_own_is_followed_by_the_table_of_mounts(
    machine: Machine, home: Layout
) -> None:
    machine.file(
        "proc/self/mountinfo",
        f"30 1 {number(home.root)} / / rw shared:1 - btrfs /dev/null rw,subvol=/\n",
    )
    (machine.root / "dev").mkdir()
    (machine.root / "dev/null").symlink_to("/dev/null")
    real = Path("/dev/null").stat().st_rdev
    assert machines.disk(machine.seen, home).state is State.UNKNOWN
    machine.file(f"sys/dev/block/{os.major(real)}:{os.minor(real)}/dm/uuid", "CRYPT-LUKS2-x")
    assert machines.disk(machine.seen, home).state is State.OK


@pytest.mark.clause("2.4")
def test_swap_in_the_clear_is_told(machine: Machine) -> None:
    head = "Filename Type Size Used Priority\n"
    assert machines.swap(machine.seen).state is State.UNKNOWN
    machine.file("proc/swaps", head)
    assert machines.swap(machine.seen).state is State.OK
    machine.file("proc/swaps", head + "/dev/zram0 partition 1 0 100\n")
    assert machines.swap(machine.seen).state is State.OK
    machine.file("proc/swaps", head + "/dev/zram0 partition 1 0 100\n/swap.img file 1 0 -2\n")
    found = machines.swap(machine.seen)
    assert (found.state, found.seen) == (State.WARNING, "1 of 2 swap areas are not encrypted")
    machine.file("swap.img", "")
    machine.file(f"sys/dev/block/{number(machine.root)}/dm/uuid", "CRYPT-LUKS2-x")
    assert machines.swap(machine.seen).state is State.OK


@pytest.mark.clause("2.4")
def test_a_pipe_takes_core_dumps_whatever_the_limit_says(machine: Machine) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        machine.file("proc/sys/kernel/core_pattern", "core\n")
        assert machines.core_dumps(machine.seen).state is State.OK
        machine.file("proc/sys/kernel/core_pattern", "|/usr/share/apport/apport %p\n")
        assert machines.core_dumps(machine.seen).state is State.WARNING
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.clause("2.4")
def test_an_open_file_of_the_home_fails(home: Layout) -> None:
    assert machines.modes(home).state is State.OK
    (home.root / "keys.db").touch(mode=0o644)
    found = machines.modes(home)
    assert found.state is State.FAILED
    assert found.remedy == f"chmod 600 {home.root / 'keys.db'}"
