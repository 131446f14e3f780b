"""The ports over HTTP, one POST a method. `client.py` is what `ORDER_PAYMENTS=http` names, `server.py` offers
any gateways so, and `openapi.yaml` is for a team that offers its own, in any language."""
