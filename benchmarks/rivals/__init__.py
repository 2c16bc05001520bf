"""Other ways to solve the same problem, one file each: ``solve(problem, gap, seconds) -> Answer``."""

METHODS = {
    "ours": "lendplan",
    "highs_plain": "HiGHS, plain model",
    "highs_tight": "HiGHS, tight model",
    "scip": "SCIP",
    "cp_sat": "CP-SAT",
    "genetic": "genetic algorithm",
    "slsqp": "SLSQP, rounded",
}

# They do not know when they are within a gap: they run once, and count to the first of their plans that was.
PROVE_NOTHING = ("genetic", "slsqp")
