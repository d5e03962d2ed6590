"""Where projects declare what they need: a module per format, each with ``declared(text) -> list[Declared]``."""
