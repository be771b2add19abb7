"""Reports of a run: charts, the HTML page, plots and loggers, all made from a ``Run``."""
