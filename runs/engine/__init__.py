"""The asyncio engine: one coordinator a run, no framework, no HTTP, no database."""
