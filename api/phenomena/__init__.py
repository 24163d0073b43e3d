"""What is worth a paragraph: phenomena found in daily counts, verified sensor by sensor, and put into words (Q16)."""
