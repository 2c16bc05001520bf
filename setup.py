"""The one compiled module; all else is in pyproject.toml, whose own way to name such modules is still experimental."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "lendplan.solvers.compiled",
            ["solvers/compiled.pyx"],
            # a·b + c is rounded twice, as NumPy does it: the same numbers to the last bit.
            extra_compile_args=["-O3", "-ffp-contract=off"],
            optional=True,  # without a C compiler NumPy does the same
        )
    ]
)
