"""What is made of figures: report, charts, plots."""
