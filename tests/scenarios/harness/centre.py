"""A control plane and the administrator's cloudctl."""

import json
import os
import subprocess

from .processes import Program
from .waiting import ScenarioFailure, check, wait_until


class Centre:
    def __init__(self, world, program=None, options=()):
        self.world = world
        self.namespace = world.wan.join("centre")
        self.data = world.directory("centre")
        self.config = os.path.join(world.root, "cloudctl", "config.yaml")
        self.options = list(options)
        self.https_port = 7443
        self.grpc_port = 7444
        self.program = None
        self.start(program)
        self._log_in()

    def start(self, program=None):
        argv = [program or self.world.binary("perigee-control-plane"), "serve", "--data-dir", self.data,
                "--advertise", self.namespace.address, "--https-port", str(self.https_port),
                "--grpc-port", str(self.grpc_port), "--heartbeat", "1s", *self.options]
        self.program = Program("control plane", argv, self.namespace, self.world.log("centre"))
        endpoints = os.path.join(self.data, "endpoints.json")

        def ready():
            check(self.program.alive(), "the control plane ended:\n" + self.program.output()[-3000:])
            return os.path.exists(endpoints)

        wait_until("control plane ready", ready, 20)
        with open(endpoints) as f:
            self.endpoints = json.load(f)

    def stop(self):
        self.program.stop()
        self._forget_endpoints()

    def kill9(self):
        self.program.kill9()
        self._forget_endpoints()

    def _forget_endpoints(self):
        path = os.path.join(self.data, "endpoints.json")
        if os.path.exists(path):
            os.unlink(path)

    @property
    def https(self):
        return f"https://{self.namespace.address}:{self.https_port}"

    @property
    def ca_hash(self):
        return self.endpoints["caHash"]

    def _log_in(self):
        self.ctl("login", self.https, "--ca-hash", self.ca_hash, "--user", "admin",
                 "--password-file", os.path.join(self.data, "admin-password"))

    def ctl(self, *arguments, ok=True, input_text=None):
        """Runs cloudctl; returns the finished process. `ok` None: any exit code."""
        done = self.namespace.run(
            [self.world.binary("cloudctl"), *arguments], input=input_text, capture_output=True, text=True, timeout=60,
            env={**os.environ, "PERIGEE_CONFIG": self.config})
        if ok is not None and (done.returncode == 0) != ok:
            raise ScenarioFailure(f"cloudctl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def apply(self, manifest):
        """`manifest` is YAML text."""
        return self.ctl("apply", "-f", "-", input_text=manifest)

    def get(self, kind, name=None):
        """One object, or the list of all, as JSON has them."""
        arguments = ["get", kind, *([name] if name else ["--all-projects"]), "-o", "json"]
        parsed = json.loads(self.ctl(*arguments).stdout)
        return parsed if name else parsed["items"]

    def assignments(self, workload):
        return [a for a in self.get("assignments") if a["spec"].get("workload") == workload]

    def states(self, workload):
        return sorted(a.get("status", {}).get("state", "") for a in self.assignments(workload))

    def wait_ready(self, workload, replicas, timeout=30):
        def ready():
            found = self.assignments(workload)
            states = [(a.get("status", {}).get("state"), a.get("status", {}).get("reason")) for a in found]
            return found if len(found) == replicas and all(s[0] == "Ready" for s in states) else None

        try:
            return wait_until(f"{replicas} replicas of {workload} Ready", ready, timeout)
        except ScenarioFailure as failure:
            table = self.ctl("get", "assignments", "--all-projects", "-o", "wide", ok=None).stdout
            raise ScenarioFailure(f"{failure}\n{table}") from None

    def freshness(self, satellite):
        return self.get("satellite", satellite).get("status", {}).get("freshness", {})

    def wait_fresh(self, satellite, state, timeout=30):
        return wait_until(f"{satellite} is {state}", lambda: self.freshness(satellite).get("state") == state, timeout)

    def events(self, **fields):
        return [e for e in self.get("events") if all(e.get(k) == v for k, v in fields.items())]

    def create_site(self, name, values=None, labels=None):
        manifest = {"apiVersion": "perigee.dev/v1", "kind": "Site",
                    "metadata": {"name": name, "labels": labels or {}}, "spec": {"values": values or {}}}
        self.apply(json.dumps(manifest))

    def create_token(self, site, approval="auto"):
        parsed = json.loads(self.ctl("token", "create", "--site", site, "--approval", approval, "-o", "json").stdout)
        return parsed["token"]
