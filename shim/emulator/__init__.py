"""Both vendors' servers for this machine, driven by scenes: what is spoken, when, by whom, and the sound of it."""
