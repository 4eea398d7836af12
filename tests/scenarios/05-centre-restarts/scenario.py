"""Restart, kill -9 and upgrade of the control plane: nothing restarts at any site, no digest changes."""

import os

from harness import check, wait_until
from harness.manifests import nginx, recorder


def run(world):
    centre = world.centre()
    sites = [world.site(name, centre) for name in ("berlin", "dublin")]
    centre.apply(recorder("till"))
    centre.apply(nginx())
    centre.wait_ready("till", 2)
    centre.wait_ready("web", 2)

    untouched(centre, sites, "a restart", centre.stop, centre.start)
    untouched(centre, sites, "kill -9", centre.kill9, centre.start)
    check(world.next_binaries, "the later release was built")
    later = os.path.join(world.next_binaries, "perigee-control-plane-next")
    untouched(centre, sites, "an upgrade that adds a default", centre.stop, lambda: centre.start(later))
    answer = centre.apply(recorder("till")).stdout
    check("unchanged" in answer, f"the same manifest under the later release changes nothing: {answer}")
    untouched(centre, sites, "the same manifest again", lambda: None, lambda: None)


def untouched(centre, sites, what, take_down, bring_up):
    pids = [(s.replica_pids("till"), s.replica_pids("web")) for s in sites]
    digests = entry_digests(centre)
    check(len(digests) == 4, f"four replicas report what they run: {digests}")
    take_down()
    bring_up()
    for site in sites:
        centre.wait_fresh(site.name, "live", timeout=40)
    centre.wait_ready("till", 2)
    centre.wait_ready("web", 2)
    check([(s.replica_pids("till"), s.replica_pids("web")) for s in sites] == pids, f"{what}: nothing restarts")
    check(entry_digests(centre) == digests, f"{what}: no digest changes")
    for site in sites:
        check(len(site.starts("till")) == 1, f"{what}: {site.name} started its till once")
    wait_until("no replica asked to change", lambda: revisions(centre) == 1, timeout=5)
    print(f"{what}: {len(digests)} of {len(digests)} replicas untouched")


def entry_digests(centre):
    return {a["metadata"]["uid"]: a["status"]["entrySha256"] for a in centre.get("assignments")}


def revisions(centre):
    return max(r["spec"]["number"] if isinstance(r["spec"]["number"], int) else int(r["spec"]["number"])
               for r in centre.get("workloadrevisions"))
