"""Programs under test: started in a namespace, ended by their own process id."""

import os
import signal
import subprocess
import time

from .waiting import ScenarioFailure, wait_until

UNPRIVILEGED = 65534


def as_nobody(argv):
    """The same command without privileges."""
    return ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", "--no-new-privs", *argv]


class Program:
    """One running program of ours, with its output in a file."""

    def __init__(self, name, argv, namespace, log_path, env=None):
        self.name = name
        self.log_path = log_path
        log = open(log_path, "ab")
        self.process = subprocess.Popen(
            namespace.wrap(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **(env or {})}, start_new_session=True)
        log.close()

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=10):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise ScenarioFailure(f"{self.name} did not end within {timeout} s of SIGTERM") from None

    def output(self):
        with open(self.log_path, "r", errors="replace") as f:
            return f.read()


def processes_with_environment(key, value):
    """Process ids whose environment has key=value (zombies have none)."""
    wanted = f"{key}={value}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                if wanted in f.read().split(b"\0"):
                    found.append(int(entry))
        except OSError:
            continue
    return sorted(found)


def processes_under(path):
    """Process ids whose command line names a path under `path`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                if path.encode() in f.read():
                    found.append(int(entry))
        except OSError:
            continue
    return sorted(found)


def kill_all(pids, timeout=5):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(f"processes {pids} gone", lambda: not any(running(pid) for pid in pids), timeout)


def running(pid):
    """Whether the process lives; a zombie that waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", "r") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def executable(pid):
    """Path of the program that the process runs; empty when it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def start_time(pid):
    """Clock ticks since boot; with the pid, one process for ever."""
    with open(f"/proc/{pid}/stat", "r") as f:
        return int(f.read().rsplit(")", 1)[1].split()[19])


def now():
    return time.monotonic()
