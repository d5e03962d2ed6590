"""The files around the code: what they say of Speechmatics follows what became of the code.

`kinds` says by their names which files these are. `run` takes them after the code, with the `outcome` of the code. Each
rule is a module with a pure function: the text of a file and the outcome in, changes and notes out.
"""
