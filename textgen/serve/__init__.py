"""Serving models: texts of many clients are written together, without knowing of HTTP."""
