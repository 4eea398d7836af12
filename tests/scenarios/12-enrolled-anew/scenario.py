"""A host that was revoked is enrolled anew: it is told how, what ran goes on until the centre has spoken, and the site is whole again."""

from harness import check, wait_until
from harness.manifests import recorder
from harness.processes import running
from harness.waiting import stays_true


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    centre.apply(recorder("till"))
    centre.wait_ready("till", 1)
    ((pid, _),) = berlin.replica_pids("till").values()

    revoked_and_told(centre, berlin, pid)
    enrolled_anew(centre, berlin, pid)
    whole_again(centre, berlin, pid)
    a_site_can_be_taken_down(centre, berlin)


def revoked_and_told(centre, site, pid):
    centre.ctl("satellite", "revoke", "berlin")
    wait_until("the agent is refused", lambda: "revoked" in site.local("status").stdout)
    wait_until("the centre no longer counts on it", lambda: not centre.assignments("till"))
    check(running(pid), "revocation stops no workload")
    refused = centre.ctl("delete", "site", "berlin", ok=False)
    check(refused.returncode != 0 and "cloudctl delete satellite NAME" in refused.stderr, f"the next step: {refused.stderr}")
    centre.ctl("delete", "satellite", "berlin")
    told = site.enrol(centre.create_token("berlin"), ok=False)
    check(told.returncode == 1 and "--anew" in told.stderr, f"enroll does not say that all is well:\n{told.stdout}{told.stderr}")
    check(running(pid), "and changes nothing")


def enrolled_anew(centre, site, pid):
    done = site.enrol(centre.create_token("berlin"), "--anew")
    check("enrolled as berlin at site berlin" in done.stdout, f"one command:\n{done.stdout}")
    check("start it again" in done.stdout, "and what is left to do")
    site.agent.kill9()
    stays_true("what ran goes on without an agent", lambda: running(pid), 1)
    site.start_agent()
    centre.wait_fresh("berlin", "live")


def whole_again(centre, site, pid):
    centre.wait_ready("till", 1)
    wait_until("what the earlier satellite ran has ended", lambda: not running(pid))
    wait_until("one replica runs here", lambda: len(site.replica_pids("till")) == 1)
    check(len(site.starts("till")) == 2, "it was started once more")
    check(not centre.events(reason="ForeignReport"), "nothing was reported about another satellite")
    check(len(site.status()["replicas"]) == 1, f"and nothing is left of the earlier one: {site.status()}")


def a_site_can_be_taken_down(centre, site):
    centre.ctl("delete", "workload", "till")
    wait_until("the replica is gone", lambda: not centre.assignments("till"))
    centre.ctl("satellite", "revoke", "berlin")
    centre.ctl("delete", "satellite", "berlin")
    centre.ctl("delete", "site", "berlin")
    check(not centre.ctl("get", "sites", "-o", "name").stdout.strip(), "no site is left")
