"""Unity Catalog: what there is, who owns it, who may do what with it."""
