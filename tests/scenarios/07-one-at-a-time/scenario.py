"""A changed template replaces replicas one at a time per site, waits for readiness, keeps `previous`."""

from harness import check, wait_until
from harness.manifests import recorder


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    dublin = world.site("dublin", centre)
    centre.apply(recorder("till", replicas=3))
    centre.wait_ready("till", 6)
    before = {s.name: s.replica_pids("till") for s in (berlin, dublin)}

    world.wan.cut(dublin.namespace)
    centre.wait_fresh("dublin", "stale", timeout=40)
    centre.apply(recorder("till", replicas=3, marker="two"))
    replaced_one_by_one(berlin, before["berlin"])
    check(dublin.replica_pids("till") == before["dublin"], "a site that is cut off keeps what it runs")

    world.wan.heal(dublin.namespace)
    replaced_one_by_one(dublin, before["dublin"])
    centre.wait_ready("till", 6)
    check({r["spec"]["number"] for r in map(int_number, centre.get("workloadrevisions"))} == {1, 2}, "two revisions")


def int_number(revision):
    revision["spec"]["number"] = int(revision["spec"]["number"])
    return revision


def replaced_one_by_one(site, before):
    fewest = len(before)

    def done():
        nonlocal fewest
        now = site.replica_pids("till")
        fewest = min(fewest, len(now))
        return len(now) == len(before) and not set(now.values()) & set(before.values())

    wait_until(f"all replicas of {site.name} replaced", done, timeout=60, poll=0.02)
    check(fewest >= len(before) - 1, f"never more than one of {site.name} was down; fewest seen running: {fewest}")
