"""What the conformance kit says of our tools, of liars, and of honest tools of other kinds."""
