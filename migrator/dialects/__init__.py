"""What Speechmatics code looks like, one module per dialect."""
