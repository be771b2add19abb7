// Starts the command of the setting azdsl.command, by default `azdsl lsp`, and connects the editor to this server.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate() {
  const [command, ...args] = vscode.workspace.getConfiguration("azdsl").get("command");
  client = new LanguageClient("azdsl", "azdsl", { command, args }, { documentSelector: [{ language: "azdsl" }] });
  try {
    await client.start();
  } catch (error) {
    const advice = "Install it with pip install 'azdsl[lsp]', or set azdsl.command to its path.";
    vscode.window.showErrorMessage(`The azdsl language server did not start: ${error.message}. ${advice}`);
  }
}

function deactivate() {
  return client && client.isRunning() ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
