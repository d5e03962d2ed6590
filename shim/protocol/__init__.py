"""Both vocabularies and the translation between them. No I/O, no clock, no threads; imports nothing of ours outside."""
