"""What the machine does with our secrets and our dates: modes, clock, disk, swap, core dumps [1.5, 2.1, 2.4, 2.6]."""

import ctypes
import os
import re
import resource
import sys
from pathlib import Path
from typing import Final

from strongroom.home import Layout, too_open
from strongroom.posture.finding import Finding, State, Surroundings

_OFFSET_WARNS: Final = 1.0
_OFFSET_FAILS: Final = 60.0
"""Seconds that the clock may be off: events are ordered to the second, days of disposal to the hour."""

_PR_GET_DUMPABLE: Final = 3
_TIMEX_BYTES: Final = 256
_TIMEX_STATUS: Final = 40
"""Where `status` lies in `struct timex` of 64-bit Linux (adjtimex(2)): after an int, padding and four longs."""
_STA_UNSYNC: Final = 0x40
_TIME_ERROR: Final = 5

_CLOCK_WHY: Final = (
    "dates of disposal, expiries and the log follow it (2.1, 2.6): a wrong one keeps data too long"
)
_DISK_WHY: Final = (
    "values are sealed before they are written, but deleted pages and overwritten keys stay on a disk until they are "
    "reused (2.1, 2.4): encryption under the files covers that"
)
_SWAP_WHY: Final = "memory holds keys and values for moments; swapped out, they lie on a disk (2.4)"
_CORE_WHY: Final = "a core dump is memory on a disk, with keys and values in it (2.4, 2.6)"


def modes(home: Layout) -> Finding:
    """Tell whether others may touch the home's files."""
    why = "keys, log and settings are for their owner alone (2.4)"
    faults = too_open(home)
    if not faults:
        return Finding("files.modes", State.OK, "for their owner alone", why)
    seen = f"{len(faults)} are open to others, such as {faults[0].path}"
    return Finding("files.modes", State.FAILED, seen, why, faults[0].remedy)


def clock(machine: Surroundings) -> Finding:
    """Tell whether something keeps the clock, by the word of what does or of the kernel."""
    tracking = machine.output("chronyc", "-n", "tracking")
    offset = re.search(r"(?m)^System time\s*:\s*([0-9.]+) seconds (?:slow|fast)", tracking or "")
    if offset is not None:
        return _offset(float(offset[1]))
    said = machine.output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if said is not None and said.strip() == "yes":
        return Finding("clock.kept", State.OK, "systemd: synchronized", _CLOCK_WHY)
    kernel = _kernel_says_kept() if machine.root == Path("/") else None
    if kernel:
        return Finding("clock.kept", State.OK, "the kernel: synchronized", _CLOCK_WHY)
    remedy = "run chrony or systemd-timesyncd, here or on the machine that this one is a part of"
    if kernel is None and said is None:
        return Finding("clock.kept", State.UNKNOWN, "nobody here says", _CLOCK_WHY, remedy)
    # A container's or virtual machine's clock may be kept from outside, which is not seen here.
    return Finding("clock.kept", State.WARNING, "nothing here keeps the clock", _CLOCK_WHY, remedy)


def disk(machine: Surroundings, home: Layout) -> Finding:
    """Tell whether a layer of this machine encrypts what lies under the home."""
    try:
        device = os.stat(home.root).st_dev  # noqa: PTH116 - st_dev is all that is wanted
    except OSError:
        device = 0
    encrypted = _encrypted(machine, device)
    if encrypted is None:
        seen = "which device the home lies on cannot be seen"
        remedy = "look on the machine itself: `lsblk -f`"
        return Finding("disk.encrypted", State.UNKNOWN, seen, _DISK_WHY, remedy)
    if encrypted:
        return Finding("disk.encrypted", State.OK, "the home lies on dm-crypt", _DISK_WHY)
    return Finding(
        "disk.encrypted",
        State.WARNING,
        "nothing on this machine encrypts the home's device; whoever provides it may",
        _DISK_WHY,
        "put the home on LUKS, or have the provider's encryption confirmed",
    )


