"""What the foundation costs: measured, never asserted."""
