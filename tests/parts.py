"""A part of the hub in a process of its own, that a test may kill."""

import os
import subprocess
import sys

from services.runtime.settings import Settings


def started(settings: Settings, part: str) -> "subprocess.Popen[bytes]":
    """The part, as `samvirke up` starts it; `kill` it in the end."""
    command = [sys.executable, "-m", "services.runtime", part]
    env = dict(os.environ) | settings.as_environment()
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End it as a power cut would. Fails the test if it had ended before by itself."""
    code = process.poll()
    process.kill()
    process.wait()
    assert code is None, f"the part ended by itself with {code}"
