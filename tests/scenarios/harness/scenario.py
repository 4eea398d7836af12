"""Runs one scenario folder and cleans up whatever happens."""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from . import manifests
from .centre import Centre
from .network import Wan
from .site import Site, enrolled_site
from .waiting import ScenarioFailure

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


class World:
    def __init__(self, binaries, next_binaries, previous_binaries):
        self.binaries = binaries
        self.next_binaries = next_binaries
        self.previous_binaries = previous_binaries
        self.prefix = f"pg{os.getpid()}"
        self.root = tempfile.mkdtemp(prefix="perigee-scenario-")
        os.chmod(self.root, 0o711)
        os.mkdir(os.path.join(self.root, "logs"))
        self.wan = Wan(self.prefix)
        self.centres = []
        self.sites = []
        self.programs = []  # others that end with the world
        manifests.PROBE = self.binary("perigee_probe")

    def binary(self, name):
        return os.path.join(self.binaries, name)

    def log(self, name):
        return os.path.join(self.root, "logs", f"{name}.log")

    def directory(self, name, owner=0, mode=0o700):
        path = os.path.join(self.root, name)
        if not os.path.isdir(path):
            os.mkdir(path)
            os.chown(path, owner, owner)
            os.chmod(path, mode)
        return path

    def centre(self, **options):
        self.centres.append(Centre(self, **options))
        return self.centres[-1]

    def bare_site(self, name, centre):
        self.sites.append(Site(self, name, centre))
        return self.sites[-1]

    def site(self, name, centre, **fields):
        self.sites.append(enrolled_site(self, name, centre, **fields))
        return self.sites[-1]

    def show_logs(self):
        directory = os.path.join(self.root, "logs")
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), errors="replace") as f:
                print(f"--- {name} (last lines)\n" + "".join(f.readlines()[-40:]), file=sys.stderr)

    def delete(self):
        for site in self.sites:
            site.delete()
        for program in [*self.programs, *(c.program for c in self.centres if c.program)]:
            if program.alive():
                program.kill9()
        self.wan.delete()
        subprocess.run(["sh", "-c", f"grep -o ' {self.root}/[^ ]*' /proc/mounts | xargs -r umount -l"], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


def load(folder):
    spec = importlib.util.spec_from_file_location("story", os.path.join(folder, "scenario.py"))
    story = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(story)
    return story


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--binaries", required=True, help="directory with the programs under test")
    parser.add_argument("--next", default="", help="directory with a later release, for upgrades")
    parser.add_argument("--previous", default="", help="directory with the previous landing's programs")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root: network namespaces for the sites")
        sys.exit(SKIPPED)
    story = load(arguments.folder)
    world = World(*(os.path.abspath(p) if p else "" for p in (arguments.binaries, arguments.next, arguments.previous)))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    try:
        story.run(world)
        print(f"passed in {time.monotonic() - began:.1f} s")
    except ScenarioFailure as failure:
        world.show_logs()
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        world.show_logs()
        traceback.print_exc()
        sys.exit(1)
    finally:
        world.delete()


if __name__ == "__main__":
    main()
