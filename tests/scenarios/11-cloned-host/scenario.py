"""Two hosts with one identity, as after a disk was copied: the centre quarantines it and says so, and no workload stops."""

import os
import shutil
import subprocess

from harness import check, wait_until
from harness.manifests import recorder
from harness.site import Site
from harness.waiting import stays_true


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    dublin = world.site("dublin", centre)
    centre.apply(recorder("till", replicas=2))
    centre.wait_ready("till", 4)
    before = berlin.replica_pids("till")

    clone = copied_host(world, berlin)
    clone.start()
    wait_until("the centre quarantines the identity", lambda: quarantined(centre), timeout=60)
    said_where_people_look(centre)
    check(berlin.replica_pids("till") == before, "no workload stops at the original")

    stays_true("neither is believed, and nothing stops at the original",
               lambda: centre.freshness("berlin").get("state") != "live" and berlin.replica_pids("till") == before, 5)
    check(quarantined(centre), "it stays in quarantine")
    nothing_is_delivered(centre, berlin, clone)
    restart_changes_nothing(centre, berlin, before)
    centre.wait_fresh("dublin", "live", timeout=40)
    wait_until("dublin, which has its own identity, goes on", lambda: len(dublin.starts("till")) == 4, timeout=40)
    revoked(centre, berlin, before)


def copied_host(world, original):
    """A host with an address and a runtime of its own, and the data directory of the original, copied while that runs."""
    clone = Site(world, "berlin-clone", original.centre)
    world.sites.append(clone)
    shutil.rmtree(clone.data)
    subprocess.run(["cp", "-a", original.data, clone.data], check=True)
    return clone


def quarantined(centre):
    return centre.get("satellite", "berlin").get("operations", {}).get("quarantined", {}).get("active")


def said_where_people_look(centre):
    table = centre.ctl("get", "satellites").stdout
    (row,) = [line for line in table.splitlines() if line.startswith("berlin ")]
    check("quarantined" in row, f"cloudctl get satellites says so:\n{table}")
    text = wait_until("explain names it", lambda: explained(centre, "satellite/berlin"), timeout=10)
    check("cloudctl satellite revoke" in text, f"and what to do next:\n{text}")
    wait_until("explain of a workload there names it", lambda: explained(centre, "workload/till"), timeout=10)
    wait_until("an event tells it", lambda: centre.events(reason="Quarantined"), timeout=10)


def explained(centre, what):
    text = centre.ctl("explain", what).stdout
    return text if "Quarantined" in text else None


def nothing_is_delivered(centre, *hosts):
    sequences = [host.status()["sequence"] for host in hosts]
    centre.apply(recorder("till", replicas=2, marker="two"))
    centre.apply(recorder("later"))
    wait_until("dublin, which is believed, runs the new one", lambda: any(
        a["spec"]["satellite"] == "dublin" and a.get("status", {}).get("state") == "Ready" for a in centre.assignments("later")))
    check([host.status()["sequence"] for host in hosts] == sequences, "neither host gets the change")
    check(not [a for a in centre.assignments("later") if a["spec"]["satellite"] == "berlin"], "and no new replica is placed there")


def restart_changes_nothing(centre, site, before):
    site.agent.kill9()
    site.start_agent()
    wait_until("the agent was told why", lambda: "Quarantined" in site.agent.output() or "quarantined" in site.agent.output())
    check(quarantined(centre), "an agent that starts again is not let in")
    wait_until("it has adopted its replicas", lambda: site.replica_pids("till") == before)
    centre.stop()
    centre.start()
    check(quarantined(centre), "a control plane that starts again remembers")
    check(site.replica_pids("till") == before, "and no workload stops")


def revoked(centre, site, before):
    """The way out that the message names: revoke; the workloads of the original go on."""
    centre.ctl("satellite", "revoke", "berlin")
    stays_true("revocation stops no workload either", lambda: site.replica_pids("till") == before, 2)
