"""No control plane at all: status, logs and restart work at the site, and so do readiness and liveness probes."""

import os
import signal

from harness import check, wait_until
from harness.manifests import workload
from harness.processes import running
from harness.waiting import stays_true

READY = {"page": "Ready", "socket": "Ready", "steady": "Ready", "mute": "Ready"}


def run(world):
    centre = world.centre()
    berlin = world.site("berlin", centre)
    deploy(centre, berlin)

    centre.stop()
    wait_until("the site knows that it is alone", lambda: not berlin.status()["connected"], timeout=20)
    status_lists_the_replicas(berlin)
    logs_show_what_was_said(berlin)
    restart_replaces_and_counts(berlin)
    unknown_names_are_refused(berlin)
    readiness_is_asked(berlin)
    liveness_restarts_what_hangs(berlin)
    the_agent_is_gone_too(berlin)
    the_centre_returns(centre, berlin)


def deploy(centre, site):
    """One workload per sort of readiness probe; `mute` is asked whether it lives, too."""
    with open(os.path.join(site.records, "open"), "w") as f:
        f.write("open\n")
    sign = '"${site.values.records}/open"'
    centre.apply(workload("page", ["serve-http", "8081"], port=8081, health="{readiness: {http: {port: main}, period: 200ms}}"))
    centre.apply(workload("socket", ["serve-http", "8082"], port=8082,
                          health="{readiness: {tcp: {port: main}, period: 200ms}}"))
    centre.apply(workload("steady", ["record", os.path.join(site.records, "steady")],
                          health=f"{{readiness: {{exec: {{command: [/usr/bin/test, -e, {sign}]}}, period: 200ms}}}}"))
    centre.apply(workload("mute", ["serve-http", "8083"], port=8083, stop="{grace: 1s}",
                          health="{readiness: {http: {port: main}, period: 200ms}, "
                                 "liveness: {http: {port: main}, period: 300ms, timeout: 500ms, failureThreshold: 2}}"))
    for name in READY:
        centre.wait_ready(name, 1)


def rows(site):
    return {r["workload"]: r for r in site.status()["replicas"]}


def pids(site):
    return {name: row["pid"] for name, row in rows(site).items()}


def status_lists_the_replicas(site):
    found = rows(site)
    check({name: row["state"] for name, row in found.items()} == READY, f"each replica with its state: {found}")
    check(all(running(row["pid"]) and row["restarts"] == 0 for row in found.values()), f"its process and restarts: {found}")
    text = site.local("status").stdout
    check("cut off since" in text, f"a person reads that the site is alone:\n{text}")
    for name, row in found.items():
        (line,) = [words for words in map(str.split, text.splitlines()) if words[:1] == [f"{name}-0"]]
        check("Ready" in line and str(row["pid"]) in line, f"the row of {name}: {line}")


def logs_show_what_was_said(site):
    lines = site.local("logs", "steady-0").stdout.splitlines()
    said = [line for line in lines if line.endswith(" stdout recorded")]
    check(len(said) == 1, f"what the replica wrote, with its time and stream: {lines}")
    check(site.local("logs", "steady").stdout.splitlines() == lines, "by the name of the workload, too")


def restart_replaces_and_counts(site):
    before = pids(site)
    answer = site.local("restart", "steady-0").stdout
    check("steady-0 restarts" in answer, f"it says what it does: {answer}")
    wait_until("another process, Ready", lambda: pids(site)["steady"] not in (0, before["steady"])
               and rows(site)["steady"]["state"] == "Ready")
    check(not running(before["steady"]), "the process before it has ended")
    check(rows(site)["steady"]["restarts"] == 1, f"it is counted: {rows(site)['steady']}")
    check(len(site.starts("steady")) == 2, "and was one start")
    said = [line for line in site.local("logs", "steady-0").stdout.splitlines() if line.endswith("stdout recorded")]
    check(len(said) == 2, f"the log has both lives: {said}")
    same_but(site, before, "steady")


