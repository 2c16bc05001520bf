"""What a process holds at most."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Return the most memory that this process has held, in MB."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        import resource

        # Beware on Linux: there it would count what the parent held when it started this process.
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return held / (1e6 if sys.platform == "darwin" else 1e3)
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6
