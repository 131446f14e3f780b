"""All about the Temporal server: connecting, registering search attributes, queries, an embedded server."""
