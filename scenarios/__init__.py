"""Scenarios that ship, each with its tables, and the generator of the simulated book.

``minimal.yaml`` comes first: its answer can be worked out by hand. Shipped files are read with
``importlib.resources.files("lendplan.scenarios")``, so they are found in a checkout and in an installed package.
"""
