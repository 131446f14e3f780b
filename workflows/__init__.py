"""The workflows: `order.py` is the story, `saga.py` the undoing, and one file for each child."""
