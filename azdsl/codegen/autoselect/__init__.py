"""The choice of the faster backend for each program, and its measurements."""
