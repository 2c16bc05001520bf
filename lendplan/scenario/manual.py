"""What the manual says of each key: the string that stands under it in the schema.

Read from the source when somebody asks. Pydantic could keep these strings with its fields, but it would read them each
time the schema is loaded, which takes as long as a tenth of a small book takes from file to plan.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache

from pydantic import BaseModel


@cache
def descriptions(block: type[BaseModel]) -> dict[str, str]:
    """Return key → what the manual says of it, for the keys of one block that have an entry.

    Parameters
    ----------
    block
        A model of the schema; its source must be at hand.
    """
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(block))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[statement.target.id] = inspect.cleandoc(text.value)
    return found
