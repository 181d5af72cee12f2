"""What people read: the summary in the terminal and one self-contained page."""
