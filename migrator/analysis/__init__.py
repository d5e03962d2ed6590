"""What is known of one Python source: its text and positions, its names and values, where it mentions Speechmatics."""