def swap(machine: Surroundings) -> Finding:
    """Tell whether memory may reach a disk in the clear."""
    text = machine.text("proc/swaps")
    if text is None:
        return Finding("memory.swap", State.UNKNOWN, "swap cannot be seen", _SWAP_WHY)
    names = [line.split()[0] for line in text.splitlines()[1:] if line.strip()]
    plain = [name for name in names if not _is_safe_swap(machine, name)]
    if plain:
        seen = f"{len(plain)} of {len(names)} swap areas are not encrypted"
        return Finding("memory.swap", State.WARNING, seen, _SWAP_WHY, "encrypt swap, or `swapoff`")
    seen = "only in memory or encrypted" if names else "none"
    return Finding("memory.swap", State.OK, seen, _SWAP_WHY)


def core_dumps(machine: Surroundings) -> Finding:
    """Tell whether a crash of this very process would write its memory somewhere."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_CORE)
    if _dumpable() is False:
        return Finding("process.core_dumps", State.OK, "off for this process", _CORE_WHY)
    # core(5): what the kernel pipes a dump to gets it whatever the limit is, unless that is 1.
    piped = (machine.text("proc/sys/kernel/core_pattern") or "").startswith("|")
    if soft == 0 and not piped:
        return Finding("process.core_dumps", State.OK, "off", _CORE_WHY)
    seen = "piped to a program whatever the limit says" if piped else "on"
    remedy = "a home for production turns them off itself; for others: LimitCORE=0, no core_pattern with a pipe"
    return Finding("process.core_dumps", State.WARNING, seen, _CORE_WHY, remedy)


def _offset(seconds: float) -> Finding:
    seen = f"chrony: {seconds:.3f} s off"
    if seconds < _OFFSET_WARNS:
        return Finding("clock.kept", State.OK, seen, _CLOCK_WHY)
    state = State.FAILED if seconds >= _OFFSET_FAILS else State.WARNING
    return Finding("clock.kept", state, seen, _CLOCK_WHY, "find out why chrony does not correct it")


def _kernel_says_kept() -> bool | None:
    """Return whether the kernel takes its clock for synchronized; asking changes nothing (`modes` is 0)."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0:
        return None
    status = int.from_bytes(timex.raw[_TIMEX_STATUS : _TIMEX_STATUS + 4], sys.byteorder)
    return state != _TIME_ERROR and not status & _STA_UNSYNC


def _dumpable() -> bool | None:
    if sys.platform != "linux":
        return None
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))


def _is_safe_swap(machine: Surroundings, name: str) -> bool:
    if Path(name).name.startswith("zram"):
        return True
    try:
        status = os.stat(machine.root / name.lstrip("/"))  # noqa: PTH116 - as above
    except OSError:
        return False
    return bool(_encrypted(machine, status.st_rdev or status.st_dev))


def _encrypted(machine: Surroundings, device: int) -> bool | None:
    """Return whether dm-crypt lies somewhere under a device; None where the device cannot be followed."""
    place = _block(machine, f"{os.major(device)}:{os.minor(device)}")
    return None if place is None else _over_crypt(place)


def _block(machine: Surroundings, number: str) -> Path | None:
    place = machine.root / "sys/dev/block" / number
    if place.exists():
        return place
    # btrfs and the like have numbers of their own; the table of mounts names the device.
    for line in (machine.text("proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, source = before.split(), after.split()
        if len(fields) > 2 and len(source) > 1 and fields[2] == number:  # noqa: PLR2004 - proc(5)
            try:
                real = os.stat(machine.root / source[1].lstrip("/")).st_rdev  # noqa: PTH116 - as above
            except OSError:
                return None
            place = machine.root / "sys/dev/block" / f"{os.major(real)}:{os.minor(real)}"
            return place if real and place.exists() else None
    return None


def _over_crypt(place: Path) -> bool:
    try:
        if (place / "dm/uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass
    # A partition's disk says nothing more; what a volume is made of stands in `slaves`.
    try:
        below = list((place / "slaves").iterdir())
    except OSError:
        return False
    return bool(below) and all(_over_crypt(slave) for slave in below)
