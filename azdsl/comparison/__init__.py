"""Controlled comparison of search algorithms: the same budget, several seeds, success ratios and curves."""
