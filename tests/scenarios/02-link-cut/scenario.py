"""The link is cut: workloads run on, the centre says since when it knows nothing, nothing restarts on return."""

import os
import signal
from datetime import datetime, timezone

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

    cut = datetime.now(timezone.utc)
    world.wan.cut(berlin.namespace)
    centre.wait_fresh("berlin", "stale", timeout=40)
    check(centre.freshness("berlin").get("since"), "the centre says since when")
    table = centre.ctl("get", "assignments").stdout
    check("stale" in table, f"and never shows an old state as if it were live:\n{table}")
    happens_while_away(berlin)
    check(berlin.replica_pids("till") == before, "process ids stay while the link is cut")

    healed = datetime.now(timezone.utc)
    world.wan.heal(berlin.namespace)
    centre.wait_fresh("berlin", "live", timeout=40)
    check(berlin.replica_pids("till") == before, "nothing restarts on return")
    check(len(berlin.starts("till")) == 1, "and nothing was started twice")
    events_arrive_with_two_times(centre, cut, healed)


def happens_while_away(site):
    """A replica dies and comes back while nobody at the centre can see it."""
    ((pid, _),) = site.replica_pids("crasher").values()
    os.kill(pid, signal.SIGKILL)
    wait_until("the crashed replica runs again", lambda: len(site.starts("crasher")) == 2)


def events_arrive_with_two_times(centre, cut, healed):
    """What happened while the link was cut bears a site's time of then, and a centre's time of after."""

    def away():
        found = {e["reason"]: e for e in centre.get("events") if e.get("object", {}).get("name", "").startswith("crasher")
                 and cut < at(e, "siteTime") < healed}
        return found if {"Exited", "Started"} <= found.keys() else None

    found = wait_until("the crash and the start of the time away", away)
    for reason, event in found.items():
        check(at(event, "centreTime") > healed,
              f"{reason} happened at {event['siteTime']}, before the link was healed at {healed.isoformat()}, and came "
              f"after that, not at {event['centreTime']}")
    check(at(found["Exited"], "siteTime") <= at(found["Started"], "siteTime"), "in the order in which it happened")
    check(int(found["Exited"]["sequence"]) < int(found["Started"]["sequence"]), "and in the order of their numbers")


def at(event, field):
    """One of the event's times; an event of the centre itself has no site time."""
    text = event.get(field) or "1970-01-01T00:00:00Z"
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")
