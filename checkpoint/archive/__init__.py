"""The whole state of a chain in one file: exported, proven, and imported elsewhere.

docs/archive-format.md describes the file.
"""

from checkpoint.archive.exporter import export_archive
from checkpoint.archive.importer import import_archive
from checkpoint.archive.json_lines import export_json_lines
from checkpoint.archive.state_builder import Summary

__all__ = ["Summary", "export_archive", "export_json_lines", "import_archive"]
