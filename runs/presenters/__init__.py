"""Rows and figures turned into what a page shows. Reads nothing, writes nothing."""
