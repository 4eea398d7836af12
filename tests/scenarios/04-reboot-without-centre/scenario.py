"""Reboot with the link down: all workloads come up, secrets included, without one connection to the outside."""

import os
import re
from ipaddress import ip_address

from harness import check, wait_until
from harness.manifests import recorder

SECRET = "canary-5f1d-open-sesame"


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    centre.apply(f"apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {{name: pay}}\nspec: {{data: {{api: {SECRET}}}}}\n")
    centre.apply(recorder("till", replicas=2))
    centre.apply(recorder("leased", on_disconnect="{stopAfter: 10m}"))
    centre.apply(recorder("payer", env='      - {name: API_KEY, fromSecret: {name: pay, key: api}}\n',
                          files='      files: [{path: /run/keys/api, fromSecret: {name: pay, key: api}, mode: "0400"}]\n'))
    for name, replicas in (("till", 2), ("leased", 1), ("payer", 1)):
        centre.wait_ready(name, replicas)

    world.wan.cut(berlin.namespace)
    berlin.power_off()
    check(not berlin.all_processes(), f"no process of the site lives: {berlin.all_processes()}")
    check(os.listdir(berlin.runtime) == [], "and its runtime directory is empty")

    berlin.new_boot(namespace=world.wan.isolated("berlin-alone"))
    traces = {program: os.path.join(world.root, f"connects-{program}") for program in ("launcher", "agent")}
    for trace in traces.values():
        open(trace, "w").close()
        os.chmod(trace, 0o666)
    berlin.start_launcher(under=strace(traces["launcher"]))
    berlin.start_agent(under=strace(traces["agent"]))
    everything_is_back(berlin)
    leased_stays_down(berlin)
    no_connect_outside(traces)


def strace(trace):
    return ["strace", "-f", "-qq", "-e", "trace=connect", "-o", trace]


def everything_is_back(site):
    wait_until("both tills run", lambda: len(site.replica_pids("till")) == 2, timeout=40)
    (pid, _), = wait_until("the payer runs", lambda: site.replica_pids("payer")).values()
    with open(f"/proc/{pid}/environ", "rb") as f:
        check(f"API_KEY={SECRET}".encode() in f.read().split(b"\0"), "with its secret in the environment")
    with open(f"/proc/{pid}/root/run/keys/api") as f:
        check(f.read() == SECRET, "and its secret in the file")
    check(len(site.starts("till")) == 4, "each till was started once more, no more")


def leased_stays_down(site):
    check(len(site.starts("leased")) == 1, "a workload with stopAfter stays down")
    (replica,) = [r for r in site.status()["replicas"] if r["workload"] == "leased"]
    check(replica["reason"] == "StopAfterNoContact", f"and says why: {replica}")
    check(replica["state"] == "Stopped", f"as Stopped: {replica}")


def no_connect_outside(traces):
    """Loopback and unix sockets only, until the workloads run; what tries later finds no route and is harmless,
    but neither program must even try before all is up. Shims and replicas are children of the launcher."""
    calls = {}
    for program, trace in traces.items():
        with open(trace) as f:
            calls[program] = [line for line in f if "connect(" in line]
        outside = [line for line in calls[program] if not stays_inside(line)]
        check(not outside, f"the {program} attempted a connect outside loopback:\n" + "".join(outside[:5]))
    check(calls["agent"], "strace saw the agent's local connections")


def stays_inside(line):
    """Whether a line of strace is a connect to a unix socket or to an address of loopback, 127.0.0.0/8 or exactly ::1."""
    if "sa_family=AF_UNIX" in line:
        return True
    address = re.search(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]*)"', line)
    if not address:
        return False
    found = ip_address(address.group(1))
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
