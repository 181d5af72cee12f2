"""Virtual people, what they would report, and what is believed about an effect on them."""
