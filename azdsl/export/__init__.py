"""Exports of programs: compiled libraries, source code, equations and pictures."""
