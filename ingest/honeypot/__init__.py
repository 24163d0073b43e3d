"""What honeypots were asked: the first data of each connection, read into rows of `requests`."""
