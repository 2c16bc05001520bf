"""The scenario: YAML with places, the schema, `extends` and `--set`, and every mistake said in plain words."""

from lendplan.scenario.editorschema import json_schema
from lendplan.scenario.reading import ScenarioFile, load_settings, settings_from
from lendplan.scenario.schema import Limit, Settings
from lendplan.scenario.values import Bound

__all__ = ["Bound", "Limit", "ScenarioFile", "Settings", "json_schema", "load_settings", "settings_from"]