def unknown_names_are_refused(site):
    for command in ("logs", "restart"):
        done = site.local(command, "nobody-0", ok=False)
        check(done.returncode != 0 and "steady-0" in done.stderr,
              f"{command} of what is not there says what there is: exit {done.returncode} {done.stderr}")


def readiness_is_asked(site):
    """What stops being ready is Unhealthy and is left alone; it is Ready again when its probe passes."""
    before = pids(site)
    sign = os.path.join(site.records, "open")
    os.unlink(sign)
    row = wait_until("the exec probe fails", lambda: unready(site, "steady"))
    check(row["reason"] == "ProbeFailing" and "readiness probe" in row["message"], f"and says why: {row}")
    with open(sign, "w") as f:
        f.write("open\n")
    wait_until("the exec probe passes again", lambda: rows(site)["steady"]["state"] == "Ready")
    os.kill(before["page"], signal.SIGSTOP)
    row = wait_until("the http probe fails", lambda: unready(site, "page"))
    check("readiness probe" in row["message"], f"and says why: {row}")
    os.kill(before["page"], signal.SIGCONT)
    wait_until("the http probe passes again", lambda: rows(site)["page"]["state"] == "Ready")
    same_but(site, before)


def unready(site, name):
    row = rows(site)[name]
    return row if row["state"] == "Unhealthy" else None


def liveness_restarts_what_hangs(site):
    before = pids(site)
    os.kill(before["mute"], signal.SIGSTOP)  # it has its port still and answers nobody
    wait_until("liveness has replaced it", lambda: pids(site)["mute"] not in (0, before["mute"])
               and rows(site)["mute"]["state"] == "Ready")
    check(not running(before["mute"]), "the one that hung has ended")
    row = rows(site)["mute"]
    check(row["restarts"] == 1, f"it is counted: {row}")
    check(site.http("http://127.0.0.1:8083/") == "ready\n", "and the new one answers")
    same_but(site, before, "mute")
    stays_true("it is not restarted again", lambda: rows(site)["mute"]["restarts"] == 1, 2)


def same_but(site, before, *changed):
    now = pids(site)
    check({n: p for n, p in now.items() if n not in changed} == {n: p for n, p in before.items() if n not in changed},
          f"nothing else was touched: {before} → {now}")


def the_agent_is_gone_too(site):
    """Status and logs answer from what was written down."""
    before = pids(site)
    site.agent.kill9()
    view = site.status()
    check(not view["agentRunning"], "status says that the agent does not run")
    check({r["workload"] for r in view["replicas"]} == set(READY), f"and lists what was last known: {view}")
    check("recorded" in site.local("logs", "steady-0").stdout, "logs work")
    done = site.local("restart", "steady-0", ok=False)
    check(done.returncode != 0, "restart needs the agent and says so")
    site.start_agent()
    wait_until("the new agent has adopted them", lambda: site.status()["agentRunning"] and pids(site) == before)


def the_centre_returns(centre, site):
    before = pids(site)
    centre.start()
    centre.wait_fresh("berlin", "live", timeout=40)
    for name in READY:
        centre.wait_ready(name, 1)
    same_but(site, before)

    def told():
        return {a["spec"]["workload"]: int(a["status"].get("restarts", 0)) for a in centre.get("assignments")} == {
            "page": 0, "socket": 0, "steady": 1, "mute": 1}

    wait_until("the centre learns of both restarts", told, timeout=15)
    seen = {(e["reason"], e["object"]["name"].rsplit("-berlin", 1)[0]) for e in centre.get("events") if e.get("siteTime")}
    wanted = {("RestartRequested", "steady"), ("LivenessFailed", "mute"), ("ProbeFailing", "steady"), ("ProbeFailing", "page")}
    check(wanted <= seen, f"and of what happened while it was away: {wanted - seen} missing")
