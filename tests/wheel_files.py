"""Check that a built wheel holds every source and data file that git tracks in the package's rooms.

python tests/wheel_files.py dist/lendplan-….whl
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOMS = ("lendplan", "models", "solvers", "certify", "data", "reports", "scenarios")
SHIPPED = (".py", ".pyi", ".pyx", ".yaml", ".csv", "py.typed")


def wanted(root: Path) -> set[str]:
    """Return the names that the wheel must hold, ``lendplan/models/joint.py``."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *ROOMS], cwd=root, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return {
        name if name.startswith("lendplan/") else f"lendplan/{name}"
        for name in tracked
        if name.endswith(SHIPPED)
    }


def missing(wheel: Path, root: Path) -> set[str]:
    """Return what the wheel lacks."""
    with zipfile.ZipFile(wheel) as archive:
        return wanted(root) - set(archive.namelist())


if __name__ == "__main__":
    lacking = missing(Path(sys.argv[1]), Path(__file__).resolve().parents[1])
    for name in sorted(lacking):
        sys.stderr.write(f"the wheel lacks {name}\n")
    sys.exit(1 if lacking else 0)
