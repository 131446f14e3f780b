"""Compares the order book with the outside world's statement, as one reconciles with a bank statement. Begin
at `report.audit_now`. It needs no Temporal server."""
