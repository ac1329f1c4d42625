"""A bucket of S3, or of a server that speaks it, as a place of copies: every file is locked until a date [2.6].

With object lock in compliance mode nobody deletes or replaces what was written before that date, the bucket's owner and
the holder of our credentials included. A file that is put again is a new version; the old one stays. Requests are
signed by botocore and sent as all others are: to the address that was named, over verified TLS, followed nowhere.
"""

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from strongroom.anchors.rows import Failed
from strongroom.anchors.witness import send
from strongroom.audit import Reason
from strongroom.errors import Malformed
from strongroom.outbound import Outbound, is_https_url

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9_.-]{1,100}){0,8}")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}")
_KEYS: Final = re.compile(r"([A-Za-z0-9]{4,128}):([!-~]{8,200})")
_ALLOWED: Final = frozenset({"region", "days", "endpoint"})
_OK: Final = 200
_ABSENT: Final = 404
_DENIED: Final = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where files go, and for how many days each is locked.

    `s3://BUCKET/PREFIX?region=REGION&days=N`, and `&endpoint=https://…` for a server that is not Amazon's.
    """

    address: str
    region: str
    days: int

    @classmethod
    def parse(cls, place: str) -> "Bucket":
        """Return what an address names. Raises: Malformed."""
        try:
            parts = urlsplit(place)
            options = dict(parse_qsl(parts.query, strict_parsing=True))
        except ValueError:
            raise Malformed("a bucket is s3://BUCKET/PREFIX?region=REGION&days=N") from None
        name, prefix, region = parts.netloc, parts.path.rstrip("/"), options.get("region", "")
        endpoint = options.get("endpoint", "")
        sound = (
            parts.scheme == "s3"
            and _BUCKET.fullmatch(name)
            and _PREFIX.fullmatch(prefix)
            and _REGION.fullmatch(region)
            and _DAYS.fullmatch(options.get("days", ""))
            and options.keys() <= _ALLOWED
            and (not endpoint or is_https_url(endpoint))
        )
        if not sound:
            raise Malformed("a bucket is s3://BUCKET/PREFIX?region=REGION&days=N")
        if endpoint:
            address = f"{endpoint.rstrip('/')}/{name}{prefix}"
        else:
            address = f"https://{name}.s3.{region}.amazonaws.com{prefix}"
        return cls(address, region, int(options["days"]))


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and its secret."""

    key: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """Return them from `KEY:SECRET`. Raises: Malformed."""
        found = _KEYS.fullmatch(text)
        if found is None:
            raise Malformed("a bucket's token file holds KEY:SECRET")
        return cls(found[1], found[2])


class LockedFiles:
    """The files of a bucket, as a place of copies has them."""

    def __init__(
        self, outbound: Outbound, bucket: Bucket, credentials: Credentials, now: datetime
    ) -> None:
        self._outbound = outbound
        self._bucket = bucket
        self._credentials = credentials
        self._until = now + timedelta(days=bucket.days)

    def read(self, name: str) -> bytes | None:
        """Return a file, None where there is none. Raises: Failed."""
        status, body = self._ask("GET", name, b"", {})
        if status == _ABSENT:
            # What is not there and a bucket that is not there have one status.
            if b"NoSuchBucket" in body:
                raise Failed(Reason.NOT_FOUND)
            return None
        _refuse(status)
        return body

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, locked. Raises: Failed."""
        headers = {
            "content-type": "application/octet-stream",
            "x-amz-checksum-sha256": base64.b64encode(sha256(content).digest()).decode(),
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": self._until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        status, _ = self._ask("PUT", name, content, headers)
        _refuse(status)

    def _ask(
        self, method: str, name: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        return signed(
            self._outbound, self._bucket, self._credentials, method, name, content, headers
        )


def signed(
    outbound: Outbound,
    bucket: Bucket,
    credentials: Credentials,
    method: str,
    name: str,
    content: bytes,
    headers: dict[str, str],
) -> tuple[int, bytes]:
    """Return status and body of one request about an object, signed. Raises: Failed."""
    # Only here: it takes a third of a second to load, which only those who copy to a bucket wait for.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials as Signing  # noqa: PLC0415

    url = f"{bucket.address}/{quote(name)}"
    request = AWSRequest(method=method, url=url, data=content, headers=headers)
    keys = Signing(credentials.key, credentials.secret)
    S3SigV4Auth(keys, "s3", bucket.region).add_auth(request)
    sent = {key: str(value) for key, value in request.headers.items()}
    answer = send(outbound, method, url, content or None, sent)
    return answer.status, answer.body


def _refuse(status: int) -> None:
    if status != _OK:
        raise Failed(Reason.NOT_AUTHORIZED if status in _DENIED else Reason.UPSTREAM_ERROR)
