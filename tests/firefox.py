"""Firefox for the tests of pages, driven by the protocol that it brings itself, Marionette.

A message is its length, a colon, and a list as JSON: [0, number, command, parameters] to Firefox,
and [1, number, error, result] back.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browsers import skip

# Names under which Firefox is installed.
NAMES = ("firefox-esr", "firefox")
# Seconds for Firefox to start, and for an answer of it.
START_SECONDS, ANSWER_SECONDS = 90, 60
PREFERENCES = {
    "marionette.port": 0,  # a free one, which Firefox writes into its profile
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.malware.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """A running Firefox."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._answers = connection, connection.makefile("rb")
        self._number = 0
        self._receive()
        self.call("WebDriver:NewSession", capabilities={})

    def call(self, command: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def open(self, path: Path, *, width: int = 1200) -> None:
        """Open a page in a window of a width in pixels, and keep its faults in `window.faults`."""
        self.call("WebDriver:SetWindowRect", width=width, height=900)
        self.call("WebDriver:Navigate", url=path.as_uri())
        self.run(
            "window.faults = [];"
            "for (const name of ['error', 'unhandledrejection', 'securitypolicyviolation'])"
            " window.addEventListener(name, (event) => window.faults.push("
            "   `${name} ${event.message || event.reason || event.blockedURI}`));"
        )

    def run(self, script: str) -> Any:
        """Run a function body of JavaScript in the page; return what it returns, waited for."""
        answer = (
            "const done = arguments[0];"
            f"(async () => {{ {script} }})()"
            ".then((value) => done([value]), (error) => done(String(error)))"
        )
        result = self.call("WebDriver:ExecuteAsyncScript", script=answer, args=[], sandbox=None)[
            "value"
        ]
        assert isinstance(result, list), result
        return result[0]

    def close(self) -> None:
        """Let go of Firefox, which goes on."""
        self._answers.close()

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._answers.read(1)
            assert byte, "Firefox has ended"
            length += byte
        return json.loads(self._answers.read(int(length[:-1])))


@contextmanager
def started_firefox(profile: Path) -> Iterator[Firefox]:
    """Start Firefox with an empty profile, or skip the test and say what is missing."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        skip("no Firefox: install it, as with apt-get install firefox-esr", "TEXTGEN_NEEDS_FIREFOX")
    profile.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = profile / "MarionetteActivePort"
        deadline = time.monotonic() + START_SECONDS
        while not port.exists() or not port.read_text():
            assert process.poll() is None, "Firefox did not start"
            assert time.monotonic() < deadline, "Firefox takes too long to start"
            time.sleep(0.05)
        address = ("127.0.0.1", int(port.read_text()))
        with socket.create_connection(address, timeout=ANSWER_SECONDS) as connection:
            firefox = Firefox(connection)
            yield firefox
            firefox.close()
    finally:
        process.terminate()
        process.wait(ANSWER_SECONDS)
