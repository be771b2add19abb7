"""A run shown: charts, the HTML page, plots and loggers. It gets a ``Run`` and draws it; it searches nothing."""
