"""What only the pages of the book use."""
