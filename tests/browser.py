"""Chromium without a display, driven through the DevTools protocol over two pipes: tests click, type and read a page."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
# The browser reads commands from file descriptor 3 and writes answers to 4.
LAUNCH = "import os, sys; a, b, *command = sys.argv[1:]; os.dup2(int(a), 3); os.dup2(int(b), 4); os.execvp(command[0], command)"
PATIENCE = 60.0
"""Seconds after which a page that does not become ready is an error."""


def find_browser() -> str | None:
    """The first browser of ``NAMES`` that is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


needs_browser = pytest.mark.skipif(find_browser() is None, reason="needs Chromium")


class PageError(AssertionError):
    """An exception or an error message of the page."""


class Browser:
    """One page of a browser. ``errors`` are the page's uncaught exceptions and its messages of level error."""

    def __init__(self, profile: Path) -> None:
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        command = [find_browser() or "chromium", *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read), str(write), *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._buffer, self._number, self._session = b"", 0, ""
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._session = ""
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE)
        except (PageError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _next(self) -> Any:
        while b"\0" not in self._buffer:
            if not select.select([self._answers], [], [], PATIENCE)[0]:
                raise PageError(f"no answer from the browser in {PATIENCE:.0f} s")
            part = os.read(self._answers, 1 << 16)
            if not part:
                raise PageError("the browser has ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: Any) -> None:
        facts = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.errors.append(facts["entry"]["text"])

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise PageError(found["exceptionDetails"]["exception"].get("description", script))
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Return when a JavaScript expression is true."""
        end = time.monotonic() + PATIENCE
        # each look waits for the page's next frame
        while not self.evaluate(f"new Promise(r => setTimeout(() => r(Boolean({condition})), 20))"):
            if time.monotonic() > end:
                raise PageError(f"not true after {PATIENCE:.0f} s: {condition}; {self.errors}")

    def open(self, url: str, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a page in a window of this size."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[theme])
        self.errors.clear()
        self.call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def center(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """A point of an element in the window, from its left and its top in shares of its size."""
        found = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            f"const r = e.getBoundingClientRect(); return [r.left + {x} * r.width, r.top + {y} * r.height]; }})()"
        )
        return found[0], found[1]

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click an element with the mouse."""
        left, top = self.center(selector, x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", buttons=1, clickCount=1)

    def drag(self, selector: str, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place of an element, move over the others, release."""
        points = [self.center(selector, x, y) for x, y in places]
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for kind, (left, top) in zip([*kinds, "mouseReleased"], [*points, points[-1]], strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", buttons=1, clickCount=1)

    def tap(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Touch an element with a finger."""
        left, top = self.center(selector, x, y)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": left, "y": top}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str) -> None:
        """Press a key, by its name in JavaScript."""
        text = {"text": key} if len(key) == 1 else {}
        code = {" ": "Space"}.get(key, f"Key{key.upper()}" if len(key) == 1 else key)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, **(text if kind == "keyDown" else {}))

    def screenshot(self, path: Path) -> None:
        """A picture of the complete page, as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile, ended at the end."""
    page = Browser(profile)
    try:
        yield page
    finally:
        page.close()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a web server of this machine for a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
