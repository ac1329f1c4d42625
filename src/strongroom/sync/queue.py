"""Speaks to one queue of SQS, or of a server that speaks its JSON protocol: over verified TLS, bounded, never led on.

Requests are signed by botocore and sent as all others of ours are. Credentials come from this process's environment,
or from the container or machine it runs on, and from nowhere else: no file of a user is read, no setting holds them
[2.5]. Nothing of a message is ever part of an error.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import orjson

from strongroom.errors import Denied, Malformed, Misconfigured, NotFound, Unavailable
from strongroom.outbound import Outbound, client_context, is_https_url

MOST_AT_ONCE: Final = 10
"""Messages in one answer."""

HIDDEN_SECONDS: Final = 120
"""How long a message that was received is shown to nobody else; it comes back after that unless it was deleted."""

_WAIT_SECONDS: Final = 20
_ANSWER_BYTES: Final = 16 * 1024 * 1024
_HOST: Final = re.compile(r"sqs\.([a-z0-9-]{4,32})\.amazonaws\.com(?:\.cn)?")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_PATH: Final = re.compile(r"/[0-9]{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_MISSING: Final = (b"QueueDoesNotExist", b"NonExistentQueue")


class Keys(Protocol):
    """What signs requests: an access key, its secret, and a session's token."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a queue is: its URL, the region it is signed for, where to ask, and whom to trust there."""

    url: str
    region: str
    endpoint: str
    ca: str | None = field(default=None, repr=False)

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        ca: str | None = None,
    ) -> "Place":
        """Return where a queue's URL leads; `endpoint` is asked in place of its host, as one inside a VPC.

        Raises:
            Malformed: one of them has another form, or is not HTTPS.

        """
        if not is_https_url(url) or not _PATH.fullmatch(urlsplit(url).path):
            raise Malformed("a queue is https://HOST/ACCOUNT/NAME")
        parts = urlsplit(url)
        named = _HOST.fullmatch(parts.hostname or "")
        found = region or (named[1] if named else "")
        if not _REGION.fullmatch(found):
            raise Malformed("the queue's region is not known", hint="give --region")
        if endpoint is not None and not is_https_url(endpoint):
            raise Malformed("an endpoint is https://HOST")
        return cls(url, found, (endpoint or f"https://{parts.netloc}").rstrip("/"), ca)

    @property
    def name(self) -> str:
        """Return the queue's name."""
        return self.url.rpartition("/")[2]

    @property
    def arn(self) -> str:
        """Return the queue's name among all of Amazon's things."""
        account, name = urlsplit(self.url).path.strip("/").split("/")
        return f"arn:aws:sqs:{self.region}:{account}:{name}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the queue showed it; `receipt` deletes it."""

    id: str
    receipt: str = field(repr=False)
    body: bytes = field(repr=False)


