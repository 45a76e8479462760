"""What `import textgen` offers to programs and notebooks; docs/python.md describes it."""
