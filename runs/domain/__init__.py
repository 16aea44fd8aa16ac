"""The vocabulary: frozen values and enums. Standard library only, no I/O."""
