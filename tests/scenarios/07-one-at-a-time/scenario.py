"""A changed template replaces replicas one at a time per site, waits for readiness, keeps `previous`: a bad revision stops at
its first replica, and a site that is cut off in the middle of it goes back by itself and says so."""

import time
from collections import namedtuple

from harness import check, wait_until
from harness.manifests import late, recorder
from harness.waiting import stays_true

Moment = namedtuple("Moment", "what nanoseconds pid replica marker")


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    dublin = world.site("dublin", centre)
    centre.apply(late("till", replicas=3, ready_after=500))
    centre.wait_ready("till", 6)
    before = {s.name: s.replica_pids("till") for s in (berlin, dublin)}

    world.wan.cut(dublin.namespace)
    centre.wait_fresh("dublin", "stale", timeout=40)
    centre.apply(late("till", replicas=3, ready_after=1500, marker="two"))
    replaced_one_by_one(berlin, before["berlin"])
    check(dublin.replica_pids("till") == before["dublin"], "a site that is cut off keeps what it runs")

    world.wan.heal(dublin.namespace)
    replaced_one_by_one(dublin, before["dublin"])
    centre.wait_ready("till", 6)
    check(revisions(centre, "till") == {1, 2}, "two revisions")
    print("late readiness: 2 of 2 sites replaced one by one")

    never_ready(centre, (berlin, dublin))
    ends_at_once(centre, (berlin, dublin))
    cut_off_in_the_middle(world, centre, berlin, dublin)


def replaced_one_by_one(site, before):
    """By the times that the processes themselves wrote down: no second one was stopped before the first new one was ready."""

    def done():
        now = site.replica_pids("till")
        return len(now) == len(before) and not set(now.values()) & set(before.values())

    wait_until(f"all replicas of {site.name} replaced", done, timeout=60)
    wait_until(f"all new replicas of {site.name} ready", lambda: len(moments(site, "ready", "two")) == len(before))
    stops, starts, readies = (moments(site, what, marker) for what, marker in
                              (("stop", "one"), ("start", "two"), ("ready", "two")))
    check(len(stops) == len(starts) == len(readies) == len(before), f"each ended, began and became ready once: {stops} "
                                                                    f"{starts} {readies}")
    for stop, start, ready, next_stop in zip(stops, starts, readies, [*stops[1:], None]):
        check(stop.nanoseconds <= start.nanoseconds <= ready.nanoseconds and stop.replica == start.replica == ready.replica,
              f"{site.name}: one is stopped, started anew and becomes ready: {stop}, {start}, {ready}")
        check(ready.nanoseconds - start.nanoseconds >= 1_500_000_000, f"readiness came late: {start}, {ready}")
        check(not next_stop or next_stop.nanoseconds >= ready.nanoseconds,
              f"{site.name}: the next was stopped before the one before it was ready: {ready}, {next_stop}")


def never_ready(centre, sites):
    """With the link up the site does not decide: the replacement stops at the first, and `explain` says why."""
    untouched = {site.name: site.replica_pids("till") for site in sites}
    centre.apply(late("till", replicas=3, marker="bad", deadline="2s"))
    for site in sites:
        wait_until(f"one replica of {site.name} tries it", lambda site=site: moments(site, "start", "bad"))
        wait_until(f"{site.name} waits for its readiness", lambda site=site: reasons(site, "till").count("Ready") == 2)
    for site in sites:
        explained(centre, "till", site, "WaitingForReadiness", "ProbeFailing")
    stays_true("one replica of each site tries it, two run on",
               lambda: all(only_one_tries(site, untouched[site.name]) for site in sites), 4)
    for site in sites:
        explained(centre, "till", site, "DeadlineMissed")
    centre.apply(late("till", replicas=3, ready_after=100, marker="good"))
    centre.wait_ready("till", 6, timeout=60)
    print("never ready, link up: stopped at the first replica of 2 sites; a good revision goes on")


def only_one_tries(site, before):
    return len(moments(site, "start", "bad")) == 1 and len(set(site.replica_pids("till").values()) & set(before.values())) == 2


def ends_at_once(centre, sites):
    untouched = {site.name: site.replica_pids("till") for site in sites}
    centre.apply(exits_at_once())
    for site in sites:
        wait_until(f"{site.name} sees it end again and again", lambda site=site: "CrashLoop" in reasons(site, "till"))
        kept = set(site.replica_pids("till").values()) & set(untouched[site.name].values())
        check(len(kept) == 2, f"two replicas of {site.name} run on: {untouched[site.name]} → {kept}")
        explained(centre, "till", site, "CrashLoop")
    centre.apply(late("till", replicas=3, ready_after=100, marker="good"))
    centre.wait_ready("till", 6, timeout=60)
    print("ends at once, link up: stopped at the first replica of 2 sites; a good revision goes on")


