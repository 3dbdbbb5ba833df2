"""The tables of the booking server."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS departures (
    product_id TEXT NOT NULL REFERENCES products,
    id TEXT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    PRIMARY KEY (product_id, id)
);
CREATE TABLE IF NOT EXISTS bookings (
    uuid TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    product_id TEXT NOT NULL,
    option_id TEXT NOT NULL,
    availability_id TEXT NOT NULL,
    unit_ids TEXT NOT NULL,
    places INTEGER NOT NULL,
    total INTEGER NOT NULL,
    status TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    expires TEXT,
    confirmed TEXT,
    cancelled TEXT,
    fee INTEGER,
    reason TEXT,
    notes TEXT,
    reseller_reference TEXT,
    contact TEXT,
    FOREIGN KEY (product_id, availability_id) REFERENCES departures (product_id, id)
);
CREATE TABLE IF NOT EXISTS quotes (
    id TEXT PRIMARY KEY,
    booking_uuid TEXT NOT NULL REFERENCES bookings,
    status TEXT NOT NULL,
    fee INTEGER NOT NULL,
    expires TEXT NOT NULL
);
"""
