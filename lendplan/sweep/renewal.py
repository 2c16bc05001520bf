"""Points that stand from an earlier run, told anew what they were made from.

A point is kept where its question and its tables are the same, though the scenario's file says more or less beside
them: more points, a workbook, a remark. Its papers name that file by its hash, and a point that names the hash of an
earlier file would fail its check from then on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lendplan.inputs import Case
from lendplan.plan import as_json
from lendplan.sweep.pointfolder import CERTIFICATE, MANIFEST
from lendplan.sweep.points import Point

_ROLE = "scenario"


def renewed(folder: Path, point: Point, case: Case) -> dict[str, bytes]:
    """Return the papers of a point that must say something else than they do; none where all is as it is now.

    Parameters
    ----------
    folder : where it stands whole
    point : as it is asked for now
    case : of the scenario that asks for it

    Raises
    ------
    OSError, ValueError, KeyError
        Where its papers cannot be read.
    """
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    if "inputs" not in manifest:  # it is proven to have no plan, and names no file
        return {}
    files = [
        {"role": one.role, "path": one.path, "sha256": one.sha256, "encoding": one.encoding}
        for one in case.inputs
        if one.role == _ROLE
    ]
    inputs = [*files, *(one for one in manifest["inputs"] if one["role"] != _ROLE)]
    now = {
        "scenario_file": None if case.scenario_path is None else str(case.scenario_path),
        "overrides": [*case.overrides, *point.overrides],
        "inputs": inputs,
    }
    if all(_in_order(manifest[key]) == _in_order(said) for key, said in now.items()):
        return {}
    certificate: dict[str, Any] = json.loads((folder / CERTIFICATE).read_bytes())
    certificate["inputs"] = {one["path"]: one["sha256"] for one in inputs}
    written = as_json(certificate, indent=None)
    digests = {**manifest["files"], CERTIFICATE: hashlib.sha256(written).hexdigest()}
    return {
        CERTIFICATE: written,
        MANIFEST: as_json({**manifest, **now, "files": digests}, indent=None),
    }


def _in_order(said: Any) -> Any:
    """Return the entries of inputs in an order of their own: which stands first says nothing."""
    if isinstance(said, list) and all(isinstance(one, dict) for one in said):
        return sorted(said, key=lambda one: (one["role"], one["path"]))
    return said