def exits_at_once():
    return late("till", replicas=3, marker="gone", deadline="3s").replace(", live]", ', exit, "1"]')


def cut_off_in_the_middle(world, centre, berlin, dublin):
    """The new revision has taken over one replica when the link is cut, and misses its deadline: back to `previous`."""
    centre.apply(recorder("ledger", replicas=2))
    centre.wait_ready("ledger", 4)
    centre.apply(late("desk", replicas=2, ready_after=100))
    centre.wait_ready("desk", 4)
    ledger = dublin.replica_pids("ledger")
    berlin_kept = berlin.replica_pids("desk")
    before = dublin.replica_pids("desk")
    wait_until("the soak of the first revision is over", lambda: soaked(dublin, "desk"))
    centre.apply(late("desk", replicas=2, marker="bad", deadline="6s"))
    (tried, *_) = wait_until("one replica of dublin tries it", lambda: moments(dublin, "start", "bad", "desk"))
    world.wan.cut(dublin.namespace)

    def went_back():
        rows = [r for r in dublin.status()["replicas"] if r["workload"] == "desk"]
        back = [r for r in rows if r["onPrevious"]]
        return back if back and all(r["state"] == "Ready" for r in rows) else None

    (row, *more) = wait_until("dublin returns to previous", went_back, timeout=60)
    check(not more and row["id"] == tried.replica, f"the one that tried it, and no other: {row}, {more}")
    text = dublin.local("status").stdout
    check("OnPrevious" in text, f"perigee-satellite status says so:\n{text}")
    kept = set(dublin.replica_pids("desk").values()) & set(before.values())
    check(len(kept) == 1, f"its sibling was not touched: {before} → {dublin.replica_pids('desk')}")
    check(dublin.replica_pids("ledger") == ledger, "nor its neighbours")
    check({m.marker for m in last_starts(dublin, "desk").values()} == {"one"}, "it runs what ran before")

    world.wan.heal(dublin.namespace)
    centre.wait_fresh("dublin", "live", timeout=40)
    table = wait_until("the centre says so", lambda: says_previous(centre), timeout=20)
    check(sum("(previous)" in line for line in table.splitlines()) == 1, f"of one replica:\n{table}")
    explained(centre, "desk", dublin, "OnPrevious")
    events = [e for e in centre.get("events") if e["reason"] == "OnPrevious" and e.get("siteTime")]
    check(len(events) == 1, f"an event of the site tells when: {events}")
    stays_true("the rejected revision is not tried again", lambda: len(moments(dublin, "start", "bad", "desk")) == 1, 3)
    check(len(set(berlin.replica_pids("desk").values()) & set(berlin_kept.values())) == 1, "berlin kept its second one")
    print("cut off in the middle: 1 of 1 replicas back on previous, and said so")


def soaked(site, workload):
    since = [m.nanoseconds for m in moments(site, "ready", "one", workload)]
    return len(since) == 2 and time.time_ns() - max(since) > 2_500_000_000


def says_previous(centre):
    table = centre.ctl("get", "assignments").stdout
    return table if "(previous)" in table else None


def explained(centre, workload, site, *any_of):
    def lines():
        text = centre.ctl("explain", f"workload/{workload}").stdout
        return [line for line in text.splitlines() if f"site {site.name}" in line and any(w in line for w in any_of)]

    wait_until(f"`explain` names one of {any_of} for {site.name}", lines, timeout=15)


def reasons(site, workload):
    return [r["reason"] for r in site.status()["replicas"] if r["workload"] == workload]


def moments(site, what, marker, workload="till"):
    """What the processes of one revision wrote down, in the order of time."""
    parsed = [Moment(*line.split()) for line in site.starts(workload)]
    found = [m._replace(nanoseconds=int(m.nanoseconds)) for m in parsed if (m.what, m.marker) == (what, marker)]
    return sorted(found, key=lambda m: m.nanoseconds)


def last_starts(site, workload):
    """{replica: the last start of it}."""
    starts = [Moment(*line.split()) for line in site.starts(workload) if line.startswith("start ")]
    return {m.replica: m for m in sorted(starts, key=lambda m: int(m.nanoseconds))}


def revisions(centre, workload):
    uid = centre.get("workload", workload)["metadata"]["uid"]
    return {int(r["spec"]["number"]) for r in centre.get("workloadrevisions") if r["spec"]["workloadUid"] == uid}
