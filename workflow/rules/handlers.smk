# How a run begins and ends.


onstart:
    handlers.begins()


onsuccess:
    handlers.succeeds()


onerror:
    handlers.stops()
