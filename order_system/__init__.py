"""Order fulfilment on Temporal: the parts that workflows, activities and tools share."""
