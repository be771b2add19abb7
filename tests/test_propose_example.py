"""The example that lets a language model propose, against a server of canned answers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from search_runs import small

from azdsl.search.evolve import run

SCRIPT = Path(__file__).parents[1] / "examples" / "propose" / "language_model.py"
ANSWER = "Two ideas.\n```python\ndef Predict():\n  s1 = dot(v0, v1)\n```\nAnd:\n```\ndef Predict():\n  s1 = s0 ?\n```\n"


@pytest.fixture
def server(monkeypatch):
    """What a server of canned answers received: path, key and body of each request."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.path, self.headers["Authorization"], body))
            content = json.dumps({"choices": [{"message": {"role": "assistant", "content": ANSWER}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setenv("PROPOSE_URL", f"http://127.0.0.1:{listening.server_port}/v1")
        monkeypatch.setenv("PROPOSE_MODEL", "stub")
        monkeypatch.setenv("PROPOSE_KEY", "secret")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield received
        listening.shutdown()


def test_what_the_model_answers_is_tried(server, monkeypatch):
    monkeypatch.setenv("PROPOSE_EVERY", "2")
    result = run(small(max_evals=1600), proposals=f"'{sys.executable}' -S '{SCRIPT}'", quiet=True)
    assert result.proposals == {"epochs": 3, "proposed": 2, "refused": 1, "left_out": 0, "failures": 0}
    ((path, key, body),) = server
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer secret", "stub")
    assert "def Predict():" in body["messages"][0]["content"] and "fitness 0." in body["messages"][0]["content"]


def test_a_server_that_is_gone_is_one_line(monkeypatch):
    monkeypatch.setenv("PROPOSE_MODEL", "stub")
    monkeypatch.setenv("PROPOSE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    line = json.dumps({"epoch": 10, "size": 1, "fitness": 0.5, "program": "def Predict():\n  s1 = dot(v0, v1)\n"})
    done = subprocess.run([sys.executable, "-S", SCRIPT], input=line, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("no answer from the model: URLError") and not done.stdout
