"""Pictures drawn with matplotlib, and saving them."""
