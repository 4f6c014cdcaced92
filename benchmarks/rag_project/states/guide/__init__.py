"""With the memory guide's fixes, exactly as it writes them."""
