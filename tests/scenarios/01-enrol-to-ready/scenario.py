"""Token, enrol, approve by hand and at once, a workload, Ready: fast and visible from outside."""

from harness import check, wait_until
from harness.manifests import nginx, recorder
from harness.processes import now


def run(world):
    centre = world.centre()
    berlin = approved_by_hand(world, centre)
    dublin = world.site("dublin", centre, values={"greeting": "dia dhuit"})

    centre.apply(nginx())
    centre.wait_ready("web", replicas=2)
    for site in (berlin, dublin):
        page = site.http("http://127.0.0.1:8080/")
        check(f"hello from {site.name}, GET" in page, f"{site.name} serves its own page, not {page!r}")

    print(f"apply to Ready: {1000 * apply_to_ready(centre):.0f} ms")
    token_is_used_once(world, centre)
    deleting_removes_everything(centre, berlin)


def approved_by_hand(world, centre):
    centre.create_site("berlin")
    berlin = world.bare_site("berlin", centre)
    token = centre.create_token("berlin", approval="manual")
    waiting = berlin.enrol(token, ok=False)
    check(waiting.returncode == 3, f"exit 3 while it waits for a person, not {waiting.returncode}: {waiting.stderr}")
    request = wait_until("a request in the lobby", lambda: centre.get("enrollmentrequests"))[0]
    check(request["status"]["phase"] == "Pending", "the host waits in the lobby")
    centre.ctl("satellite", "approve", request["metadata"]["name"])
    berlin.enrol(token, wait="10s")
    values = f'{{scenario: "{world.prefix}-berlin", records: "{berlin.records}"}}'
    centre.apply(f"apiVersion: perigee.dev/v1\nkind: Site\nmetadata: {{name: berlin}}\nspec: {{values: {values}}}\n")
    berlin.start()
    centre.wait_fresh("berlin", "live")
    return berlin


def apply_to_ready(centre):
    """From the call of `cloudctl apply` until `cloudctl get` shows Ready: what a person sees, both programs' time included."""
    began = now()
    centre.apply(recorder("quick"))
    centre.wait_ready("quick", replicas=2)
    took = now() - began
    check(took < 1.0, f"apply to Ready took {took:.2f} s; the promise is under 1 s")
    return took


def token_is_used_once(world, centre):
    centre.create_site("cork")
    token = centre.create_token("cork")
    first = world.bare_site("cork", centre)
    first.enrol(token)
    second = world.bare_site("cork-copy", centre)
    refused = second.enrol(token, ok=False)
    check(refused.returncode == 1, "a used token is refused")
    check("token" in refused.stderr, f"and the message says so: {refused.stderr}")


def deleting_removes_everything(centre, site):
    centre.ctl("delete", "workload", "quick")
    wait_until("replicas of the deleted workload gone", lambda: not centre.assignments("quick"))
    wait_until("its processes gone", lambda: not site.replica_pids("quick"))
    check(site.replica_pids("web"), "the neighbour runs on")
