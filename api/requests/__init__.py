"""What honeypots were asked: requests, their senders, and the vulnerabilities that they are after."""
