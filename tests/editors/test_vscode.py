"""The extension for Visual Studio Code: its files fit each other and the rest of the project, and it starts the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from azdsl import __version__

FOLDER = Path(__file__).parents[2] / "grammar" / "vscode"

# An editor and a client of which only what the extension calls exists. The client's start fails where FAIL is set.
DRIVER = """
const Module = require("module"), load = Module._load, log = [];
const modules = {
  vscode: {
    workspace: { getConfiguration: section => ({ get: key => JSON.parse(process.argv[2])[`${section}.${key}`] }) },
    window: { showErrorMessage: text => log.push(["error", text]) },
  },
  "vscode-languageclient/node": {
    LanguageClient: class {
      constructor(...options) { log.push(["new", ...options]); }
      async start() { if (process.env.FAIL) throw new Error("spawn azdsl ENOENT"); this.running = true; }
      isRunning() { return Boolean(this.running); }
      async stop() { log.push(["stop"]); }
    },
  },
};
Module._load = (name, ...rest) => modules[name] ?? load(name, ...rest);
const extension = require(process.argv[1]);
extension.activate().then(() => extension.deactivate()).then(() => console.log(JSON.stringify(log)));
"""


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def run(**environment: str) -> list[list[Any]]:
    """What the extension did while it was activated and deactivated, with the settings' defaults."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    properties = read("package.json")["contributes"]["configuration"]["properties"]
    settings = json.dumps({key: value["default"] for key, value in properties.items()})
    command = [node, "-e", DRIVER, str(FOLDER / "extension.js"), settings]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_the_files_of_the_extension_fit_each_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER.parents[1] / "tools"))
    textmate = import_module("textmate")
    package = read("package.json")
    contributes = package["contributes"]
    (language,), (grammar,) = contributes["languages"], contributes["grammars"]
    for path in (package["main"], language["configuration"], grammar["path"]):
        assert (FOLDER / path).is_file()
    assert (FOLDER / grammar["path"]).resolve() == textmate.PATH.resolve()
    assert textmate.PATH.read_text(encoding="utf-8") == textmate.document(), "run python tools/textmate.py"
    assert read(grammar["path"])["scopeName"] == grammar["scopeName"]
    assert language["extensions"] == [".az"] and grammar["language"] == language["id"]
    assert package["version"] == __version__ and f"azdsl-{__version__}.vsix" in (FOLDER / "README.md").read_text(
        "utf-8"
    )


def test_the_language_configuration():
    found = read("language-configuration.json")
    assert found["comments"] == {"lineComment": "#"}
    assert re.fullmatch(found["wordPattern"], "hidden_weights2")
    more, less = (re.compile(found["indentationRules"][f"{way}IndentPattern"]) for way in ("increase", "decrease"))
    assert more.search("def Setup():  # once") and not more.search("  s2 = 1")
    assert less.search("  def Predict():") and less.search("@frozen") and not less.search("  defect = 1")


def test_the_extension_starts_the_server():
    (new, stop) = run()
    client = {"documentSelector": [{"language": "azdsl"}]}
    assert new == ["new", "azdsl", "azdsl", {"command": "azdsl", "args": ["lsp"]}, client]
    assert stop == ["stop"]


def test_a_server_that_does_not_start_is_a_message():
    (_, (kind, message)) = run(FAIL="1")
    assert kind == "error" and "spawn azdsl ENOENT" in message and "pip install 'azdsl[lsp]'" in message
