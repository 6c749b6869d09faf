"""HTTP: the server of a service, what it lets in, and who may ask for what."""
