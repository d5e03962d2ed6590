"""Runs the old program and the new one against the two emulators, and compares what their users would get."""
