"""Runs real Perigee binaries as a small cloud of network namespaces.

A scenario is a folder with a `scenario.py` whose `run(world)` reads as the story it tests:

    def run(world):
        centre = world.centre()
        berlin = world.site("berlin", centre)
        centre.apply("workload.yaml")
        centre.wait_ready("web")
"""

from .scenario import main  # noqa: F401
from .waiting import ScenarioFailure, check, wait_until  # noqa: F401
