"""A Hugging Face hub on this computer, as much of it as a download needs; it can hold back what it sends.

The processes that are to use it need ``HF_ENDPOINT`` (``Hub.environment``) before they import huggingface_hub.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_CHUNK = 1 << 16


class Hub:
    """Serves ``files``: bytes by ``owner/repository/name``.

    hold_after: so many bytes of a file are sent, and the rest when ``go_on`` is set. sending: set with the first bytes.
    requests: method and path of each; headers: of each, too.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.hold_after: int | None = None
        self.go_on, self.sending = threading.Event(), threading.Event()
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self, cache: Path) -> dict[str, str]:
        """What a process needs to use this hub, with a cache of its own."""
        return {
            "HF_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "HF_HOME": str(cache),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        }

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            hub.requests.append((self.command, self.path))
            hub.headers.append({name.lower(): value for name, value in self.headers.items()})
            body = hub.files.get(self.path.lstrip("/").replace("/resolve/main", ""))
            if body is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("ETag", f'"{len(body):040x}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self._send(body)

        def _send(self, body: bytes) -> None:
            try:
                for at in range(0, len(body), _CHUNK):
                    if hub.hold_after is not None and at >= hub.hold_after:
                        hub.go_on.wait(60)
                    self.wfile.write(body[at : at + _CHUNK])
                    hub.sending.set()
            except OSError:  # who asked has gone
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
