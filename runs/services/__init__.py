"""Writes: keyword-only, atomic, and the worker is rung on commit. Knows no HTTP and no forms."""
