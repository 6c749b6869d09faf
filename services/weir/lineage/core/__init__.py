"""Pure parts of lineage: container blocks, ranges, gaps, trees."""
