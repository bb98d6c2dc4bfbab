"""Our side of the carriers' callbacks, as small as it can be: keeps what it is told, says no as often as asked to."""

from __future__ import annotations

import json
import queue
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ALIYUN_WANTS = {"code": 0, "msg": "接收成功"}
TENCENT_WANTS = {"result": 0, "errmsg": "OK"}


class Callee(ThreadingHTTPServer):
    """Listens on a free port of loopback; `told` holds path and body of each callback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _CalleeHandler)
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.refuse = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def next(self) -> tuple[str, Any]:
        """Path and body of the next callback, however busy the machine is."""
        return self.told.get(timeout=60)


class _CalleeHandler(BaseHTTPRequestHandler):
    server: Callee

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.told.put((self.path, body))
        self.server.refuse -= 1
        wants = TENCENT_WANTS if "/tencent/" in self.path else ALIYUN_WANTS
        answer = json.dumps(wants if self.server.refuse < 0 else {"code": 1, "result": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass
