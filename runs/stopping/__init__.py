"""When a vote has enough votes. Tallies in, numbers out: no I/O, no clock."""
