"""How a problem is solved: continuous relaxation, HiGHS, and what to say when nothing is feasible."""
