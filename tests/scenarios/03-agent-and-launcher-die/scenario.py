"""kill -9 of the agent, of the launcher, of both: the same process ids are adopted, by another binary too."""

from harness import check, wait_until
from harness.manifests import nginx, recorder


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    centre.apply(recorder("till", replicas=2))
    centre.apply(nginx())
    centre.wait_ready("till", replicas=2)
    centre.wait_ready("web", replicas=1)

    stays(centre, berlin, "the agent", kill_agent)
    stays(centre, berlin, "the launcher", kill_launcher)
    stays(centre, berlin, "both", kill_both)
    check(world.previous_binaries, "the previous landing's binaries are built by tests/previous/build.sh")
    berlin.binaries = world.previous_binaries
    stays(centre, berlin, "both, then the previous landing's binaries", kill_both)
    berlin.binaries = world.binaries
    stays(centre, berlin, "both, then this landing's binaries", kill_both)


def stays(centre, site, what, disturb):
    before = {name: site.replica_pids(name) for name in ("till", "web")}
    check(len(before["till"]) == 2 and len(before["web"]) == 1, f"all replicas run before: {before}")
    disturb(site)
    centre.wait_fresh(site.name, "live")
    centre.wait_ready("till", replicas=2)
    centre.wait_ready("web", replicas=1)
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


def kill_both(site):
    site.agent.kill9()
    site.launcher.kill9()
    site.start()
