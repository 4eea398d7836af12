#!/usr/bin/env python3
"""Runs every command of the README's tour against the running demo, in order. Usage: run.py REPOSITORY"""

import os
import re
import signal
import subprocess
import sys
import threading

TOUR = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(readme):
    return TOUR.findall(readme)


def start_demo(repository):
    """The demo, up; and the variables it tells people to export."""
    demo = subprocess.Popen([os.path.join(repository, "deploy/demo.sh")], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(240, demo.kill)
    watchdog.start()
    exports, seen = None, []
    for line in demo.stdout:
        seen.append(line)
        if line.strip().startswith("export DEMO="):
            exports = line.strip()
        if line.startswith("Ctrl-C ends"):
            break
    watchdog.cancel()
    if not exports:
        raise SystemExit("the demo did not come up:\n" + "".join(seen))
    return demo, exports


def main():
    repository = os.path.abspath(sys.argv[1])
    with open(os.path.join(repository, "README.md")) as f:
        commands = blocks(f.read())
    demo, exports = start_demo(repository)
    work = re.search(r"DEMO=(\S+)", exports).group(1)
    try:
        for block in commands:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{exports}\n{block}"], cwd=repository,
                                  capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise SystemExit(f"a command of the README failed (exit {done.returncode}):\n{block}\n"
                                 f"{done.stdout}{done.stderr}")
            print(block + done.stdout + done.stderr)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
    if os.path.exists(work):
        raise SystemExit(f"Ctrl-C left {work} behind")
    print(f"{len(commands)} blocks of the README ran")


main()
