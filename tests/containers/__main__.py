"""`make containers`: builds the image, runs the compose file with podman, and plays a night in it.

SAMVIRKE_CONTAINERS=required makes it a fault that containers cannot be run here; SAMVIRKE_CONTAINERS_CLEAN=1
removes the images as well.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.containers import rig, story
from tests.containers.stack import SERVERS, Stack

LINES_SHOWN = 15


def main() -> int:
    """The exit code: 0 when all holds, or when containers are neither here nor asked for."""
    began = time.monotonic()
    try:
        rig.prepare()
    except rig.Absent as reason:
        rig.say(f"not run: {reason}")
        return int(os.environ.get("SAMVIRKE_CONTAINERS") == "required")
    rig.say(f"images are ready after {time.monotonic() - began:.0f} s")
    stack = Stack()
    try:
        _tell(stack)
    except Exception:
        _show_logs(stack)
        raise
    finally:
        stack.down()
    left = stack.left()
    if os.environ.get("SAMVIRKE_CONTAINERS_CLEAN"):
        rig.remove_images()
    rig.say(f"left behind: {', '.join(left) or 'nothing'}; all took {time.monotonic() - began:.0f} s")
    return int(bool(left))


def _tell(stack: Stack) -> None:
    _step("the compose file is up", stack.up)
    _step("every container is healthy", story.every_container_is_healthy, stack)
    _step("the centre file is in force", story.the_centre_file_is_in_force, stack)
    _step("no container has more than it needs", story.no_container_has_more_than_it_needs, stack)
    _step("no part reaches what is not its own", story.no_part_reaches_or_holds_what_is_not_its_own, stack)
    _step(
        "a report is told and acknowledged",
        story.a_report_reaches_the_person_on_duty_and_is_acknowledged,
        stack,
    )
    _step("the neighbour reads it", story.the_neighbour_reads_it, stack, "Vannlekkasje")
    _step("a killed part comes back", story.a_part_that_is_killed_comes_back_and_tells_what_waited, stack)
    _step("a killed door comes back", story.a_door_that_is_killed_comes_back_and_hears_what_waited, stack)
    _step("a killed broker comes back", story.a_broker_that_is_killed_comes_back_and_nothing_is_lost, stack)
    _step("the neighbour reads what came after", story.the_neighbour_reads_it, stack, "Strømbrudd")
    _step("the copies agree", story.the_copies_agree, stack)
    _step("no log holds what was typed", story.no_log_holds_what_was_typed, stack)


def _step(what: str, work: Callable[..., Any], *arguments: Any) -> None:
    began = time.monotonic()
    work(*arguments)
    rig.say(f"{what} ({time.monotonic() - began:.0f} s)")


def _show_logs(stack: Stack) -> None:
    for service in ("provisioner", "centre", *SERVERS):
        try:
            lines = stack.said(service).splitlines()[-LINES_SHOWN:]
        except rig.Failed:
            continue
        print(f"--- {service}", *lines, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
