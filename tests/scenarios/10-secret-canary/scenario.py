"""A secret is where it is needed and nowhere else: in the replica's environment and file; in no file of the centre, no log,
no argument list, nothing at a satellite that does not run the workload, and on no wire."""

import base64
import os
import secrets
import subprocess

from harness import check, wait_until
from harness.capture import Capture
from harness.manifests import recorder, workload

PLAIN = "no-secret-but-seen"


def run(world):
    canary = "canary-" + secrets.token_hex(12)
    centre = world.centre()
    berlin = world.site("berlin", centre, labels={"pays": "yes"})
    dublin = world.site("dublin", centre)
    captures = [Capture(world, place.namespace) for place in (centre, berlin, dublin)]
    arguments = ArgumentLists()

    arguments.watch()
    apply_secret(centre, canary)
    centre.apply(workload(
        "payer", ["record", os.path.join(berlin.records, "payer")], sites="{matchLabels: {pays: \"yes\"}}",
        env="{name: API_KEY, fromSecret: {name: pay, key: api}}",
        files='{path: /run/keys/api, fromSecret: {name: pay, key: api}, mode: "0400"}'))
    centre.apply(recorder("till"))
    centre.wait_ready("payer", 1)
    centre.wait_ready("till", 2)
    arguments.watch()

    where_it_is_needed(berlin, canary)
    read_back(centre, canary)
    berlin.agent.kill9()  # what an agent that starts again reads and asks for
    berlin.start_agent()
    centre.wait_fresh("berlin", "live")
    arguments.watch()
    centre.stop()  # what the store writes at its end, and reads at its start
    centre.start()
    for satellite in ("berlin", "dublin"):
        centre.wait_fresh(satellite, "live", timeout=40)
    centre.wait_ready("payer", 1)
    arguments.watch()

    forms = forms_of(canary)
    on_no_wire(captures, (centre, berlin, dublin), forms)
    searched = {what: in_no_file(what, folder, forms) for what, folder in (
        ("the centre", centre.data), ("the logs", os.path.join(world.root, "logs")),
        ("cloudctl", os.path.dirname(centre.config)), ("dublin's data", dublin.data), ("dublin's runtime", dublin.runtime),
        ("berlin's data", berlin.data), ("berlin's runtime", berlin.runtime))}
    check(searched["the centre"] and searched["dublin's data"] and searched["berlin's data"], f"there were files: {searched}")
    replicas_of_others_lack_it(berlin, dublin, canary)
    check(not arguments.with_any(forms), f"in no argument list: {arguments.with_any(forms)}")
    check(arguments.with_any({"plain": b"perigee-control-plane"}), "argument lists were seen")
    for site in (berlin, dublin):
        for text in (site.local("status").stdout, site.local("status", "-o", "json").stdout):
            check(canary not in text, f"{site.name}: status does not say it")
    print(f"the canary is in none of {sum(searched.values())} files and {len(arguments.seen)} argument lists")


def apply_secret(centre, canary):
    centre.apply(f"apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {{name: pay}}\nspec: {{data: {{api: {canary}}}}}\n")


def forms_of(canary):
    """The canary as itself and in the encodings that programs like to use; base64 wherever it begins in its text."""
    raw = canary.encode()
    forms = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "reversed": raw[::-1],
             "utf-16": canary.encode("utf-16-le")}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        forms[f"base64+{shift}"] = encoded[4:-4]  # whose letters do not depend on what stands around it
    return forms


class ArgumentLists:
    """Of every process that was seen."""

    def __init__(self):
        self.seen = set()

    def watch(self):
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    self.seen.add(f.read())
            except OSError:
                continue

    def with_any(self, forms):
        return [line for line in self.seen if any(form in line for form in forms.values())]


def where_it_is_needed(site, canary):
    ((pid, _),) = site.replica_pids("payer").values()
    check(f"API_KEY={canary}".encode() in environment(pid), "the replica has it in its environment")
    with open(f"/proc/{pid}/root/run/keys/api") as f:
        check(f.read() == canary, "and in its file")
    check(not os.path.exists("/run/keys/api"), "which only the replica sees, not the host")


def environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as f:
        return f.read().split(b"\0")


def read_back(centre, canary):
    """Whoever may read the Secret object still does not get its value."""
    for arguments in (("get", "secret", "pay", "-o", "yaml"), ("get", "secret", "pay", "-o", "json"),
                      ("get", "workloadrevisions", "-o", "json"), ("get", "assignments", "-o", "json"),
                      ("describe", "secret", "pay"), ("describe", "workload", "payer"), ("explain", "workload/payer"),
                      ("events",)):
        done = centre.ctl(*arguments)
        check(canary not in done.stdout + done.stderr, f"cloudctl {' '.join(arguments)} does not show it")


def in_no_file(what, folder, forms):
    """Counts the files below `folder`; fails when one has the canary in any form."""
    count = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                content = f.read()
            count += 1
            found = [form for form, wanted in forms.items() if wanted in content or wanted in name.encode()]
            check(not found, f"{what}: {path} has the canary ({', '.join(found)})")
    return count


def replicas_of_others_lack_it(berlin, dublin, canary):
    for site in (berlin, dublin):
        for pid, _ in site.replica_pids("till").values():
            check(canary.encode() not in b"\0".join(environment(pid)), f"{site.name}: a neighbour does not have it")
            check(not os.path.exists(f"/proc/{pid}/root/run/keys/api"), f"{site.name}: nor its file")
        for program in (site.agent, site.launcher):
            check(canary.encode() not in b"\0".join(environment(program.pid)), f"{program.name} has it in no environment")


def on_no_wire(captures, places, forms):
    """Each capture is shown to hear what passes in the clear, on the wire and on loopback, before it is believed."""
    for place in places:
        for address in ("10.88.0.250", "127.0.0.1"):
            place.namespace.run(["bash", "-c", f"echo {PLAIN}-{address} >/dev/udp/{address}/9"], stderr=subprocess.DEVNULL)
    for capture, place in zip(captures, places):
        wait_until("loopback was heard", lambda capture=capture: f"{PLAIN}-127.0.0.1".encode() in capture.bytes())
        heard = capture.stop()
        check(b"\x16\x03" in heard, f"{place.namespace.name}: TLS handshakes were heard")
        found = [form for form, wanted in forms.items() if wanted in heard]
        check(not found, f"{place.namespace.name}: the canary is on the wire ({', '.join(found)})")
        print(f"{place.namespace.name}: {len(heard)} bytes heard, the canary in none")
