"""Configuration and input to a plan: reading, splitting, rendering, estimating. Pure.

Everything that can be known before a call is made is refused here, beside its field.
"""
