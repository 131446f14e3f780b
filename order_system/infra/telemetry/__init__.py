"""What this process tells whoever watches it: metrics, and traces (the extra `telemetry`). Off by default."""
