"""What a seed file can say: its keys, their defaults, bounds and help."""
