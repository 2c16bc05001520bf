"""Sphinx configuration. Build: ``sphinx-build -W -b html docs docs/_build``."""

import re
from importlib.metadata import version as version_of

project = "lendplan"
author = "the lendplan authors"
project_copyright = "the lendplan authors, Apache-2.0"
release = version = version_of("lendplan")

extensions = ["myst_parser", "sphinx.ext.mathjax", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_build"]
nitpicky = True
# The signatures name types of pandas, Pyomo and the standard library, whose pages are not looked up.
nitpick_ignore_regex = [("py:.*", r"(?!lendplan\.load$|lendplan\.from_frames$).*")]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"lendplan {release}"
html_static_path: list[str] = []
html_show_sphinx = False


def _spell_out_parameters(_app, _what, _name, _object, _options, lines):
    """Turn "name : what it is" into a name and its description; napoleon would take the words for a type."""
    for place in range(len(lines) - 1, -1, -1):
        found = re.fullmatch(r"( *)(\*{0,2}[a-z_]+(?:, [a-z_]+)*) : (.+)", lines[place])
        if found:
            indent, names, words = found.groups()
            lines[place : place + 1] = [f"{indent}{names}", f"{indent}    {words}"]


def setup(app):
    """Register the hook before napoleon reads the docstrings."""
    app.connect("autodoc-process-docstring", _spell_out_parameters, priority=100)
