"""Table objects (ListObjects) of a sheet: where they lie, and how they grow."""

from __future__ import annotations

from dataclasses import dataclass

from lendplan.reports.treasury.package import Package, SheetEntry, child, serialised
from lendplan.reports.treasury.references import Area, area_of


@dataclass(frozen=True)
class Table:
    """A table object.

    Parameters
    ----------
    part
        The part that defines it.
    name
        As formulas call it.
    area
        Its cells, header and totals included.
    totals
        Number of rows of totals at its end.
    """

    part: str
    name: str
    area: Area
    totals: int

    @property
    def columns(self) -> tuple[int, int]:
        """Its first and its last column."""
        return self.area.first_column, self.area.last_column

    @property
    def last_data_row(self) -> int:
        """Its last row above the totals."""
        return self.area.last_row - self.totals


def table_at(package: Package, entry: SheetEntry, row: int, column: int) -> Table | None:
    """Return the table whose header stands in a row and that has a column."""
    for relation in package.relations(entry.part):
        if relation.kind != "table" or relation.part not in package.parts.entries:
            continue
        root = package.xml(relation.part)
        area = area_of(root.get("ref", ""))
        if area is not None and area.first_row == row and (row, column) in area:
            name = root.get("displayName", root.get("name", relation.part))
            return Table(relation.part, name, area, int(root.get("totalsRowCount", "0")))
    return None


def stretched(package: Package, table: Table, last_row: int) -> bytes:
    """Return a table's part with its area, and that of its filter, reaching down to a row."""
    root = package.xml(table.part)
    for element in (root, child(root, "autoFilter")):
        area = None if element is None else area_of(element.get("ref", ""))
        if element is not None and area is not None:
            element.set("ref", str(area.stretched(last_row, area.last_column)))
    return serialised(root)


def pivot_areas(package: Package, entry: SheetEntry) -> list[Area]:
    """Return the rectangles that pivot tables of a sheet fill when they are refreshed."""
    areas = []
    for relation in package.relations(entry.part):
        if relation.kind == "pivotTable" and relation.part in package.parts.entries:
            location = child(package.xml(relation.part), "location")
            area = None if location is None else area_of(location.get("ref", ""))
            if area is not None:
                areas.append(area)
    return areas
