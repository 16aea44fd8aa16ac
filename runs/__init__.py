"""parweb's one app: plan, run, join and review many model calls."""
