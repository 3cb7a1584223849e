"""A table of a SQLite database as a resource: `genericapiserver serve examples/sqlite_tables/tasks.py` (docs/sources.md)."""
