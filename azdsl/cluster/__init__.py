"""Islands on the workers of a Dask cluster (extra ``cluster``): whole epochs, shipped as bytes."""
