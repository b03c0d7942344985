"""One Pantry server in a temporary directory, on a free port, stopped by its own pid."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

TICK_MICROS = 1_000_000 // os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, binary, directory=None, settings=None):
        """`settings` is a configuration file's content; without it everything is in files of the directory."""
        self.binary = str(binary)
        self.settings = settings
        self.directory = Path(directory or tempfile.mkdtemp(prefix="pantry-bench-"))
        self.owns_directory = directory is None
        self.process = None
        self.url = None

    def start(self, wait=True):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PANTRY_")}
        environment["PANTRY_DATA_DIRECTORY"] = str(self.directory / "data")
        if self.settings:
            file = self.directory / "pantry.json"
            file.touch(0o600)
            file.write_text(json.dumps(self.settings))
            environment["PANTRY_CONFIG"] = str(file)
        self.log_path = self.directory / "log"
        log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--port", "0"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        while self.url is None:
            found = re.search(rb"listening on (http:[^ \"]+)", self.log_path.read_bytes())
            if found:
                self.url = found.group(1).decode().replace("\\/", "/")
            elif self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {self.log_path.read_text()[-2000:]}")
            else:
                time.sleep(0.001)
        while wait and not self.answers("/readyz"):
            if time.monotonic() > deadline:
                raise RuntimeError("the server did not become ready")
            time.sleep(0.005)
        return self

    def answers(self, path, token=None):
        try:
            self.call("GET", path, token=token)
            return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def call(self, method, path, body=None, token=None, key=None, kind="application/json"):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data)
        request.add_header("Content-Type", kind)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if key:
            request.add_header("Idempotency-Key", key)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        try:
            return json.loads(text)
        except ValueError:
            return text.decode()

    def operator_token(self):
        return (self.directory / "data" / "operator-token").read_text().strip()

    def new_shop(self, products, name="Benchmark", on_hand=1_000_000_000):
        """An organization with products p-1, p-2, …; its API key."""
        shop = self.call("POST", "/v1/organizations", {"name": name, "plan": "unlimited"}, self.operator_token())
        lines = "".join(
            json.dumps({"sku": f"p-{n}", "name": f"Product {n}", "onHand": on_hand,
                        "unitPrice": {"amount": 100 + n % 900, "currency": "USD"}}) + "\n"
            for n in range(1, products + 1))
        answer = self.call(
            "POST", "/v1/product-imports", lines.encode(), shop["apiKey"], kind="application/x-ndjson")
        if answer["imported"] != products:
            raise RuntimeError(f"the products were not imported: {str(answer)[:500]}")
        return shop["apiKey"]

    def cpu_micros(self):
        """User and kernel time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_MICROS

    def resident_mib(self):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found.group(1)) / 1024

    def metric_of(self, name, database):
        """Sum and count of a histogram of that database."""
        text = self.call("GET", "/metrics")
        found = dict(re.findall(rf'^{name}_(sum|count)\{{database="{database}"\}} (\S+)$', text, re.MULTILINE))
        return float(found["sum"]), float(found["count"])

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process, self.url = None, None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
