"""A site: one host with an agent, a launcher and the replicas they run."""

import json
import os
import shutil
import subprocess

from .processes import (UNPRIVILEGED, Program, as_nobody, executable, kill_all, processes_under,
                        processes_with_environment, running, start_time)
from .waiting import ScenarioFailure, check, wait_until


class Site:
    def __init__(self, world, name, centre, namespace=None, binaries=None):
        self.world = world
        self.name = name
        self.centre = centre
        self.namespace = namespace or world.wan.join(name)
        self.data = world.directory(f"{name}-data", owner=UNPRIVILEGED)
        self.runtime = world.directory(f"{name}-run")
        self.binaries = binaries or world.binaries
        self.agent = None
        self.launcher = None
        self.boot_id_file = None

    # Enrolment -------------------------------------------------------------

    def write_token(self, token):
        path = os.path.join(self.world.root, f"{self.name}.token")
        with open(path, "w") as f:
            f.write(token + "\n")
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        os.chmod(path, 0o600)
        return path

    def enrol(self, token, *flags, wait="0s", ok=True):
        argv = as_nobody([self._program("perigee-satellite"), "enroll", "--server", self.centre.https, "--ca-hash",
                          self.centre.ca_hash, "--token-file", self.write_token(token), "--data-dir", self.data,
                          "--name", self.name, "--wait", wait, *flags])
        done = self.namespace.run(argv, capture_output=True, text=True, timeout=60)
        if ok and done.returncode != 0:
            raise ScenarioFailure(f"enrolling {self.name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    # Life of the host ------------------------------------------------------

    def _program(self, name):
        return os.path.join(self.binaries, name)

    def _in_this_boot(self, argv):
        """Runs argv with the boot id that this host has now, as the kernel would show it."""
        if not self.boot_id_file:
            return argv
        return ["unshare", "--mount", "sh", "-c",
                'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', self.boot_id_file, *argv]

    def start_launcher(self, under=()):
        argv = [self._program("perigee-launcher"), "--runtime-dir", self.runtime, "--agent-uid", str(UNPRIVILEGED)]
        self.launcher = Program(f"{self.name} launcher", self._in_this_boot([*under, *argv]), self.namespace,
                                self.world.log(f"{self.name}-launcher"))

    def start_agent(self, under=()):
        argv = [self._program("perigee-satellite"), "run", "--data-dir", self.data, "--runtime-dir", self.runtime]
        argv = self._in_this_boot([*under, *as_nobody(argv)])
        self.agent = Program(f"{self.name} agent", argv, self.namespace, self.world.log(f"{self.name}-agent"))

    def start(self):
        self.start_launcher()
        self.start_agent()

    def power_off(self):
        """Every process of the host dies; what lies in its runtime directory is gone."""
        for program in (self.agent, self.launcher):
            if program and program.alive():
                program.kill9()
        kill_all(self.all_processes())
        for mount in self._mounts_under(self.runtime):
            subprocess.run(["umount", "-l", mount], check=False)
        for name in os.listdir(self.runtime):
            path = os.path.join(self.runtime, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def new_boot(self, namespace=None):
        """What the next start sees: another boot id, perhaps other networks."""
        self.boot_id_file = os.path.join(self.world.root, f"{self.name}.boot")
        with open("/proc/sys/kernel/random/uuid") as source, open(self.boot_id_file, "w") as target:
            target.write(source.read())
        os.chmod(self.boot_id_file, 0o444)
        if namespace:
            self.namespace = namespace

    @staticmethod
    def _mounts_under(path):
        with open("/proc/self/mounts") as f:
            return [line.split()[1] for line in f if line.split()[1].startswith(path + "/")]

    def all_processes(self):
        """Shims, by their replica directories, and replicas, by the name of their satellite."""
        return sorted(set(processes_under(self.runtime) + self.replica_processes()))

    def running_from(self):
        """{program: directories} that the site's own programs run from, as the kernel has them."""
        found = {}
        for pid in {self.agent.pid, self.launcher.pid, *processes_under(self.runtime)}:
            program = executable(pid)
            if os.path.basename(program).startswith("perigee-"):
                found.setdefault(os.path.basename(program), set()).add(os.path.dirname(program))
        return found

    # Replicas --------------------------------------------------------------

    def replica_processes(self):
        return processes_with_environment("SCENARIO_SITE", f"{self.world.prefix}-{self.name}")

    def replica_pids(self, workload):
        """{assignment uid: (pid, start time)} of one workload's main processes, as the kernel has them."""
        found = {}
        for a in self.status()["replicas"]:
            if a["workload"] == workload and a.get("pid") and running(int(a["pid"])):
                found[a["id"]] = (int(a["pid"]), start_time(int(a["pid"])))
        return found

    def local(self, *arguments, ok=True):
        done = self.namespace.run(
            as_nobody([self._program("perigee-satellite"), *arguments, "--data-dir", self.data]),
            capture_output=True, text=True, timeout=30)
        if ok and done.returncode != 0:
            raise ScenarioFailure(f"{self.name}: perigee-satellite {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done

    def status(self):
        return json.loads(self.local("status", "-o", "json").stdout)

    def http(self, url):
        done = self.namespace.run(["curl", "-sS", "--max-time", "5", url], capture_output=True, text=True)
        return done.stdout

    def starts(self, workload):
        """Lines that the recording program wrote, one a start."""
        path = os.path.join(self.records, workload)
        if not os.path.exists(path):
            return []
        with open(path) as f:
            return f.read().splitlines()

    @property
    def records(self):
        return self.world.directory(f"{self.name}-records", mode=0o777)

    def delete(self):
        for program in (self.agent, self.launcher):
            if program and program.alive():
                program.kill9()
        # Replicas outlive agent and launcher: that is the point. Purging ends them and takes their cgroups away.
        subprocess.run([self._program("perigee-launcher"), "--runtime-dir", self.runtime, "--purge"], check=False,
                       stderr=subprocess.DEVNULL)
        kill_all(self.all_processes())


def enrolled_site(world, name, centre, binaries=None, **site_fields):
    """A site in the usual way: created, token with approval, enrolled, running, live."""
    site = Site(world, name, centre, binaries=binaries)
    values = {"scenario": f"{world.prefix}-{name}", "records": site.records, **site_fields.pop("values", {})}
    centre.create_site(name, values=values, **site_fields)
    site.enrol(centre.create_token(name))
    site.start()
    centre.wait_fresh(name, "live")
    return site


__all__ = ["Site", "enrolled_site", "check", "wait_until"]
