"""Reads, always within one owner's rows. A foreign id is as unknown as one that never was."""