class Queue:
    """One queue. Each call has a connection of its own."""

    def __init__(
        self, place: Place, keys: Callable[[], Keys], *, hidden_seconds: int = HIDDEN_SECONDS
    ) -> None:
        try:
            context = client_context(place.ca)
        except (ssl.SSLError, ValueError):
            raise Malformed("the queue's CA certificate is unusable") from None
        self._place = place
        self._keys = keys
        self._hidden_seconds = hidden_seconds
        self._outbound = Outbound(
            context,
            step_seconds=_WAIT_SECONDS + 10.0,
            whole_seconds=_WAIT_SECONDS + 40.0,
            answer_bytes=_ANSWER_BYTES,
        )

    def receive(self, wait_seconds: int) -> list[Message]:
        """Return up to ten messages; none once `wait_seconds` went by without one. Raises: as `_ask`."""
        found = self._ask(
            "ReceiveMessage",
            MaxNumberOfMessages=MOST_AT_ONCE,
            WaitTimeSeconds=min(wait_seconds, _WAIT_SECONDS),
            VisibilityTimeout=self._hidden_seconds,
        )
        messages = found.get("Messages") or []
        if not isinstance(messages, list) or len(messages) > MOST_AT_ONCE:
            raise Unavailable("the queue's answer is not one")
        return [_message(message) for message in messages]

    def delete(self, message: Message) -> None:
        """Take a message out of the queue. Raises: as `_ask`."""
        self._ask("DeleteMessage", ReceiptHandle=message.receipt)

    def send(self, body: bytes, key: str) -> None:
        """Put a message into the queue; a queue that keeps an order takes `key` for its own. Raises: as `_ask`."""
        more = {}
        if self._place.url.endswith(".fifo"):
            more = {"MessageDeduplicationId": key, "MessageGroupId": "strongroom"}
        self._ask("SendMessage", MessageBody=body.decode(), **more)

    def sets_aside(self) -> bool:
        """Tell whether the queue moves messages that always fail to another one. Raises: as `_ask`."""
        found = self._ask("GetQueueAttributes", AttributeNames=["RedrivePolicy"])
        attributes = found.get("Attributes") or {}
        return isinstance(attributes, dict) and bool(attributes.get("RedrivePolicy"))

    def _ask(self, action: str, **arguments: object) -> dict[str, Any]:
        """Return what the queue answers.

        Raises:
            Unavailable: it does not answer, or not as a queue.
            Denied: it does not take our credentials.
            NotFound: there is no such queue.

        """
        body = orjson.dumps({"QueueUrl": self._place.url, **arguments})
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"AmazonSQS.{action}",
        }
        signed = self._signed(body, headers)
        answer = self._outbound.send("POST", f"{self._place.endpoint}/", body, signed)
        if answer.status == HTTPStatus.OK:
            try:
                found = orjson.loads(answer.body or b"{}")
            except orjson.JSONDecodeError:
                raise Unavailable("the queue's answer is not one") from None
            if isinstance(found, dict):
                return found
            raise Unavailable("the queue's answer is not one")
        if any(word in answer.body[:4096] for word in _MISSING):
            raise NotFound("there is no such queue")
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Denied("the queue does not take our credentials")
        raise Unavailable(f"the queue refuses {action} with status {answer.status}")

    def _signed(self, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        # Only here: it takes a third of a second to load, which only those who have a queue wait for.
        from botocore.auth import SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415

        url = f"{self._place.endpoint}/"
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        keys = self._keys()
        signing = Credentials(keys.access_key, keys.secret_key, keys.token)
        SigV4Auth(signing, "sqs", self._place.region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}


def keys_of_this_machine() -> Keys:
    """Return the credentials of the environment, the container or the machine, in this order.

    Raises:
        Misconfigured: there are none.

    """
    from botocore.credentials import (  # noqa: PLC0415 - as above
        ContainerProvider,
        CredentialResolver,
        EnvProvider,
        InstanceMetadataProvider,
    )
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
    from botocore.utils import InstanceMetadataFetcher  # noqa: PLC0415 - as above

    machine = InstanceMetadataFetcher(timeout=1, num_attempts=2)
    resolver = CredentialResolver(
        [EnvProvider(), ContainerProvider(), InstanceMetadataProvider(iam_role_fetcher=machine)]
    )
    try:
        found = resolver.load_credentials()
        if found is not None:
            frozen: Keys = found.get_frozen_credentials()
            return frozen
    except BotoCoreError:
        pass
    raise Misconfigured(
        "there are no AWS credentials for the queue",
        hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
    )


def _message(found: Any) -> Message:  # noqa: ANN401 - any JSON
    if isinstance(found, dict):
        id_, receipt, body = (found.get(k) for k in ("MessageId", "ReceiptHandle", "Body"))
        if isinstance(id_, str) and isinstance(receipt, str) and isinstance(body, str):
            return Message(id_, receipt, body.encode())
    raise Unavailable("the queue's answer is not one")
