"""The progress display of a running search: lines of text, a live display on a terminal or in a notebook."""
