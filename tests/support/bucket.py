"""A server that speaks S3 with object lock, over TLS: moto, in an environment of its own (`make test` makes it)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.simulator.certificates import make_context

PYTHON = Path(sys.executable).parent.parent / "s3" / "bin" / "python"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_SECONDS = 60

_SCRIPT = """
import boto3, json, sys
from botocore.exceptions import ClientError
endpoint, ca, action, *rest = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, verify=ca, region_name="eu-central-1",
                  aws_access_key_id="owner", aws_secret_access_key="owner")
if action == "make":
    s3.create_bucket(Bucket=rest[0], ObjectLockEnabledForBucket=True,
                     CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    found = {}
elif action == "list":
    pages = s3.list_object_versions(Bucket=rest[0])
    found = {}
    for version in pages.get("Versions", []):
        told = s3.head_object(Bucket=rest[0], Key=version["Key"], VersionId=version["VersionId"])
        found.setdefault(version["Key"], []).append(
            [version["VersionId"], told.get("ObjectLockMode"),
             str(told.get("ObjectLockRetainUntilDate")), told["ContentLength"]])
elif action == "get":
    found = {"content": s3.get_object(Bucket=rest[0], Key=rest[1])["Body"].read().hex()}
elif action == "put":
    s3.put_object(Bucket=rest[0], Key=rest[1], Body=bytes.fromhex(rest[2]))
    found = {}
else:
    try:
        s3.delete_object(Bucket=rest[0], Key=rest[1], VersionId=rest[2])
        found = {"error": None}
    except ClientError as exc:
        found = {"error": exc.response["Error"]["Code"]}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Pretend:
    """A running server, as its owner sees it."""

    endpoint: str
    ca_path: Path

    @property
    def ca(self) -> str:
        return self.ca_path.read_text()

    def place(self, name: str, prefix: str = "/log", days: int = 400) -> str:
        return f"s3://{name}{prefix}?region=eu-central-1&days={days}&endpoint={self.endpoint}"

    def do(self, action: str, *arguments: str) -> Any:
        """Do one thing with the owner's own client."""
        done = subprocess.run(
            [str(PYTHON), "-c", _SCRIPT, self.endpoint, str(self.ca_path), action, *arguments],
            check=True, capture_output=True, text=True, timeout=_SECONDS,
        )  # fmt: skip
        return json.loads(done.stdout)


@contextmanager
def serving(directory: Path) -> Iterator[Pretend]:
    """Run the server for the block."""
    assert PYTHON.exists(), "moto is not installed: run `make .venv/.stamp-s3`"
    _, ca = make_context(directory, "good")
    chain = directory / "simulator-server.pem"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    with subprocess.Popen(
        [str(PYTHON.with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port),
         "--ssl-cert", str(chain), "--ssl-key", str(chain)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            until = time.monotonic() + _SECONDS
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, "moto ended"
                    time.sleep(0.1)
            yield Pretend(f"https://localhost:{port}", ca)
        finally:
            process.terminate()
            process.wait(20)
