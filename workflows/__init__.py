"""The workflows: `order.py` tells the story, `saga.py` undoes an order, and each child has its own file."""
