"""The independent check of a written plan: it knows the input tables (`lendplan.data`) and nothing else of ours."""
