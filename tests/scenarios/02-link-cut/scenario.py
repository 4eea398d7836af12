"""The link is cut: workloads run on, the centre says since when it knows nothing, nothing restarts on return."""

import os
import signal

from harness import check, wait_until
from harness.manifests import recorder


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    centre.apply(recorder("till"))
    centre.apply(recorder("crasher"))
    centre.wait_ready("till", replicas=1)
    centre.wait_ready("crasher", replicas=1)
    before = berlin.replica_pids("till")

    world.wan.cut(berlin.namespace)
    centre.wait_fresh("berlin", "stale", timeout=40)
    check(centre.freshness("berlin").get("since"), "the centre says since when")
    table = centre.ctl("get", "assignments").stdout
    check("stale" in table, f"and never shows an old state as if it were live:\n{table}")
    happens_while_away(berlin)
    check(berlin.replica_pids("till") == before, "process ids stay while the link is cut")

    world.wan.heal(berlin.namespace)
    centre.wait_fresh("berlin", "live", timeout=40)
    check(berlin.replica_pids("till") == before, "nothing restarts on return")
    check(len(berlin.starts("till")) == 1, "and nothing was started twice")
    events_arrive_with_two_times(centre)


def happens_while_away(site):
    """A replica dies and comes back while nobody at the centre can see it."""
    ((pid, _),) = site.replica_pids("crasher").values()
    os.kill(pid, signal.SIGKILL)
    wait_until("the crashed replica runs again", lambda: len(site.starts("crasher")) == 2)


def events_arrive_with_two_times(centre):
    def away():
        return [e for e in centre.get("events") if e.get("siteTime") and e.get("centreTime")
                and "crasher" in e.get("object", {}).get("name", "") + e.get("message", "")
                and e["reason"] in ("Exited", "Backoff", "CrashLoop", "Restarted")]

    (first, *_) = wait_until("the events of the time away", away)
    check(first["siteTime"] < first["centreTime"], "with the site's own time, earlier than the centre's")
