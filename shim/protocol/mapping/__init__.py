"""The tables: what of Speechmatics real-time becomes what of AssemblyAI Streaming v3.

One module per subject (`hosts`, `parameters`, `messages`, `errors`, `languages`): frozen dataclasses in tuples and
dicts, and small pure functions over them. The codemod, the drop-ins and the documentation all read these.
"""
