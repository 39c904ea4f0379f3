"""What outlives the process: a folder an interface, a file a technology, chosen by URL."""
