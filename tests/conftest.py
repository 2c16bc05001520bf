"""Make the helper module ``books`` importable, whatever folder a test stands in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
