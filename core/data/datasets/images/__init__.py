"""Single image files: checked when they are first read, decoded with their values scaled to 8 bits, and thumbnails."""
