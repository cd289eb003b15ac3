"""A headless Chromium, driven through its own pipe: no driver program, no package.

The protocol (Chrome DevTools Protocol) is JSON ended by a zero byte, on the descriptors
3 (to the browser) and 4 (from it) of `--remote-debugging-pipe`.
"""
import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


def out_of_the_way(descriptor: int) -> int:
    """The same file under a number that is neither 3 nor 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class Browser:
    """One browser with one page; `with` ends it."""

    def __init__(self, folder: pathlib.Path, width: int = 1280, height: int = 800):
        """folder: for its profile; width, height: of the page, pixels."""
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        to_browser, from_browser = (out_of_the_way(fd) for fd in (to_browser, from_browser))
        # The browser's end must be 3 and 4 exactly; a shell moves them there.
        command = (f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser} '
                   f'{to_browser}<&- {from_browser}>&-')
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command, PROGRAM, "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={folder}",
             "--remote-debugging-pipe", "about:blank"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._number, self._session = b"", 0, None
        self.errors: list[str] = []  # what the page's script threw or the browser refused
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _receive(self) -> dict:
        while b"\0" not in self._buffer:
            more = os.read(self._read, 1 << 20)
            if not more:
                raise RuntimeError("the browser ended")
            self._buffer += more
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters) -> dict:
        """One command of the protocol; its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]["exceptionDetails"]))
            if answer.get("method") == "Log.entryAdded":
                entry = answer["params"]["entry"]
                if entry["level"] == "error" and entry["source"] != "network":
                    self.errors.append(entry["text"])
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def size(self, width: int, height: int, phone: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)

    def prefer(self, scheme: str) -> None:
        """What the system asks for: dark or light."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def value(self, expression: str):
        """What a JavaScript expression is in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def text(self, element: str) -> str:
        """The visible text of the element with this id; "" where there is none."""
        return self.value(f"(document.getElementById({element!r}) || {{}}).innerText || ''")

    def data(self, element: str, name: str = "value"):
        """data-NAME of an element, as a number."""
        text = self.value(f"(document.getElementById({element!r}) || {{dataset: {{}}}})"
                          f".dataset[{name!r}]")
        return None if text is None else float(text)

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      text=key if kind == "keyDown" and len(key) == 1 else "")

    def wait(self, condition, what: str, seconds: float = 20) -> None:
        """Until condition() is true; fails with `what`, and with what the page says."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                says = self.value("document.body.innerText")
                raise AssertionError(f"{what}; the page says:\n{says}\n{self.errors}")
            time.sleep(0.1)

    def picture(self, path: pathlib.Path) -> None:
        """The page as a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
