"""The trip desk: a traveller writes a wish, the desk books it, notes it in a calendar and answers by mail."""
