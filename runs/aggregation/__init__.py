"""Joins: children's results in, an outcome or a wish for calls out. One file a method, no I/O."""
