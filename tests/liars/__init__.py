"""Tools that lie about themselves, and honest ones, to hold the conformance kit to its word; see `catalogue`."""
