"""What this process tells its operators: metrics, and traces (the extra `telemetry`). Off by default."""
