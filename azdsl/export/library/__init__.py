"""Models as compiled libraries, with a C header and a Python module."""
