"""A token of SoftHSM 2 in a folder of its own: pulled out, put back, restarted (`scripts/softhsm.sh` installs it)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pkcs11
import pytest

ROOT = Path(__file__).parents[2]
PIN, TOKEN = "98765432", "strongroom test"
_PLACES = (
    os.environ.get("STRONGROOM_TEST_SOFTHSM", "/nonexistent"),
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/*/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class Hsm:
    """One token, and the file with its PIN."""

    directory: Path
    module: str

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.directory / "softhsm2.conf")}

    @property
    def pin_file(self) -> Path:
        return self.directory / "pin"

    def address(self, name: str = "root", more: str = "") -> str:
        return (
            f"pkcs11:token={quote(TOKEN)};object={name}{more}"
            f"?module-path={self.module}&pin-source=file:{self.pin_file}"
        )

    def set_pin(self, pin: str) -> None:
        self.pin_file.unlink(missing_ok=True)
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(pin + "\n")

    def remove(self) -> None:
        """Pull the token out."""
        (self.directory / "tokens").rename(self.directory / "away")
        (self.directory / "tokens").mkdir()

    def put_back(self) -> None:
        for path in (self.directory / "tokens").iterdir():
            path.unlink()
        (self.directory / "tokens").rmdir()
        (self.directory / "away").rename(self.directory / "tokens")

    def restart(self) -> None:
        """End every session of this process, as a token that restarts does."""
        pkcs11.lib(self.module).reinitialize()

    def session(self) -> pkcs11.Session:
        """Open one as the token's owner."""
        return pkcs11.lib(self.module).get_token(token_label=TOKEN).open(rw=True, user_pin=PIN)


@contextmanager
def plugged(directory: Path) -> Iterator[Hsm]:
    """Make a token for the block; this process and those it starts find it."""
    subprocess.run(["sh", ROOT / "scripts/softhsm.sh"], check=True, timeout=110)
    module = next(
        str(path) for place in _PLACES for path in sorted(Path("/").glob(place.lstrip("/")))
    )
    hsm = Hsm(directory, module)
    (directory / "tokens").mkdir()
    (directory / "softhsm2.conf").write_text(
        f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    hsm.set_pin(PIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", hsm.environment["SOFTHSM2_CONF"])
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", TOKEN,
             "--so-pin", "12345678", "--pin", PIN],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        # What another test's token left in this process.
        pkcs11.unload(module)
        try:
            yield hsm
        finally:
            pkcs11.unload(module)
