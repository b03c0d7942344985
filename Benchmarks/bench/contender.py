"""Contenders of the saga benchmark: processes that are told what to do in one JSON object and answer in JSON lines."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REQUIREMENTS = HERE / "contenders" / "dbos-requirements.txt"


class Contender:
    """A program, and the settings of its own that go with every request."""

    def __init__(self, name, command, **settings):
        self.name, self.command, self.settings = name, [str(part) for part in command], settings

    def ask(self, **request):
        """Runs one request to its end; its last answer."""
        result = subprocess.run(self.command, input=self.request(request), capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{self.name} failed with {request['command']}: {result.stderr[-2000:]}")
        return self.answer(result.stdout.strip().rpartition("\n")[2])

    def begin(self, folder, **request):
        """Starts a request that is not waited for; its process, whose answers come by `listen`."""
        with open(Path(folder) / "errors", "ab") as errors:
            process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        process.stdin.write(self.request(request))
        process.stdin.close()
        return process

    def listen(self, process, folder):
        """The next answer of a process that was begun."""
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended without an answer: {(Path(folder) / 'errors').read_text()[-2000:]}")
        return self.answer(line)

    def request(self, request):
        return json.dumps(request | self.settings) + "\n"

    def answer(self, line):
        try:
            return json.loads(line)
        except ValueError:
            raise RuntimeError(f"{self.name} answered {line!r}, which is not JSON") from None


def end(process):
    """Ends a process that was begun, however far it has come."""
    if process is not None and process.poll() is None:
        process.kill()
    if process is not None:
        process.wait()
        process.stdout.close()


def dbos_version():
    lines = REQUIREMENTS.read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith("dbos=="))


def dbos_python():
    """The interpreter of an environment with DBOS and all that it needs, in the versions of the requirements' file."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = HERE / ".build" / f"dbos-{dbos_version()}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = ["pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", REQUIREMENTS]
        subprocess.run([python, "-m", *install], check=True, stdout=2)
        (folder / "complete").touch()
    return python


def dbos(name, **settings):
    return Contender(name, [dbos_python(), HERE / "contenders" / "dbos_sagas.py"], **settings)


def pantry():
    """Pantry's sagas; None while nothing builds them."""
    if "SagaBenchmark" not in (HERE / "Package.swift").read_text():
        return None
    subprocess.run(["swift", "build", "-c", "release", "--product", "SagaBenchmark"], cwd=HERE, check=True, stdout=2)
    return Contender("Pantry", [HERE / ".build/release/SagaBenchmark"])
