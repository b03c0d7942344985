"""One PostgreSQL server in a temporary folder, on a free port of the loopback, stopped by its own pid."""

import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from .server import TICK_MICROS

FOLDERS = [os.environ.get("PANTRY_POSTGRES_BIN", ""), "/usr/lib/postgresql/15/bin", "/opt/homebrew/opt/postgresql@15/bin"]

# The same server for both sides. What is not here stands at PostgreSQL's defaults: fsync, synchronous_commit and
# full_page_writes are on, autovacuum is on. No checkpoint falls into a round by the clock.
SETTINGS = {
    "shared_buffers": "1GB", "max_connections": "200", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "jit": "off",
    "shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none",
}
HOUSEKEEPING = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "log_line_prefix": "%d|%p|%v|", "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    def __init__(self, scratch):
        found = [Path(f) for f in FOLDERS if f and (Path(f) / "initdb").exists()]
        if not found:
            sys.exit("PostgreSQL 15 is missing; as root, run: apt-get update && apt-get install -y postgresql-15")
        self.programs = found[0]
        self.password = secrets.token_hex(16)
        # A server refuses to run as root.
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        Path(scratch).chmod(0o711)
        self.folder = Path(scratch) / "postgres"
        self.folder.mkdir(mode=0o700)
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.process = None
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        secret = self.folder / "password"
        secret.touch(0o600)
        secret.write_text(self.password)
        self.give(secret)
        subprocess.run(
            [self.programs / "initdb", "--pgdata", self.data, "--username", "postgres", "--pwfile", secret, "--encoding", "UTF8",
             "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--no-instructions"],
            check=True, stdout=subprocess.DEVNULL, **self.identity())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def give(self, path):
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def identity(self):
        who = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []} if self.account else {}
        return {**who, "cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}}

    def start(self):
        lines = [f"{name} = '{value}'\n" for name, value in {**SETTINGS, **HOUSEKEEPING, "port": self.port}.items()]
        (self.data / "postgresql.conf").write_text("".join(lines))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.identity())
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def is_ready(self):
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].startswith("ready")
        except (OSError, IndexError):
            return False

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
            self.process = None

    def url(self, database):
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def plain_url(self, database):
        """As through a pooler: nothing is prepared or remembered, so that each transaction says all that it does."""
        return self.url(database) + "?pooler=transaction"

    def environment(self):
        """For PostgreSQL's own clients."""
        other = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**other, "PGPASSWORD": self.password, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres",
                "PGSSLMODE": "disable"}

    def sql(self, text, database="postgres"):
        """What the statements print: a row on each line, columns parted by `|`."""
        result = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"], input=text, capture_output=True,
            text=True, env=self.environment())
        if result.returncode:
            raise RuntimeError(f"psql: {result.stderr}")
        return result.stdout.rstrip("\n")

    def configure(self, name, value):
        """Changes a setting for everybody, at once; None goes back to the file's."""
        change = f"SET {name} = '{value}'" if value is not None else f"RESET {name}"
        self.sql(f"ALTER SYSTEM {change}")
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.5)

    def version(self):
        return self.sql("SHOW server_version").split(" ")[0]

    def position(self):
        """Bytes of log that were ever written."""
        return int(self.sql("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def cpu_micros(self):
        """User and kernel time of all processes of the server so far, those that have ended included."""
        postmaster = self.process.pid
        fields = stat(postmaster)
        ticks = sum(int(fields[n]) for n in (11, 12, 13, 14))
        for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            try:
                fields = stat(child)
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                pass  # it has ended meanwhile, and is counted with the next reading
        return ticks * TICK_MICROS


def stat(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
