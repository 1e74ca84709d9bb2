"""Every byte that leaves: names, encodings, stores, manifests and the order of publication."""
