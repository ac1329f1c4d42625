"""Keys of a pretend AWS KMS: moto, in the environment that `tests/support/bucket.py` uses too."""

from __future__ import annotations

import json
import subprocess

from tests.support.bucket import PYTHON, Pretend

_SCRIPT = """
import boto3, json, sys
endpoint, ca, action, *rest = sys.argv[1:]
kms = boto3.client("kms", endpoint_url=endpoint, verify=ca, region_name="eu-central-1",
                   aws_access_key_id="owner", aws_secret_access_key="owner")
if action == "make":
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=rest[0], TargetKeyId=arn)
elif action == "point":
    arn = rest[1]
    kms.update_alias(AliasName=rest[0], TargetKeyId=arn)
print(json.dumps({"arn": arn}))
"""


def _do(kms: Pretend, action: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(PYTHON), "-c", _SCRIPT, kms.endpoint, str(kms.ca_path), action, *arguments],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    arn: str = json.loads(done.stdout)["arn"]
    return arn


def make_key(kms: Pretend, alias: str) -> str:
    """Make a key and its alias as its owner does, and return the ARN."""
    return _do(kms, "make", alias)


def point(kms: Pretend, alias: str, arn: str) -> None:
    """Have an alias lead to another key."""
    _do(kms, "point", alias, arn)


def address(kms: Pretend, key: str) -> str:
    """Return the root key's address of an ARN or an alias."""
    region = "" if key.startswith("arn:") else "region=eu-central-1&"
    return f"aws-kms:{key}?{region}endpoint={kms.endpoint}&ca-file={kms.ca_path}"
