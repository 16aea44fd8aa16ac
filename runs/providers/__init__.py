"""Adapters to language models: typed completions or typed errors. Knows httpx and no Django."""
