"""Programs for human readers: named values, NumPy, LaTeX, data-flow graphs and explanations."""
