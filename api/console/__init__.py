"""The console: pages for people, drawn on the server from the answers that everything else is drawn from."""
