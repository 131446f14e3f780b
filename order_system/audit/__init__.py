"""The order book held against the outside world's statement, as one reconciles with a bank statement. Begin
at `report.audit_now`. Needs no Temporal server."""
