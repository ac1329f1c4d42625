"""The transit engine as OpenBao and Vault document it, over TLS: derived keys with versions, tokens, their errors."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.simulator.certificates import make_context


@dataclass
class Key:
    """One key of the engine: as `bao write -f transit/keys/NAME derived=true` makes it."""

    type: str = "aes256-gcm96"
    derived: bool = True
    exportable: bool = False
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    oldest: int = 1
    """`min_decryption_version`."""


@dataclass
class Engine:
    """What the server holds, and how it fails."""

    base: str = ""
    ca: Path = Path()
    token_file: Path = Path()
    tokens: set[str] = field(default_factory=set)
    keys: dict[str, Key] = field(default_factory=dict)
    status: int = 0
    """What every call is answered with instead, where it is not 0."""
    body: bytes = b'{"errors":[]}'
    silent_for: float = 0.0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def address(self, key: str = "root", more: str = "") -> str:
        return f"transit:{self.base}/transit/{key}?token-file={self.token_file}&ca-file={self.ca}{more}"

    def give_token(self, token: str) -> None:
        """Put a token into the file as an agent does: another file in its place."""
        fresh = self.token_file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(token + "\n")
        fresh.replace(self.token_file)

    def answer(  # noqa: PLR0911 - one for each thing it says
        self, method: str, path: str, token: str, body: bytes
    ) -> tuple[int, Any]:
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "transit"] or len(parts) != 4:
            return 404, {"errors": []}
        action, name = parts[2:]
        key = self.keys.get(name)
        if action == "keys" and method == "GET":
            if key is None:
                return 404, {"errors": []}
            return 200, {"data": {
                "type": key.type, "derived": key.derived, "exportable": key.exportable,
                "allow_plaintext_backup": False, "latest_version": len(key.versions),
                "min_decryption_version": key.oldest, "name": name}}  # fmt: skip
        if key is None:
            return 400, {"errors": ["encryption key not found"]}
        asked = json.loads(body)
        context = base64.b64decode(asked.get("context", ""))
        if key.derived and not context:
            return 400, {"errors": ["missing 'context' for key derivation"]}
        bound = base64.b64decode(asked.get("associated_data", ""))
        if action == "encrypt":
            version, nonce = len(key.versions), os.urandom(12)
            sealed = self._cipher(key, version, context).encrypt(
                nonce, base64.b64decode(asked["plaintext"]), bound
            )
            text = f"vault:v{version}:{base64.b64encode(nonce + sealed).decode()}"
            return 200, {"data": {"ciphertext": text, "key_version": version}}
        prefix, _, rest = asked["ciphertext"].removeprefix("vault:v").partition(":")
        version = int(prefix)
        if not key.oldest <= version <= len(key.versions):
            return 400, {
                "errors": ["ciphertext or signature version is disallowed by policy (too old)"]
            }
        raw = base64.b64decode(rest)
        try:
            plain = self._cipher(key, version, context).decrypt(raw[:12], raw[12:], bound)
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}

    @staticmethod
    def _cipher(key: Key, version: int, context: bytes) -> AESGCM:
        root = key.versions[version - 1]
        if not key.derived:
            return AESGCM(root)
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(root))


@contextmanager
def serving(directory: Path) -> Iterator[Engine]:
    """Run the server for the block."""
    context, ca = make_context(directory, "good")
    engine = Engine(ca=ca, token_file=directory / "token", tokens={"s.first"})
    engine.keys["root"] = Key()
    engine.give_token("s.first")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            engine.asked.append((self.command, self.path, headers, body))
            if engine.silent_for:
                time.sleep(engine.silent_for)
            if engine.status:
                status, said = engine.status, engine.body
            else:
                token = headers.get("x-vault-token", "")
                status, found = engine.answer(self.command, self.path, token, body)
                said = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    engine.base = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
