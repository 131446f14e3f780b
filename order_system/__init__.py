"""Order fulfilment on Temporal: the parts that workflows, activities and tools share."""

__version__ = "0.1.0"
