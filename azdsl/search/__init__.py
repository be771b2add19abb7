"""The search: its compiled kernel, islands, run directories and displays, and the scheduler that connects them."""
