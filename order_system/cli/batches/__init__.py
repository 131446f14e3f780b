"""Commands about files of orders: plan, run, steer, outcome."""
