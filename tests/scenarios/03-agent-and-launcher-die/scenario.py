"""kill -9 of the agent, of the launcher, of both: the same process ids are adopted, by another binary too: the previous
landing's work is adopted by today's programs (the upgrade), and today's by the previous landing's (the way back)."""

import os

from harness import check, wait_until
from harness.manifests import nginx, recorder


def run(world):
    check(world.previous_binaries, "the previous landing's binaries are built by tests/previous/build.sh")
    centre = world.centre()
    berlin = world.site("berlin", centre)
    dublin = world.site("dublin", centre, binaries=world.previous_binaries)
    centre.apply(recorder("till", replicas=2))
    centre.apply(nginx())
    all_ready(centre)

    stays(centre, berlin, "the agent", kill_agent)
    stays(centre, berlin, "the launcher", kill_launcher)
    stays(centre, berlin, "both", kill_both)
    upgraded(world, centre, dublin)
    went_back(world, centre, berlin)
    a_further_apply_works(world, centre, (berlin, dublin))


def upgraded(world, centre, site):
    """All that runs there was started by the previous landing's programs; today's take it over."""
    runs_from(site, world.previous_binaries, "perigee-satellite", "perigee-launcher", "perigee-shim")
    stays(centre, site, "both, then this landing's binaries", lambda _: kill_both(site, world.binaries))
    runs_from(site, world.binaries, "perigee-satellite", "perigee-launcher")
    runs_from(site, world.previous_binaries, "perigee-shim")
    stays(centre, site, "this landing's, once more", kill_both)


def went_back(world, centre, site):
    runs_from(site, world.binaries, "perigee-satellite", "perigee-launcher", "perigee-shim")
    stays(centre, site, "both, then the previous landing's binaries", lambda _: kill_both(site, world.previous_binaries))
    runs_from(site, world.previous_binaries, "perigee-satellite", "perigee-launcher")
    stays(centre, site, "both, then this landing's binaries", lambda _: kill_both(site, world.binaries))


def a_further_apply_works(world, centre, sites):
    before = {site.name: site.replica_pids("till") for site in sites}
    neighbours = {site.name: site.replica_pids("web") for site in sites}
    centre.apply(recorder("till", replicas=2, marker="two"))
    for site in sites:
        wait_until(f"{site.name} runs the new template", lambda site=site: all_new(site, before[site.name]), timeout=40)
        check(site.replica_pids("web") == neighbours[site.name], f"{site.name}: the neighbour is not touched")
    all_ready(centre)
    for site in sites:
        check(len(site.starts("till")) == 4, f"{site.name}: each till was started once more: {site.starts('till')}")
        left = [pid for pid in site.replica_processes() if pid in {p for p, _ in before[site.name].values()}]
        check(not left, f"{site.name}: what an older shim ran has ended under today's launcher: {left}")


def all_new(site, before):
    now = site.replica_pids("till")
    return len(now) == 2 and not set(now.values()) & set(before.values())


def all_ready(centre):
    centre.wait_ready("till", replicas=4)
    centre.wait_ready("web", replicas=2)


def runs_from(site, directory, *programs):
    found = site.running_from()
    for program in programs:
        where = found.get(program, set())
        check(where == {os.path.realpath(directory)}, f"{program} of {site.name} runs from {directory}, not {where}")


def stays(centre, site, what, disturb):
    before = {name: site.replica_pids(name) for name in ("till", "web")}
    check(len(before["till"]) == 2 and len(before["web"]) == 1, f"all replicas run before: {before}")
    disturb(site)
    centre.wait_fresh(site.name, "live")
    all_ready(centre)
    after = {name: wait_until("replicas known", lambda name=name: site.replica_pids(name)) for name in before}
    check(after == before, f"after kill -9 of {what}, the same processes are adopted: {before} → {after}")
    check(len(site.starts("till")) == 2, "no program was started again")
    print(f"adopted after kill -9 of {what}: {sum(len(v) for v in after.values())} of 3")


def kill_agent(site):
    site.agent.kill9()
    site.start_agent()


def kill_launcher(site):
    site.launcher.kill9()
    site.start_launcher()


def kill_both(site, binaries=None):
    site.agent.kill9()
    site.launcher.kill9()
    site.binaries = binaries or site.binaries
    site.start()
