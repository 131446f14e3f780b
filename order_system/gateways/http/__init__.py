"""The ports over HTTP, one POST for each method. `client.py` is what `ORDER_PAYMENTS=http` names. `server.py`
serves any gateways this way. `openapi.yaml` is for a team that serves its own, in any language."""
