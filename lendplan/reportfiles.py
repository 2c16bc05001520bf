"""A report on the disk: the page, and its figures as files; all of it or nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from lendplan.data.findings import Finding, InputError
from lendplan.errors import OutputError
from lendplan.interrupts import uninterrupted
from lendplan.reports.folder import FolderError, explained, refuse_strangers, staged, write_files
from lendplan.reports.onefile import is_page, refuse_to_replace, staged_file

if TYPE_CHECKING:
    from lendplan.reports.contents import Report

FIGURES = tuple(
    f"{name}.{suffix}" for name in ("frontier", "curve", "grades", "churn") for suffix in ("svg", "png")
)
"""What the folder of figures may hold."""
_FIGURES_OPTION = "--figures"


def refuse_places(source: Path, html: Path | None, figures: Path | None) -> None:
    """Refuse, before any work, places where a report cannot go.

    Parameters
    ----------
    source : the folder that is reported of
    html : where the page shall stand
    figures : the folder for the figures

    Raises
    ------
    OutputError
        If a file of somebody's stands there, or it lies within the folder that is reported of, which would then be
        no plan's any more.
    """
    try:
        _refuse(source, html, figures)
    except FolderError as error:
        raise OutputError(str(error)) from error
    except OSError as error:  # a name that is too long, say
        at_fault = html or figures or source
        raise OutputError(explained(at_fault, error, "--html or --figures")) from error


def _refuse(source: Path, html: Path | None, figures: Path | None) -> None:
    for place in (html, figures):
        if place is not None and place.resolve().is_relative_to(source.resolve()):
            raise FolderError(
                f"{place} lies within {source}, which holds nothing but what `optimize` wrote; choose another place"
            )
    if html is not None and figures is not None and html.resolve().is_relative_to(figures.resolve()):
        raise FolderError(f"{html} lies within the folder of the figures, {figures}; choose another place")
    if html is not None:
        if html.is_dir():
            raise FolderError(f"{html} is a folder; name a file")
        refuse_to_replace(html, is_page)
    if figures is not None:
        refuse_strangers(figures, FIGURES, _FIGURES_OPTION)
        for path in figures.glob("*.svg"):
            if f'id="{path.stem}-figure'.encode() not in path.read_bytes():
                raise FolderError(
                    f"{path} is no figure of an earlier report; choose another folder with --figures"
                )


def write_report(report: Report, html: Path | None, figures: Path | None) -> list[Path]:
    """Write a report as a page, as figures, or both.

    Parameters
    ----------
    report : what is told
    html : where the page shall stand
    figures : the folder for the figures, each as SVG and as PNG

    Returns
    -------
    list
        What was written: the page, then the figures.

    Raises
    ------
    InputError
        If a library of the extra `report` is not installed.
    OutputError
        If something cannot be written; what stood there before stands.
    """
    files = {} if figures is None else _figure_files(report)
    try:
        with contextlib.ExitStack() as stack:
            if html is not None:
                content = _page(report)
                stack.enter_context(staged_file(html, content, "--html", while_placing=uninterrupted))
            if figures is not None:
                staging = stack.enter_context(
                    staged(figures, FIGURES, while_placing=uninterrupted, option=_FIGURES_OPTION)
                )
                write_files(staging, files)
    except FolderError as error:
        raise OutputError(str(error)) from error
    pages = [] if html is None else [html]
    return pages + ([] if figures is None else [figures / name for name in files])


def _figure_files(report: Report) -> dict[str, bytes]:
    from lendplan.reports.figures import figures

    return {
        f"{figure.name}.{suffix}": content
        for figure in figures(report)
        for suffix, content in (("svg", _DECLARATION + figure.svg.encode()), ("png", figure.png))
    }


_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def _page(report: Report) -> bytes:
    try:
        import jinja2  # noqa: F401  (asked for by name, so that its lack is told as such)
    except ImportError as error:
        message = "a report takes Jinja2; install it with: pip install 'lendplan[report]'"
        raise InputError(Finding(message)) from error
    from lendplan.reports.page.page import page

    return page(report).encode()
