"""What a run leaves on disk, published runs, and the list of all runs."""
