"""Work from the command line: the worker process, and what an operator does to the queue."""
