"""Images at URIs: objects in storage and on the web, their local copies, Zarr stores, OMERO's servers."""
