"""A folder for ``PYTHONPATH``: whatever interpreter starts with it runs `sitecustomize` before the program's code."""
