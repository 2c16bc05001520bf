"""Golden LP files: what each constraint of a formulation looks like on paper, small enough to be checked by eye.

To write them anew after an intended change, and read the difference before it is kept::

    LENDPLAN_UPDATE_GOLDEN=1 pytest tests/models
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyomo.environ as pyo

from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Members, Problem, Row

FOLDER = Path(__file__).resolve().parents[1] / "models" / "lp"
UPDATE = os.environ.get("LENDPLAN_UPDATE_GOLDEN", "") not in ("", "0")


def tiny_problem() -> Problem:
    """Return A, free, any line of 10 to 50, and B, to be lent to, 20 to 60 in steps of 20; rates 4 % and 8 %.

    Retention of both is 1 and 0.5, so the exposure of a unit of line is 1 and 0.5, its interest 0.04 and 0.04.
    No more than 75 % of the exposure at B; at least 1.5 of interest.
    """
    return Problem(
        enterprise=np.array(["A", "B"], dtype=object),
        rates=np.array([0.04, 0.08]),
        retention=np.array([[1.0, 0.5]]),
        curve=np.zeros(2, dtype=np.int16),
        line_min=np.array([10.0, 20.0]),
        line_max=np.array([50.0, 60.0]),
        line_step=np.array([0.0, 20.0]),
        first_rate=np.zeros(2, dtype=np.int16),
        last_rate=np.ones(2, dtype=np.int16),
        must_lend=np.array([False, True]),
        default_probability=np.array([0.125, 0.25]),
        risk_weight=np.array([0.0625, 0.125]),
        risk_index=np.array([0.125, 0.25]),
        grade_factor=np.ones(2),
        economics=Economics(fixed_cost=0.25),
        budget=80.0,
        budget_basis="exposure",
        objective=Objective(kind="profit"),
        limits=(
            Row(
                "one name",
                "exposure",
                1,
                Members(np.array([-1, 0], np.int32), 0),
                share=0.75,
                rule="one name",
            ),
            Row("earn", "interest", -1, None, amount=1.5, rule="earn"),
        ),
    )


def constraint_names(model: pyo.ConcreteModel) -> list[str]:
    return [component.local_name for component in model.component_objects(pyo.Constraint)]


def check_golden(model: pyo.ConcreteModel, formulation: str, name: str, folder: Path) -> None:
    """Compare a model with one constraint left in it with its golden file."""
    for component in model.component_objects(pyo.Constraint):
        if component.local_name != name:
            component.deactivate()
    written = folder / "written.lp"
    model.write(str(written), io_options={"symbolic_solver_labels": True})
    golden = FOLDER / f"{formulation}.{name}.lp"
    text = written.read_text(encoding="utf-8")
    if UPDATE:
        FOLDER.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def golden_names(formulation: str) -> set[str]:
    return {path.stem.split(".", 1)[1] for path in FOLDER.glob(f"{formulation}.*.lp")}


def undocumented(model: pyo.ConcreteModel) -> list[str]:
    """Return the variables, constraints and objectives without a sentence on what they are."""
    return [
        component.local_name
        for component in model.component_objects((pyo.Constraint, pyo.Var, pyo.Objective))
        if not (component.doc or "").strip()
    ]
