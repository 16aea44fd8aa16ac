"""One run's wiring inside a worker: claim, load, compose, commit, sweep."""
