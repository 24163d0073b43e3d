"""Small pure rules that judge one packet: its class and its tool."""
