"""The codemod: rewrites Speechmatics real-time programs for AssemblyAI Streaming v3."""
