"""Order fulfilment on Temporal: all but workflows and activities. `docs/architecture.md` has the tree."""

__version__ = "0.1.0"
