"""Charts as data: answers in, Vega-Lite specifications out, drawn by whoever needs them."""
