"""A real browser for tests: Chromium without a window, steered over its own protocol. No driver is needed."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WAIT = 30.0


def program() -> str | None:
    """Path of an installed Chromium, None without one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """One tab of a fresh browser whose profile lies in `folder`."""
    executable = program()
    assert executable is not None
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += [
        "--disable-component-update",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
    ]
    process = subprocess.Popen([executable, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(folder / "DevToolsActivePort"), max_size=None) as connection:
            tab = Tab(connection)
            tab.open(folder)
            yield tab
    finally:
        process.terminate()
        process.wait(timeout=10)


def _address(port_file: Path) -> str:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        if port_file.exists() and len(lines := port_file.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise TimeoutError("the browser did not start")


@dataclass
class Tab:
    """A tab; `problems` collects errors of the console, `requests` every address that was asked for."""

    connection: ClientConnection
    session: str = ""
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _loaded: set[str] = field(default_factory=set)

    def open(self, folder: Path) -> None:
        """Make the tab; downloads go to `folder`."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "CSS"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Carry out a command and return its result; events that arrive meanwhile are noted."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self.session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self.session
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv(timeout=_WAIT))
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def goto(self, path: Path, anchor: str = "") -> None:
        """Open a file and wait until it is there with everything it needs."""
        loader = self.call("Page.navigate", url=path.resolve().as_uri() + anchor)["loaderId"]
        while loader not in self._loaded:
            self._note(json.loads(self.connection.recv(timeout=_WAIT)))

    def run(self, script: str) -> Any:
        """Value of a script; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def size(self, width: int, height: int = 900, scale: float = 1.0) -> None:
        """Width and height of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def media(self, scheme: str = "light", medium: str = "") -> None:
        """Light or dark, screen or print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def key(self, name: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        known = {"key": name, "code": name, "windowsVirtualKeyCode": code} | ({"text": text} if text else {})
        self.call("Input.dispatchKeyEvent", type="keyDown", **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def _note(self, event: dict[str, Any]) -> None:
        method, known = event.get("method", ""), event.get("params", {})
        if method == "Page.lifecycleEvent" and known["name"] == "load":
            self._loaded.add(known["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(known["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(known["exceptionDetails"].get("text")))
        elif (method == "Log.entryAdded" and known["entry"]["level"] == "error") or (
            method == "Runtime.consoleAPICalled" and known["type"] == "error"
        ):
            self.problems.append(str(known.get("entry", known)))
