"""Queues of a server that speaks SQS, over TLS: moto, with Amazon's own client as their owner."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import bucket

_OWNER = """
import boto3, json, sys
endpoint, ca = sys.argv[1:]
sqs = boto3.client("sqs", endpoint_url=endpoint, verify=ca, region_name="eu-central-1",
                   aws_access_key_id="owner", aws_secret_access_key="owner")
for line in sys.stdin:
    action, arguments = json.loads(line)
    found = getattr(sqs, action)(**arguments)
    found.pop("ResponseMetadata", None)
    print(json.dumps(found, default=str), flush=True)
"""


@dataclass(frozen=True)
class Keys:
    """Any credentials: moto takes all of them."""

    access_key: str = bucket.KEY
    secret_key: str = bucket.SECRET
    token: str | None = None


@dataclass(frozen=True)
class Queues:
    """A running server and its owner."""

    server: bucket.Pretend
    owner: subprocess.Popen[str]

    @property
    def ca(self) -> str:
        return self.server.ca

    def ask(self, action: str, **arguments: Any) -> Any:
        """Do one thing as the owner: `create_queue`, `send_message` and others of boto3's."""
        assert self.owner.stdin is not None
        assert self.owner.stdout is not None
        self.owner.stdin.write(json.dumps([action, arguments]) + "\n")
        self.owner.stdin.flush()
        return json.loads(self.owner.stdout.readline())

    def make(self, name: str, **attributes: str) -> str:
        """Make a queue and return its URL."""
        url: str = self.ask("create_queue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def send(self, url: str, body: str | dict[str, Any]) -> str:
        """Put a message there and return its number."""
        text = body if isinstance(body, str) else json.dumps(body)
        id_: str = self.ask("send_message", QueueUrl=url, MessageBody=text)["MessageId"]
        return id_

    def left(self, url: str) -> int:
        """Return how many messages are in a queue, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.ask("get_queue_attributes", QueueUrl=url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def taken(self, url: str) -> list[str]:
        """Take what is in a queue."""
        found = self.ask("receive_message", QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


@contextmanager
def serving(directory: Path) -> Iterator[Queues]:
    """Run the server and its owner for the block."""
    with (
        bucket.serving(directory) as server,
        subprocess.Popen(
            [str(bucket.PYTHON), "-c", _OWNER, server.endpoint, str(server.ca_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as owner,
    ):
        try:
            yield Queues(server, owner)
        finally:
            assert owner.stdin is not None
            owner.stdin.close()
            owner.wait(20)
