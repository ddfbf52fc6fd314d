"""Images at URIs: objects, their local copies, Zarr stores, OMERO."""
