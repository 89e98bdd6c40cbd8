"""Single image files: what is checked when they are first read, and how values of more than 8 bits are scaled."""
