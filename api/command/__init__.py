"""The command `darkscope`: the one composition root. It may import every room; nothing imports it."""
