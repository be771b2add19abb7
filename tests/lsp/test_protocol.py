"""``azdsl lsp`` through the protocol: an editor's messages on standard input, the answers on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from azdsl.cli import main
from azdsl.syntax import format_source

pytest.importorskip("pygls")

ROOT = Path(__file__).parents[2]
URI = "file:///tmp/program.az"
TEXT = """\
task linear(features=4)  # 😀 two units of UTF-16
def Setup():
  rate = 0.01
def Predict():
  s1 = dot(w, v0)
def Learn():
  w = w + rate * (label - prediction) * v0
"""


class Editor:
    """An editor that talks to a server process."""

    def __init__(self, encodings: list[str]) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "azdsl", "lsp", "--stdio"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self.numbers = count(1)
        self.notifications: list[dict[str, Any]] = []
        general = {"positionEncodings": encodings} if encodings else {}
        can = {"general": general, "textDocument": {"rename": {"prepareSupport": True}}}
        answer = self.request("initialize", processId=None, rootUri=None, capabilities=can)
        self.capabilities = answer["result"]["capabilities"]
        self.notify("initialized")

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            assert line, self.process.communicate()[1].decode()
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return dict(json.loads(self.process.stdout.read(length)))

    def notify(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request; what the server notifies before it is kept."""
        number = next(self.numbers)
        self.send({"id": number, "method": method, "params": params})
        while (message := self.read()).get("id") != number:
            self.notifications.append(message)
        return message

    def at(self, method: str, line: int, character: int, **params: Any) -> dict[str, Any]:
        position = {"line": line, "character": character}
        return self.request(f"textDocument/{method}", textDocument={"uri": URI}, position=position, **params)

    def open(self, text: str) -> list[dict[str, Any]]:
        document = {"uri": URI, "languageId": "azdsl", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return self.diagnostics()

    def change(self, text: str, version: int = 2) -> list[dict[str, Any]]:
        document = {"uri": URI, "version": version}
        self.notify("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])
        return self.diagnostics()

    def diagnostics(self) -> list[dict[str, Any]]:
        """The diagnostics that the server publishes next."""
        while True:
            message = self.notifications.pop(0) if self.notifications else self.read()
            if message.get("method") == "textDocument/publishDiagnostics":
                return list(message["params"]["diagnostics"])

    def close(self) -> tuple[int, str]:
        """End the server as an editor does: its exit status, and what it wrote on standard error."""
        self.request("shutdown")
        self.notify("exit")
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err.decode()


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor([])
    try:
        yield editor
        status, err = editor.close()
        assert status == 0 and "Traceback" not in err, err
    finally:
        editor.process.kill()
        editor.process.communicate()


def test_the_server_says_what_it_can_do(editor: Editor):
    found = editor.capabilities
    assert found["positionEncoding"] == "utf-16" and found["textDocumentSync"]["change"] == 1
    assert found["hoverProvider"] and found["documentFormattingProvider"] and found["documentSymbolProvider"]
    assert (
        found["renameProvider"] == {"prepareProvider": True} and "(" in found["completionProvider"]["triggerCharacters"]
    )


def test_errors_while_a_file_is_typed(editor: Editor):
    assert editor.open(TEXT) == []
    (error,) = editor.change(TEXT.replace("dot(w", "dto(w"))
    assert error["range"] == {"start": {"line": 4, "character": 7}, "end": {"line": 4, "character": 10}}
    assert "did you mean 'dot'?" in error["message"] and (error["severity"], error["source"]) == (1, "azdsl")
    assert error["code"] == "unknown-op"
    (error,) = editor.change(
        TEXT.replace("units", "units").replace("task linear(features=4)  #", "task linear(noise='😀', x=1)  #")
    )[1:]
    assert error["range"]["start"] == {"line": 0, "character": 24}, "a column counts units of UTF-16"
    assert editor.change("x" * 1_000_001)[0]["message"].startswith("the file is too large")
    assert editor.change(TEXT) == []
    editor.notify("textDocument/didClose", textDocument={"uri": URI})
    assert editor.diagnostics() == []


def test_hover_and_completion(editor: Editor):
    editor.open(TEXT)
    answer = editor.at("hover", 4, 8)["result"]
    assert answer["contents"]["kind"] == "markdown" and "Inner product" in answer["contents"]["value"]
    assert answer["range"] == {"start": {"line": 4, "character": 7}, "end": {"line": 4, "character": 10}}
    assert editor.at("hover", 0, 40)["result"] is None
    editor.change(TEXT.replace("dot(w, v0)", "dot("))
    found = {item["label"]: item for item in editor.at("completion", 4, 11)["result"]}
    assert found["w"]["detail"] == "vector" and found["bcast"]["kind"] == 3
    editor.change("search(")
    assert {item["insertText"] for item in editor.at("completion", 0, 7)["result"]} >= {"population=", "seed="}
    editor.change("x" * 1_000_001)
    assert editor.at("completion", 0, 1)["result"] == [] and editor.at("hover", 0, 1)["result"] is None


def test_format(editor: Editor):
    editor.open(TEXT)
    options = {"tabSize": 2, "insertSpaces": True}
    ask = {"textDocument": {"uri": URI}, "options": options}
    assert editor.request("textDocument/formatting", **ask)["result"] == []
    loose = TEXT.replace("w + rate", "w+rate").rstrip("\n")
    editor.change(loose)
    (edit,) = editor.request("textDocument/formatting", **ask)["result"]
    assert edit["newText"] == format_source(loose) == TEXT
    assert edit["range"] == {"start": {"line": 0, "character": 0}, "end": {"line": 6, "character": 40}}
    editor.change(TEXT + "  x = (")
    assert editor.request("textDocument/formatting", **ask)["result"] is None


def test_rename(editor: Editor):
    editor.open(TEXT)
    assert editor.at("prepareRename", 2, 3)["result"]["start"] == {"line": 2, "character": 2}
    edits = editor.at("rename", 2, 3, newName="step")["result"]["changes"][URI]
    assert [edit["range"]["start"]["line"] for edit in edits] == [2, 6]
    refused = editor.at("rename", 2, 3, newName="w")["error"]
    assert refused == {"code": -32803, "message": "w is used already; use another name"}
    assert "only registers and variables" in editor.at("prepareRename", 1, 5)["error"]["message"]


def test_symbols(editor: Editor):
    editor.open(TEXT)
    found = editor.request("textDocument/documentSymbol", textDocument={"uri": URI})["result"]
    assert [(one["name"], [part["name"] for part in one["children"]]) for one in found] == [
        ("task", []),
        ("Setup", ["rate"]),
        ("Predict", []),
        ("Learn", ["w"]),
    ]


def test_the_encoding_that_the_editor_prefers():
    editor = Editor(["utf-8", "utf-16"])
    try:
        assert editor.capabilities["positionEncoding"] == "utf-8"
        (_, error) = editor.open("task linear(noise='😀', x=1)\n")
        assert error["range"]["start"]["character"] == 26
        _, err = editor.process.communicate(timeout=60)  # closes standard input
        assert (editor.process.returncode, err) == (0, b"")
    finally:
        editor.process.kill()
        editor.process.communicate()


def test_a_message_without_pygls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.delitem(sys.modules, "azdsl.lsp.server", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pygls", "lsprotocol")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.setitem(sys.modules, "lsprotocol", None)
    assert main(["lsp"]) == 2
    assert capsys.readouterr().err == "error: the language server needs pygls: pip install 'azdsl[lsp]'\n"
