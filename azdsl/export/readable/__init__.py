"""Programs as a person reads them: named, NumPy, LaTeX, graphs and explanations."""
