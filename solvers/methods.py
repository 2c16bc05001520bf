"""Which solver takes a problem: each is imported only where it is used, since Pyomo takes long to load."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from lendplan.models.problem import Problem
from lendplan.solvers.result import Options, Result

Formulation = Literal["joint", "two_stage"]
Method = Literal["auto", "lagrangian", "highs"]


def chosen(formulation: Formulation, method: Method) -> Method:
    """Return the method that takes a formulation: the Lagrangian solver takes `joint`, HiGHS through Pyomo takes all.

    Raises
    ------
    ValueError
        If the method does not take the formulation.
    """
    if method == "lagrangian" and formulation != "joint":
        raise ValueError("`lagrangian` solves `joint` alone; use `auto` or `highs`")
    if method != "auto":
        return method
    return "lagrangian" if formulation == "joint" else "highs"


def solve(problem: Problem, formulation: Formulation, method: Method, options: Options) -> Result:
    """Solve a problem by a method; ``Result.solver`` says which one it was, and whether ``auto`` chose it.

    Raises
    ------
    SolverError
        Where the answer cannot be trusted.
    ValueError
        If the method does not take the formulation.
    """
    if chosen(formulation, method) == "lagrangian":
        from lendplan.solvers import lagrangian

        result = lagrangian.solve(problem, options)
    else:
        from lendplan.solvers import highs

        result = highs.solve(problem, formulation, options)
    return result if method != "auto" else replace(result, solver=f"{result.solver}, chosen by auto")
