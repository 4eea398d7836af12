"""Assertions and waiting for things to become true."""

import time


class ScenarioFailure(Exception):
    """What the story promised did not happen."""


def check(condition, message):
    if not condition:
        raise ScenarioFailure(message)


def wait_until(what, predicate, timeout=30.0, poll=0.05):
    """Returns the first true value of `predicate()`; fails with its last value after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    value = None
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ScenarioFailure(f"waited {timeout:.0f} s for: {what}; last seen: {value!r}")
        time.sleep(poll)


def stays_true(what, predicate, seconds, poll=0.1):
    """Fails as soon as `predicate()` is false within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check(predicate(), f"no longer true: {what}")
        time.sleep(poll)
