"""Latency, throughput, cost and memory of orders."""
