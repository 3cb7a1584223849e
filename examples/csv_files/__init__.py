"""Rows of CSV files as objects: `genericapiserver serve examples/csv_files/stock.py`, then edit a file (docs/sources.md)."""
