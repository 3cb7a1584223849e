"""Who asks: users and the ways to find out. Finished below row 5; may import rows 0 to 3."""
