"""Where captures come from: files and folders, a spool, standard input, a live interface."""
