"""Benchmarks: the figures of ``azdsl bench``, and the C programs that they are compared with."""
