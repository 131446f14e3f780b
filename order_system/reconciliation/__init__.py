"""The reconciler as a program sees it: `client` runs it on its schedule or now, `abandoned` finds what it
would undo. What it does is `workflows/reconciliation.py`."""
