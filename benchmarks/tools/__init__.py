"""What it takes to measure: machines, processes, turns, crowds, files."""
