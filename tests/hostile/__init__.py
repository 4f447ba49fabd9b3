"""The hostile set: files that mean harm, each with what has to become of it."""
