"""Certificates renew while the work goes on; one that ran out while the link was cut is recovered; a revoked satellite
is out at once, and its workloads run on."""

from datetime import datetime, timezone

from harness import check, wait_until
from harness.manifests import recorder
from harness.waiting import stays_true


def run(world):
    centre = world.centre(options=["--satellite-certificate-lifetime", "15s"])
    berlin = world.site("berlin", centre)
    centre.apply(recorder("till"))
    centre.wait_ready("till", 1)
    before = berlin.replica_pids("till")
    first = serial(centre)

    wait_until("a renewed certificate", lambda: serial(centre) not in ("", first), timeout=30)
    second = serial(centre)
    wait_until("and another", lambda: serial(centre) not in ("", first, second), timeout=30)
    check(berlin.replica_pids("till") == before, "the work went on")

    world.wan.cut(berlin.namespace)
    centre.wait_fresh("berlin", "stale", timeout=40)
    last = serial(centre)
    wait_until("the certificate has run out", lambda: run_out(centre), timeout=30)
    world.wan.heal(berlin.namespace)
    centre.wait_fresh("berlin", "live", timeout=40)
    check(serial(centre) != last, "with a new certificate, asked for over HTTPS with the old key")
    check(berlin.replica_pids("till") == before, "and nothing restarted")

    centre.ctl("satellite", "revoke", "berlin")
    wait_until("the session ends", lambda: centre.freshness("berlin").get("state") != "live", timeout=5)
    stays_true("a revoked identity stays out", lambda: centre.freshness("berlin").get("state") != "live", 4)
    check(berlin.replica_pids("till") == before, "revocation stops no workload")


def serial(centre):
    return centre.get("satellite", "berlin").get("status", {}).get("certificateSerial", "")


def run_out(centre):
    text = centre.get("satellite", "berlin")["status"]["certificateNotAfter"]
    return datetime.now(timezone.utc) > datetime.fromisoformat(text.replace("Z", "+00:00"))
