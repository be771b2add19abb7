"""The executor for Dask clusters (extra ``cluster``): epochs of islands run as tasks of a cluster."""
