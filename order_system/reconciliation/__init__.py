"""The reconciler as a program sees it: `client` runs it on its schedule or now, `abandoned` finds what it
would undo. `workflows/reconciliation.py` has what it does."""
